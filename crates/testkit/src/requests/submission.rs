//! Requests as members sign them.

use bytes::Bytes;
use synod_crypto::{
    Hash, KeyUsages, Signature, SignatureDelegation, ValidityPeriod, acknowledgement_hash, protocol_message_hash,
    session_delegation_hash, submission_request_hash,
};
use synod_types::{CantonTimestamp, Member, MessageId, ProtocolVersion, Recipient, SynchronizerId};
use synod_wire::{
    AcknowledgeRequest, AggregationRule, Batch, Envelope, Recipients, SignedContent, SubmissionRequestContent,
};

use super::TestMember;
use super::member::key;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// A submission that is being built: no envelope, no end, no cost.
#[derive(Debug, Clone)]
pub struct Submission {
    sender: TestMember,
    content: SubmissionRequestContent,
    envelopes: Vec<(Envelope, Recipients)>,
    timestamp_of_signing_key: Option<CantonTimestamp>,
}

impl Submission {
    /// A submission of `sender`.
    ///
    /// # Panics
    /// When the message id is too long.
    #[must_use]
    pub fn new(sender: &TestMember, message_id: &str) -> Self {
        let content = SubmissionRequestContent {
            sender: sender.member().clone(),
            message_id: MessageId::parse(message_id).expect("a short message id"),
            batch: Batch::empty(VERSION),
            max_sequencing_time: CantonTimestamp::MAX,
            topology_timestamp: None,
            aggregation_rule: None,
            submission_cost: None,
        };
        Self { sender: sender.clone(), content, envelopes: Vec::new(), timestamp_of_signing_key: None }
    }

    /// Adds an envelope for these recipients, in one group.
    ///
    /// # Panics
    /// When there is no recipient, or one is none.
    #[must_use]
    pub fn to(self, recipients: &[&str], content: &[u8]) -> Self {
        self.envelope(envelope(content, &[]), recipients)
    }

    /// Adds an envelope that the sender signed.
    ///
    /// # Panics
    /// As [`Self::to`].
    #[must_use]
    pub fn signed_to(self, recipients: &[&str], content: &[u8]) -> Self {
        let signer = self.sender.clone();
        self.envelope(envelope(content, &[&signer]), recipients)
    }

    /// Adds this envelope for these recipients, in one group.
    ///
    /// # Panics
    /// As [`Self::to`].
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope, recipients: &[&str]) -> Self {
        let parsed = recipients.iter().map(|text| Recipient::parse(text).expect("a recipient"));
        self.envelopes.push((envelope, Recipients::group(parsed).expect("at least one recipient")));
        self
    }

    /// Sets the maximum sequencing time.
    #[must_use]
    pub fn until(mut self, max_sequencing_time: CantonTimestamp) -> Self {
        self.content.max_sequencing_time = max_sequencing_time;
        self
    }

    /// Sets the topology time.
    #[must_use]
    pub fn topology_timestamp(mut self, time: CantonTimestamp) -> Self {
        self.content.topology_timestamp = Some(time);
        self
    }

    /// Makes it a part of an aggregation.
    #[must_use]
    pub fn aggregation(mut self, rule: AggregationRule) -> Self {
        self.content.aggregation_rule = Some(rule);
        self
    }

    /// Sets the submission cost, and the time of the topology by which it was computed.
    #[must_use]
    pub fn cost(mut self, cost: i64, timestamp_of_signing_key: Option<CantonTimestamp>) -> Self {
        self.content.submission_cost = Some(cost);
        self.timestamp_of_signing_key = timestamp_of_signing_key;
        self
    }

    /// Sets the time of the topology by which no cost was due.
    #[must_use]
    pub fn signed_at(mut self, timestamp_of_signing_key: CantonTimestamp) -> Self {
        self.timestamp_of_signing_key = Some(timestamp_of_signing_key);
        self
    }

    /// The versioned request that is signed.
    #[must_use]
    pub fn request(&self) -> Bytes {
        let batch = Batch::new(VERSION, self.envelopes.clone());
        SubmissionRequestContent { batch, ..self.content.clone() }.to_versioned_bytes(VERSION)
    }

    /// What is ordered, signed by the sender.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes_signed(|hash| self.sender.sign(hash))
    }

    /// What is ordered, signed in another way.
    #[must_use]
    pub fn bytes_signed(&self, sign: impl FnOnce(&Hash) -> Signature) -> Bytes {
        let request = self.request();
        let signature = sign(&submission_request_hash(&request));
        SignedContent::new(request, signature, self.timestamp_of_signing_key).to_versioned_bytes(VERSION)
    }
}

/// An acknowledgement of `member` up to `time`, signed by `signer`.
#[must_use]
pub fn acknowledgement(member: &Member, time: CantonTimestamp, signer: &TestMember) -> Bytes {
    let request = AcknowledgeRequest::new(member.clone(), time, VERSION);
    let signature = signer.sign(&acknowledgement_hash(&request.bytes));
    SignedContent::new(request.bytes, signature, None).to_versioned_bytes(VERSION)
}

/// An envelope with signatures of these members, in this order.
#[must_use]
pub fn envelope(content: &[u8], signers: &[&TestMember]) -> Envelope {
    let hash = protocol_message_hash(content);
    let signatures = signers.iter().map(|signer| signer.sign(&hash)).collect();
    Envelope { content: Bytes::copy_from_slice(content), signatures }
}

/// A signature of `hash` by the session key `name`, which the protocol key of `member` authorized for `validity` on `synchronizer`.
///
/// # Panics
/// Never: the key is fit for sessions.
#[must_use]
pub fn session_signature(
    member: &TestMember,
    name: &str,
    synchronizer: &SynchronizerId,
    validity: ValidityPeriod,
    hash: &Hash,
) -> Signature {
    let session = key(name, KeyUsages::PROTOCOL);
    let authorization = member.sign(&session_delegation_hash(synchronizer, session.public_key(), &validity));
    let delegation = SignatureDelegation::new(session.public_key().clone(), validity, authorization);
    let delegation = delegation.expect("the key is for protocol messages alone");
    session.sign(hash, KeyUsages::PROTOCOL).expect("the key is for protocol messages").with_delegation(delegation)
}
