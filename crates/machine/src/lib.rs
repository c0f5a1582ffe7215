//! The deterministic event pipeline of a sequencer: ordered blocks in, outcomes out (chapter 03 of the protocol notes).
//!
//! [`Machine::apply`] is a function of the block and the [`State`]: no clock, no randomness, no input or output. A [`BlockOutcome`]
//! is everything that has to be stored; a [`Checkpoint`] is the same state as plain data. Read along one block:
//!
//! 1. `machine`, `draft`: a block while it is applied;
//! 2. `ordered`: parsing, reordering, chunks; `times`: sequencing times;
//! 3. `validation`: what can be said about each submission by itself, in parallel;
//! 4. `sequential`: aggregation (`aggregate`), traffic ([`traffic`]), the stored event;
//! 5. `effects`: topology, registrations and purchases at the end of a chunk; `tick`: the end of the block;
//! 6. `app_hash`: what all nodes agree in; [`delivery`]: what a member reads of an event.
//!
//! [`checks`] holds the predicates that the gateway applies before ordering, too.

mod aggregate;
mod aggregations;
mod alarm;
mod app_hash;
mod block;
mod checkpoint;
pub mod checks;
pub mod delivery;
mod draft;
mod effects;
mod fault;
mod frames;
mod genesis;
mod groups;
mod history;
mod machine;
mod members;
mod ordered;
mod outcome;
mod parallel;
mod restore;
mod rules;
mod sequential;
mod state;
mod submission;
mod synchronizer;
mod texts;
mod tick;
mod times;
pub mod traffic;
mod validation;

pub use aggregations::{Aggregation, Aggregations};
pub use alarm::{Alarm, AlarmKind};
pub use block::{FrameStamp, OrderedBlock, OrderedEvent, OrderedKind};
pub use checkpoint::{Checkpoint, InFlightAggregation};
pub use fault::Fault;
pub use genesis::{checkpoint as genesis_checkpoint, genesis};
pub use machine::Machine;
pub use members::Members;
pub use ordered::MAX_BYTES_TO_DECOMPRESS;
pub use outcome::{
    AggregationChange, BlockOutcome, Contribution, EventKind, EventRecipients, EventRecord, Registration,
    ResolvedGroup, TrafficConsumed, TrafficPurchased,
};
pub use state::State;
pub use submission::{Addressed, SignedAcknowledgement, SignedSubmission};
