//! What a mediator decides, and nothing of how it hears or says it: no I/O, no clock, no randomness.
//!
//! - [`ConfirmationRequest`]: one type over all kinds of requests.
//! - [`ResponseAggregation`]: the votes on a request, and when they make a verdict.
//! - [`status`]: the exact reasons that a mediator gives.
//! - [`jvm_order`]: the order in which a mediator of Canton meets parties and views. It is part of what a group of
//!   mediators has to agree on byte for byte.

mod aggregation;
pub mod jvm_order;
mod request;
#[cfg(test)]
pub(crate) mod requests;
pub mod status;

pub use aggregation::{
    Answered, Applied, ConfirmingHosts, Discarded, Equivocation, Finalized, NotApproved, PartyVotes, PendingQuorum,
    ResponseAggregation, UnresponsiveHost, ViewState, Vote,
};
pub use request::{ConfirmationRequest, RequestView, ViewNumber};
