//! Submission requests (chapter 01 §6.1, `SubmissionRequest`).

use bytes::Bytes;
use synod_crypto::{Hash, submission_request_hash};
use synod_types::{CantonTimestamp, Member, MessageId, ProtocolVersion};

use crate::aggregation::{AggregationIdParts, RuleMessage};
use crate::batch::BatchMessage;
use crate::error::{at_least, identifier, timestamp};
use crate::reader::{Reader, tag};
use crate::writer::{put_bytes, put_delimited, put_int, put_number};
use crate::{AggregationId, AggregationRule, Batch, MessageKind, ParseError, RecipientKinds, SubmissionRequestType};

/// Message ids of time proofs begin so.
const TIME_PROOF_PREFIX: &str = "tick-";

/// What a member asks to be sequenced. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRequest {
    /// The versioned message as received: what is signed.
    pub bytes: Bytes,
    /// Who sends it.
    pub sender: Member,
    /// The sender's name for it.
    pub message_id: MessageId,
    /// Envelopes and recipients.
    pub batch: Batch,
    /// It must not be sequenced later than this.
    pub max_sequencing_time: CantonTimestamp,
    /// Time of the topology that resolves groups; the sequencing time when unset. Not possible from protocol version
    /// 35 on, but it parses.
    pub topology_timestamp: Option<CantonTimestamp>,
    /// Set when it contributes to an aggregation.
    pub aggregation_rule: Option<AggregationRule>,
    /// Traffic cost in bytes as the sender computed it; not negative.
    pub submission_cost: Option<i64>,
    recipient_kinds: RecipientKinds,
}

/// The parts of a new submission request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRequestContent {
    /// See [`SubmissionRequest::sender`].
    pub sender: Member,
    /// See [`SubmissionRequest::message_id`].
    pub message_id: MessageId,
    /// See [`SubmissionRequest::batch`].
    pub batch: Batch,
    /// See [`SubmissionRequest::max_sequencing_time`].
    pub max_sequencing_time: CantonTimestamp,
    /// See [`SubmissionRequest::topology_timestamp`].
    pub topology_timestamp: Option<CantonTimestamp>,
    /// See [`SubmissionRequest::aggregation_rule`].
    pub aggregation_rule: Option<AggregationRule>,
    /// See [`SubmissionRequest::submission_cost`].
    pub submission_cost: Option<i64>,
}

/// The fields on the wire.
#[derive(Default)]
struct Fields<'a> {
    sender: &'a str,
    message_id: &'a str,
    batch: Option<BatchMessage>,
    max_sequencing_time: i64,
    topology_timestamp: Option<i64>,
    aggregation_rule: Option<RuleMessage<'a>>,
    submission_cost: Option<i64>,
}

impl<'a> Fields<'a> {
    fn parse(data: &'a Bytes, new_batch: impl Fn() -> BatchMessage) -> Result<Self, ParseError> {
        let mut fields = Self::default();
        let mut reader = Reader::new(data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => fields.sender = reader.text()?,
                tag::D2 => fields.message_id = reader.text()?,
                tag::D4 => fields.batch.get_or_insert_with(&new_batch).merge(data, reader.bytes()?)?,
                tag::V5 => fields.max_sequencing_time = reader.int64()?,
                tag::V6 => fields.topology_timestamp = Some(reader.int64()?),
                tag::D7 => fields.aggregation_rule.get_or_insert_default().merge(reader.bytes()?)?,
                tag::D8 => merge_cost(fields.submission_cost.get_or_insert(0), reader.bytes()?)?,
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(fields)
    }
}

/// Reads a `SequencingSubmissionCost`.
fn merge_cost(cost: &mut i64, message: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(message);
    while let Some(found) = reader.next_tag()? {
        if found == tag::V1 {
            *cost = reader.int64()?;
        } else {
            reader.skip(found)?;
        }
    }
    Ok(())
}

impl SubmissionRequest {
    /// Reads a versioned `SubmissionRequest`. Of the batch are decompressed the recipients (in protocol version 34
    /// all of it) to at most `limit` bytes; envelopes stay compressed and are parts of `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] exactly when Canton's parser refuses.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        let data = MessageKind::SubmissionRequest.unwrap(version, bytes)?;
        let fields = Fields::parse(&data, || BatchMessage::new(version, limit))?;
        let time = |field, micros: Option<i64>| micros.map(|micros| timestamp(field, micros)).transpose();
        let sender = Member::parse(fields.sender).map_err(identifier("sender"))?;
        let message_id = MessageId::parse(fields.message_id).map_err(identifier("message_id"))?;
        let max_sequencing_time = timestamp("max_sequencing_time", fields.max_sequencing_time)?;
        let topology_timestamp = time("topology_timestamp", fields.topology_timestamp)?;
        let aggregation_rule = fields.aggregation_rule.map(|rule| rule.rule(version)).transpose()?;
        let submission_cost = fields.submission_cost.map(|cost| at_least("cost", 0, cost)).transpose()?;
        // Last, because it is the dearest.
        let batch = fields.batch.ok_or(ParseError::FieldNotSet { field: "batch" })?.batch()?;
        let recipient_kinds = batch.recipient_kinds();
        Ok(Self {
            bytes: bytes.clone(),
            sender,
            message_id,
            batch,
            max_sequencing_time,
            topology_timestamp,
            aggregation_rule,
            submission_cost,
            recipient_kinds,
        })
    }

