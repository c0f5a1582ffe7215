//! The mediator: what it receives and what it says.
//!
//! - [`messages`]: confirmation requests, root hash messages, responses, verdicts, as they are on the wire.
//! - [`store`]: what a mediator keeps.
//! - [`build`]: making what participants send.

pub mod build;
pub mod messages;
pub mod store;
