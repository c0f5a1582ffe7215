//! The mediator: what it receives, what it decides and what it says.
//!
//! - [`messages`]: confirmation requests, root hash messages, responses, verdicts, as they are on the wire.
//! - [`rules`]: what follows from an event that a mediator receives.
//! - [`store`]: what a mediator keeps.
//! - [`build`]: making what participants send.

pub mod build;
pub mod messages;
pub mod rules;
pub mod store;
