//! Signed requests (chapter 01 §6.1).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use synod_crypto::{KeyUsages, acknowledgement_hash, submission_request_hash};
use synod_types::{CantonTimestamp, MessageId, ProtocolVersion};
use synod_wire::{AcknowledgeRequest, AggregationRule, Batch, SignedContent, SubmissionRequestContent};

use crate::{ClientError, MemberIdentity};

/// What a member asks to be sequenced.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The member's name for it.
    pub message_id: MessageId,
    /// What goes to whom.
    pub batch: Batch,
    /// When it is too late.
    pub max_sequencing_time: CantonTimestamp,
    /// With whom it is delivered together.
    pub aggregation_rule: Option<AggregationRule>,
    /// What the member thinks that it costs, in bytes.
    pub submission_cost: Option<i64>,
    /// The topology by which the member computed the cost.
    pub timestamp_of_signing_key: Option<CantonTimestamp>,
}

impl Submission {
    /// A batch without aggregation and cost.
    #[must_use]
    pub const fn new(message_id: MessageId, batch: Batch, max_sequencing_time: CantonTimestamp) -> Self {
        Self {
            message_id,
            batch,
            max_sequencing_time,
            aggregation_rule: None,
            submission_cost: None,
            timestamp_of_signing_key: None,
        }
    }

    /// The bytes to send: versioned `SignedContent` around the request, signed with the member's protocol key.
    ///
    /// # Errors
    /// [`ClientError::Sign`].
    pub fn sign(self, identity: &MemberIdentity, version: ProtocolVersion) -> Result<Bytes, ClientError> {
        let timestamp_of_signing_key = self.timestamp_of_signing_key;
        let content = SubmissionRequestContent {
            sender: identity.member().clone(),
            message_id: self.message_id,
            batch: self.batch,
            max_sequencing_time: self.max_sequencing_time,
            topology_timestamp: None,
            aggregation_rule: self.aggregation_rule,
            submission_cost: self.submission_cost,
        }
        .to_versioned_bytes(version);
        let signature = identity
            .protocol_key()
            .sign(&submission_request_hash(&content), KeyUsages::PROTOCOL)
            .map_err(ClientError::Sign)?;
        Ok(SignedContent::new(content, signature, timestamp_of_signing_key).to_versioned_bytes(version))
    }
}

/// The time that a submission must be sequenced by when it is sent now and has `within` to get there, by the clock of this
/// machine. Sequencers refuse more than two minutes (chapter 01 §6.1).
#[must_use]
pub fn max_sequencing_time(within: Duration) -> CantonTimestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CantonTimestamp::EPOCH.saturating_add(now.saturating_add(within))
}

/// The bytes that acknowledge everything up to `time`.
///
/// # Errors
/// [`ClientError::Sign`].
pub fn sign_acknowledgement(
    identity: &MemberIdentity,
    time: CantonTimestamp,
    version: ProtocolVersion,
) -> Result<Bytes, ClientError> {
    let request = AcknowledgeRequest::new(identity.member().clone(), time, version);
    let signature = identity
        .protocol_key()
        .sign(&acknowledgement_hash(&request.bytes), KeyUsages::PROTOCOL)
        .map_err(ClientError::Sign)?;
    Ok(SignedContent::new(request.bytes, signature, None).to_versioned_bytes(version))
}
