//! Ordering frames: what a sequencer hands to consensus in the decentralized mode, and how a block of them is opened.
//!
//! Every node has to accept and refuse exactly the same bytes, so a frame has one encoding only, and everything that
//! judges a frame ([`Opening`]) depends on the frame, the state after the previous block and the header's time alone.

mod content;
mod error;
mod opening;
mod sealed;

pub use content::{FrameContent, MAX_FRAME_BYTES, MAX_FRAME_ENTRIES, NONCE_BYTES};
pub use error::{FrameRejection, InvalidFrame};
pub use opening::{MAX_BLOCK_EVENTS, MAX_FRAME_VALIDITY_MICROS, OpenedBlock, Opening, next_base_time};
pub use sealed::{FrameSigner, OrderingFrame};

#[cfg(test)]
mod tests;
