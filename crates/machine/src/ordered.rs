//! From ordered bytes to calls, in the order of processing (ch. 03 §3.2).

use synod_types::{CantonTimestamp, ProtocolVersion, SequencerId};
use synod_wire::SubmissionRequestType;

use crate::rules::Rules;
use crate::submission::{SignedAcknowledgement, SignedSubmission};
use crate::{Alarm, AlarmKind, OrderedEvent, OrderedKind};

/// Largest size of something decompressed after ordering, in bytes. A constant of the protocol
/// (`MaxBytesToDecompress.HardcodedDefault`), whatever the dynamic parameters say.
pub const MAX_BYTES_TO_DECOMPRESS: usize = 10 * 1024 * 1024;

/// A call of a member, ordered and parsed.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// The time that ordering gave, or that reordering gave instead.
    pub(crate) time: CantonTimestamp,
    pub(crate) origin: SequencerId,
    /// Place in the block.
    pub(crate) index: usize,
    pub(crate) call: Call,
}

/// What was called.
#[derive(Debug)]
pub(crate) enum Call {
    Send(Box<SignedSubmission>),
    Acknowledge(SignedAcknowledgement),
}

impl Ordered {
    pub(crate) fn parse(index: usize, event: &OrderedEvent, version: ProtocolVersion) -> Result<Self, Alarm> {
        let call = match event.kind {
            OrderedKind::Send => SignedSubmission::parse(&event.bytes, version, MAX_BYTES_TO_DECOMPRESS)
                .map(|submission| Call::Send(Box::new(submission))),
            OrderedKind::Acknowledge => SignedAcknowledgement::parse(&event.bytes, version).map(Call::Acknowledge),
        };
        match call {
            Ok(call) => Ok(Self { time: event.time, origin: event.origin.clone(), index, call }),
            Err(error) => Err(Alarm {
                kind: AlarmKind::InvalidLedgerEvent,
                time: event.time,
                origin: event.origin.clone(),
                detail: error.to_string(),
            }),
        }
    }

    /// Whether a chunk ends after this event.
    fn ends_chunk(&self) -> bool {
        matches!(&self.call, Call::Send(submission) if submission.addressed.sequencers())
    }

    fn priority(&self) -> u8 {
        match &self.call {
            Call::Send(submission) => priority(submission.request.request_type()),
            Call::Acknowledge(_) => 7,
        }
    }
}

/// Smaller comes first (`BlockReorderer`).
const fn priority(request_type: SubmissionRequestType) -> u8 {
    match request_type {
        SubmissionRequestType::Verdict | SubmissionRequestType::Unexpected => 0,
        SubmissionRequestType::ConfirmationResponse => 1,
        SubmissionRequestType::ConfirmationRequest => 2,
        SubmissionRequestType::Commitment => 3,
        SubmissionRequestType::TopologyTransaction => 4,
        SubmissionRequestType::TimeProof | SubmissionRequestType::LsuSequencingTest => 5,
        SubmissionRequestType::TopUp | SubmissionRequestType::TopUpMed => 6,
    }
}

/// The events in the order of processing. Where the version reorders, they are sorted by priority, then time, then their place in
/// the block, and get new times: the first one the smallest of all, each other one microsecond after the one before.
/// Acknowledgements take part in both.
pub(crate) fn in_processing_order(mut events: Vec<Ordered>, rules: &Rules) -> Vec<Ordered> {
    if !rules.reorders {
        return events;
    }
    let Some(mut time) = events.iter().map(|event| event.time).min() else { return events };
    events.sort_by_key(|event| (event.priority(), event.time));
    for event in &mut events {
        event.time = time;
        time = time.immediate_successor();
    }
    events
}

/// Cuts the events into chunks: each ends after a submission that addresses the sequencers or everybody. So within a chunk the
/// topology and the purchases that its events can see are the same (ch. 03 §3.3).
pub(crate) fn chunks(events: &[Ordered]) -> impl Iterator<Item = &[Ordered]> {
    events.split_inclusive(Ordered::ends_chunk)
}
