//! Rows of the mediator's tables, as plain data.

use bytes::Bytes;
use synod_types::{CantonTimestamp, MessageId};

use crate::messages::RequestUuid;

/// A request's UUID is taken until a time (chapter 04 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeduplicationRow {
    /// The UUID.
    pub uuid: RequestUuid,
    /// When the request was sequenced.
    pub request_time: CantonTimestamp,
    /// The last time at which another request with the UUID is a duplicate.
    pub expire_after: CantonTimestamp,
}

/// A request that was decided, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalizedRow {
    /// When the request was sequenced.
    pub request_id: CantonTimestamp,
    /// The request as received: versioned `EnvelopeContent`.
    pub request: Bytes,
    /// When it was decided.
    pub finalization_time: CantonTimestamp,
    /// Versioned `Verdict`.
    pub verdict: Bytes,
}

/// A signed submission of a verdict, not seen sequenced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRow {
    /// Its message id: no two submissions have the same.
    pub message_id: MessageId,
    /// The request that it decides.
    pub request_id: CantonTimestamp,
    /// What is sent: versioned `SignedContent` of the submission request.
    pub signed: Bytes,
    /// When it is to be sent, unless it has been sequenced by then.
    pub send_at: CantonTimestamp,
    /// Its max sequencing time: later it is of no use.
    pub decision_time: CantonTimestamp,
}
