//! Why something ordered left no trace. For the log only: no outcome depends on it.

use std::fmt;

use synod_types::{CantonTimestamp, SequencerId};

/// Something in a block that should not have been there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// Sequencing time, if the event had got one, else the time that ordering gave it.
    pub time: CantonTimestamp,
    /// The sequencer that ordered it (not authenticated).
    pub origin: SequencerId,
    /// What was found; names the sender and message id if they are known.
    pub detail: String,
}

/// Kinds of [`Alarm`]s: Canton's ids (`SequencerError`, `SequencerErrors`), and the drops that Canton only logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// The bytes are no request.
    InvalidLedgerEvent,
    /// The sender is not registered. Canton has no id for it.
    SenderUnknown,
    /// The request is not signed by its sender.
    InvalidSubmissionRequestSignature,
    /// The request came too late. No fault of anybody; Canton has no id for it after ordering.
    MaxSequencingTimeExceeded,
    /// More than one mediator or mediator group is addressed.
    MultipleMediatorRecipients,
    /// An envelope does not open, or carries a signature that is not its sender's.
    InvalidEnvelopeSignature,
    /// The aggregation rule is impossible, or the sender may not take part.
    SubmissionRequestMalformed,
    /// The submission cost is missing or wrong.
    IncorrectEventCost,
    /// An acknowledged time is after the end of the previous block.
    InvalidAcknowledgementTimestamp,
    /// An acknowledgement is not signed by its member.
    InvalidAcknowledgementSignature,
}

impl AlarmKind {
    /// The id, as in Canton's log.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::InvalidLedgerEvent => "INVALID_LEDGER_EVENT",
            Self::SenderUnknown => "SEQUENCER_SENDER_UNKNOWN",
            Self::InvalidSubmissionRequestSignature => "INVALID_SUBMISSION_REQUEST_SIGNATURE",
            Self::MaxSequencingTimeExceeded => "MAX_SEQUENCING_TIME_EXCEEDED",
            Self::MultipleMediatorRecipients => "MULTIPLE_MEDIATOR_RECIPIENTS",
            Self::InvalidEnvelopeSignature => "INVALID_ENVELOPE_SIGNATURE",
            Self::SubmissionRequestMalformed => "SEQUENCER_SUBMISSION_REQUEST_MALFORMED",
            Self::IncorrectEventCost => "INCORRECT_EVENT_COST",
            Self::InvalidAcknowledgementTimestamp => "INVALID_ACKNOWLEDGEMENT_TIMESTAMP",
            Self::InvalidAcknowledgementSignature => "INVALID_ACKNOWLEDGEMENT_SIGNATURE",
        }
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
