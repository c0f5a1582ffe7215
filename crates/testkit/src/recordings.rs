//! Recordings: folders that hold one run of a Canton network. See `tests/recordings/README.md` for what is in them.
//!
//! Nothing here interprets the protocol beyond the recording's own framing: bodies and payloads stay bytes.

mod folder;
mod ordered;
mod wire;

pub use folder::{Recording, Row};
pub use ordered::{OrderedRow, Request, TracedBatchedBlockOrderingRequests, TracedBlockOrderingRequest};
pub use wire::{Call, End, Message, Metadata};
