//! The mediator: what it receives, what it decides and what it says.
//!
//! - [`messages`]: confirmation requests, root hash messages, responses, verdicts, as they are on the wire.
//! - [`rules`]: how responses become a verdict.

pub mod messages;
pub mod rules;
