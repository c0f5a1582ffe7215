//! Signed requests (chapter 01 §6.1).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use synod_crypto::{Hash, Signature, acknowledgement_hash, submission_request_hash};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId, ProtocolVersion};
use synod_wire::{
    AcknowledgeRequest, AggregationRule, Batch, ParseError, SignedContent, SubmissionRequest, SubmissionRequestContent,
};

use crate::event::MAX_DECOMPRESSED_BYTES;
use crate::{Amplification, ClientError, MemberIdentity, MemberSigner};

/// What a member asks to be sequenced.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The member's name for it.
    pub message_id: MessageId,
    /// What goes to whom.
    pub batch: Batch,
    /// When it is too late.
    pub max_sequencing_time: CantonTimestamp,
    /// The topology that recipients and signatures are resolved by; that of the sequencing time when absent.
    pub topology_timestamp: Option<CantonTimestamp>,
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
            topology_timestamp: None,
            aggregation_rule: None,
            submission_cost: None,
            timestamp_of_signing_key: None,
        }
    }

    /// With the rule that delivers it once, if it may go to several sequencers and has no rule yet (`performSend`).
    #[must_use]
    pub fn amplified(mut self, amplification: Amplification) -> Self {
        if amplification.factor > 1 && self.aggregation_rule.is_none() {
            self.aggregation_rule = Some(AggregationRule::SenderDeduplication);
        }
        self
    }

    /// The bytes to send: versioned `SignedContent` around the request, signed with the first protocol key of the member.
    ///
    /// # Errors
    /// [`ClientError::NoProtocolKey`], [`ClientError::Sign`].
    pub fn sign(self, identity: &MemberIdentity, version: ProtocolVersion) -> Result<Bytes, ClientError> {
        self.sign_blindly(identity.signer(), version)
    }

    /// The submission, signed with the key that the member has in `topology`.
    ///
    /// # Errors
    /// [`ClientError::NoProtocolKey`], [`ClientError::Sign`].
    pub fn sign_in(self, signer: &MemberSigner, topology: &Snapshot) -> Result<SignedSubmission, ClientError> {
        let (message_id, max_sequencing_time) = (self.message_id.clone(), self.max_sequencing_time);
        let is_delivered_once = self.aggregation_rule.is_some();
        let version = topology.psid().protocol_version();
        let bytes = self.signed(signer, version, |hash| signer.sign(hash, topology))?;
        Ok(SignedSubmission { bytes, message_id, max_sequencing_time, is_delivered_once })
    }

    pub(crate) fn sign_blindly(self, signer: &MemberSigner, version: ProtocolVersion) -> Result<Bytes, ClientError> {
        self.signed(signer, version, |hash| signer.sign_blindly(hash))
    }

    fn signed(
        self,
        signer: &MemberSigner,
        version: ProtocolVersion,
        sign: impl FnOnce(&Hash) -> Result<Signature, ClientError>,
    ) -> Result<Bytes, ClientError> {
        let timestamp_of_signing_key = self.timestamp_of_signing_key;
        let content = SubmissionRequestContent {
            sender: signer.member().clone(),
            message_id: self.message_id,
            batch: self.batch,
            max_sequencing_time: self.max_sequencing_time,
            topology_timestamp: self.topology_timestamp,
            aggregation_rule: self.aggregation_rule,
            submission_cost: self.submission_cost,
        }
        .to_versioned_bytes(version);
        let signature = sign(&submission_request_hash(&content))?;
        Ok(SignedContent::new(content, signature, timestamp_of_signing_key).to_versioned_bytes(version))
    }
}

/// A submission as it is sent, and what one has to know of it to send it to several sequencers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedSubmission {
    /// Versioned `SignedContent`.
    pub bytes: Bytes,
    /// By this the member recognizes the receipt.
    pub message_id: MessageId,
    /// When it is too late.
    pub max_sequencing_time: CantonTimestamp,
    /// It has an aggregation rule, so that it is delivered once however often it is sent.
    pub is_delivered_once: bool,
}

impl SignedSubmission {
    /// Reads back the bytes of a submission that was signed earlier.
    ///
    /// # Errors
    /// [`ParseError`] when they are not such bytes.
    pub fn parse(bytes: Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let content = SignedContent::parse(&bytes)?.content;
        let request = SubmissionRequest::parse(&content, version, MAX_DECOMPRESSED_BYTES)?;
        Ok(Self {
            bytes,
            message_id: request.message_id,
            max_sequencing_time: request.max_sequencing_time,
            is_delivered_once: request.aggregation_rule.is_some(),
        })
    }
}

/// The time that a submission must be sequenced by when it is sent now and has `within` to get there, by the clock of this
/// machine. Sequencers refuse more than two minutes (chapter 01 §6.1).
#[must_use]
pub fn max_sequencing_time(within: Duration) -> CantonTimestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CantonTimestamp::EPOCH.saturating_add(now.saturating_add(within))
}

/// The bytes that acknowledge everything up to `time`, signed with the first protocol key of the member.
///
/// # Errors
/// [`ClientError::NoProtocolKey`], [`ClientError::Sign`].
pub fn sign_acknowledgement(
    identity: &MemberIdentity,
    time: CantonTimestamp,
    version: ProtocolVersion,
) -> Result<Bytes, ClientError> {
    let signer = identity.signer();
    acknowledgement(signer, time, version, |hash| signer.sign_blindly(hash))
}

pub(crate) fn acknowledgement(
    signer: &MemberSigner,
    time: CantonTimestamp,
    version: ProtocolVersion,
    sign: impl FnOnce(&Hash) -> Result<Signature, ClientError>,
) -> Result<Bytes, ClientError> {
    let request = AcknowledgeRequest::new(signer.member().clone(), time, version);
    let signature = sign(&acknowledgement_hash(&request.bytes))?;
    Ok(SignedContent::new(request.bytes, signature, None).to_versioned_bytes(version))
}
