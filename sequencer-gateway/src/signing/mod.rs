//! Signatures of this sequencer: on events that it delivers, and on what it submits itself.

mod keys;
mod signer;

pub use keys::PrivateKeys;
pub(crate) use signer::{EventSigner, SigningFault};