    /// What the sender signs.
    #[must_use]
    pub fn hash(&self) -> Hash {
        submission_request_hash(&self.bytes)
    }

    /// Which kinds of recipients it has; computed when it was parsed.
    #[must_use]
    pub const fn recipient_kinds(&self) -> RecipientKinds {
        self.recipient_kinds
    }

    /// What kind of request it is.
    #[must_use]
    pub fn request_type(&self) -> SubmissionRequestType {
        self.recipient_kinds.request_type(&self.sender)
    }

    /// Whether it addresses at most one mediator or mediator group; everybody counts as one.
    #[must_use]
    pub const fn at_most_one_mediator(&self) -> bool {
        self.recipient_kinds.at_most_one_mediator
    }

    /// Whether it looks like a request for a time proof (`TimeProof.isTimeProofSubmission`).
    #[must_use]
    pub fn is_time_proof(&self) -> bool {
        self.batch.is_empty() && is_time_proof_id(&self.message_id)
    }

    /// The id of the aggregation that it contributes to; `None` without a rule. Opens all envelopes, each of at most
    /// `limit` bytes.
    ///
    /// # Errors
    /// [`ParseError`] when an envelope is malformed or too large.
    pub fn aggregation_id(&self, limit: usize) -> Result<Option<AggregationId>, ParseError> {
        let Some(rule) = &self.aggregation_rule else { return Ok(None) };
        let parts = AggregationIdParts {
            sender: &self.sender,
            max_sequencing_time: self.max_sequencing_time,
            topology_timestamp: self.topology_timestamp,
            rule,
        };
        let envelopes = self.batch.recipients().iter().enumerate();
        let envelopes = envelopes
            .map(|(index, recipients)| self.batch.open_envelope(index, limit).map(|envelope| (envelope, recipients)));
        parts.id(self.batch.len(), envelopes).map(Some)
    }
}

/// Whether a message id is one of time proofs (`TimeProof.isTimeEventMessageId`).
pub(crate) fn is_time_proof_id(message_id: &MessageId) -> bool {
    message_id.as_str().starts_with(TIME_PROOF_PREFIX)
}

impl SubmissionRequestContent {
    /// The versioned message, as Canton writes it.
    #[must_use]
    pub fn to_versioned_bytes(&self, version: ProtocolVersion) -> Bytes {
        let mut buffer = Vec::new();
        put_bytes(&mut buffer, 1, self.sender.to_string().as_bytes());
        put_bytes(&mut buffer, 2, self.message_id.as_str().as_bytes());
        put_delimited(&mut buffer, 4, &self.batch.to_compressed_proto());
        put_int(&mut buffer, 5, self.max_sequencing_time.as_micros());
        if let Some(time) = self.topology_timestamp {
            put_number(&mut buffer, 6, time.as_micros());
        }
        if let Some(rule) = &self.aggregation_rule {
            put_delimited(&mut buffer, 7, &rule.encode());
        }
        if let Some(cost) = self.submission_cost {
            let mut message = Vec::new();
            put_int(&mut message, 1, cost);
            put_delimited(&mut buffer, 8, &message);
        }
        MessageKind::SubmissionRequest.wrap(version, &buffer)
    }
}
