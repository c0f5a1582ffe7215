//! What a mediator decides, and nothing of how it hears or says it: no I/O, no clock, no randomness.
//!
//! - [`MediatorRules`]: an event in, its [`Outcome`] out.
//! - [`ConfirmationRequest`]: one type over all kinds of requests.
//! - [`ResponseAggregation`]: the votes on a request, and when they make a verdict.
//! - [`status`]: the exact reasons that a mediator gives.
//! - [`latest_safe_pruning_time`]: up to when decided requests may be deleted.
//! - [`jvm_order`]: the order in which a mediator of Canton meets parties and views. It is part of what a group of
//!   mediators has to agree on byte for byte.

mod aggregation;
mod alarm;
mod deduplication;
mod hosting;
pub mod jvm_order;
mod known;
mod mediator;
mod opening;
mod output;
mod pruning;
mod request;
#[cfg(test)]
pub(crate) mod requests;
mod responses;
mod settings;
pub mod status;
mod submissions;
mod validation;

pub use aggregation::{
    Answered, Applied, ConfirmingHosts, Discarded, Equivocation, Finalized, NotApproved, PartyVotes, PendingQuorum,
    ResponseAggregation, UnresponsiveHost, ViewState, Vote,
};
pub use alarm::{Alarm, AlarmKind, Severity};
pub use deduplication::DeduplicationEntry;
pub use mediator::MediatorRules;
pub use output::{FinalizedRequest, Outcome, SendDecision, VerdictSubmission};
pub use pruning::latest_safe_pruning_time;
pub use request::{ConfirmationRequest, RequestView, ViewNumber};
pub use settings::{RulesSettings, SendingSettings};
