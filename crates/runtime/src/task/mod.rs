//! Supervised tasks: nothing runs unwatched, nothing ends unnoticed, and the node stops in an order that loses nothing.
//!
//! A node stops in the order of [`Phase`]: intake, block, streams, store. The tasks of a phase are told to stop when all
//! tasks of the phases before have ended (or were aborted because they took too long), so that a task may count on the
//! later ones being there until it has ended.

mod fault;
mod kind;
mod supervisor;
#[cfg(test)]
mod tests;

pub use fault::NodeFault;
pub use kind::{Phase, Policy, TaskKind};
pub use supervisor::{BoxError, SHUTDOWN_LIMIT, StopReason, Stopped, Supervisor};
