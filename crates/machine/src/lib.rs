//! The deterministic event pipeline of a sequencer: ordered blocks in, outcomes out.

mod alarm;
mod block;
mod checkpoint;
mod outcome;

pub use alarm::{Alarm, AlarmKind};
pub use block::{FrameStamp, OrderedBlock, OrderedEvent, OrderedKind};
pub use checkpoint::{Checkpoint, InFlightAggregation};
pub use outcome::{
    AggregationChange, BlockOutcome, Contribution, EventKind, EventRecipients, EventRecord, Registration, ResolvedGroup,
    TrafficConsumed, TrafficPurchased,
};
