//! The mediator: what it receives, what it decides, what it keeps and what it says.
//!
//! - [`messages`]: confirmation requests, root hash messages, responses, verdicts, as they are on the wire.
//! - [`rules`]: an event in, what follows from it out.
//! - [`store`]: what a mediator keeps.
//! - [`node`]: a running mediator.
//! - [`build`]: making what participants send.

pub mod build;
pub mod messages;
pub mod node;
pub mod rules;
pub mod store;
