//! What follows from an event.

use std::time::Duration;

use bytes::Bytes;
use synod_types::{CantonTimestamp, Fingerprint, MediatorGroupIndex, ParticipantId};
use synod_wire::AggregationRule;

use super::alarm::Alarm;
use super::deduplication::DeduplicationEntry;
use crate::messages::{ConfirmationResult, LfParty, Verdict};

/// A request that is decided, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalizedRequest {
    /// When it was sequenced.
    pub request_id: CantonTimestamp,
    /// The versioned `EnvelopeContent` as received.
    pub request: Bytes,
    /// When it was decided: that of the request itself, of the last response, or 1 µs after the deadline.
    pub finalization_time: CantonTimestamp,
    /// How.
    pub verdict: Verdict,
}

/// When this mediator sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    /// At once.
    Now,
    /// As a spare: after this time, unless the decision time is near.
    After(Duration),
    /// Not at all: it is no active mediator of the group.
    Never,
}

/// A result on its way to participants: one batch with one envelope, not signed yet (chapter 04 §4.3, §4.4).
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictSubmission {
    /// The request.
    pub request_id: CantonTimestamp,
    /// What is said.
    pub result: ConfirmationResult,
    /// To whom, at least one: each participant is in a tree of its own, in this order.
    pub recipients: Vec<ParticipantId>,
    /// The mediators that say it.
    pub group: MediatorGroupIndex,
    /// How they say it together.
    pub aggregation_rule: Option<AggregationRule>,
    /// The topology by which recipients and signatures are resolved; none in protocol version 35.
    pub topology_timestamp: Option<CantonTimestamp>,
    /// The decision time.
    pub max_sequencing_time: CantonTimestamp,
    /// When this mediator sends it.
    pub send: SendDecision,
    /// Keys that this mediator has for the protocol at the time of the request, in the order of its mapping: one of them
    /// signs the result.
    pub signing_keys: Vec<Fingerprint>,
}

/// Everything that follows from one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Time of the event.
    pub time: CantonTimestamp,
    /// Requests whose ids are used from now on: at most one.
    pub deduplicated: Vec<DeduplicationEntry>,
    /// Requests that are decided now, in the order of their decision.
    pub finalized: Vec<FinalizedRequest>,
    /// What is sent, in order. Of a request that was decided before, as after a restart, the same again.
    pub submissions: Vec<VerdictSubmission>,
    /// What is worth a line in the log.
    pub alarms: Vec<Alarm>,
    /// Requests that wait for responses now.
    pub opened: usize,
    /// Parties, and participants that did not answer for them in time.
    pub unresponsive: Vec<(LfParty, ParticipantId)>,
    /// Who answered, and how many microseconds after the first one.
    pub response_latencies: Vec<(ParticipantId, i64)>,
}

impl Outcome {
    pub(super) const fn at(time: CantonTimestamp) -> Self {
        Self {
            time,
            deduplicated: Vec::new(),
            finalized: Vec::new(),
            submissions: Vec::new(),
            alarms: Vec::new(),
            opened: 0,
            unresponsive: Vec::new(),
            response_latencies: Vec::new(),
        }
    }
}
