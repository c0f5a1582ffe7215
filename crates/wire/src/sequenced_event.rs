//! What a member receives (chapter 01 §6.3).

use bytes::Bytes;
use synod_types::{CantonTimestamp, MessageId, PhysicalSynchronizerId, ProtocolVersion};

use crate::batch::BatchMessage;
use crate::error::{identifier, timestamp};
use crate::reader::{Reader, tag, varint};
use crate::submission_request::is_time_proof_id;
use crate::writer::{put_bytes, put_delimited, put_int, put_number};
use crate::{Batch, MessageKind, ParseError, TrafficReceipt, schema, traffic, versioned};

/// An event of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedEvent {
    /// Time of the member's event before this one; none for its first.
    pub previous_timestamp: Option<CantonTimestamp>,
    /// Sequencing time.
    pub timestamp: CantonTimestamp,
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// The sender's name for the submission; only the sender gets it.
    pub message_id: Option<MessageId>,
    /// What happened.
    pub content: SequencedEventContent,
    /// Topology time of the submission.
    pub topology_timestamp: Option<CantonTimestamp>,
    /// What the submission cost; only the sender gets it.
    pub traffic_receipt: Option<TrafficReceipt>,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequencedEventContent {
    /// A batch was delivered, perhaps an empty one.
    Deliver {
        /// What the member may see of it.
        batch: Batch,
    },
    /// The member's submission was rejected.
    Error {
        /// `google.rpc.Status` (not versioned).
        status: Bytes,
    },
}

/// Number of the field of the time before: what differs between versions.
const fn previous_timestamp_field(version: ProtocolVersion) -> u32 {
    match version {
        ProtocolVersion::V34 => 9,
        ProtocolVersion::V35 | ProtocolVersion::Dev => 1,
    }
}

/// The fields on the wire.
#[derive(Default)]
struct Fields<'a> {
    previous_timestamp: Option<i64>,
    timestamp: i64,
    psid: &'a str,
    message_id: Option<&'a str>,
    batch: Option<BatchMessage>,
    /// All occurrences, which is how occurrences of a message are merged.
    status: Option<Bytes>,
    topology_timestamp: Option<i64>,
    traffic_receipt: Option<[i64; 3]>,
}

impl<'a> Fields<'a> {
    fn parse(data: &'a Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        let mut fields = Self::default();
        let previous = varint(previous_timestamp_field(version));
        let mut reader = Reader::new(data);
        while let Some(found) = reader.next_tag()? {
            match found {
                found if found == previous => fields.previous_timestamp = Some(reader.int64()?),
                tag::V2 => fields.timestamp = reader.int64()?,
                tag::D3 => fields.psid = reader.text()?,
                tag::D4 => fields.message_id = Some(reader.text()?),
                tag::D5 => {
                    let batch = fields.batch.get_or_insert_with(|| BatchMessage::new(version, limit));
                    batch.merge(data, reader.bytes()?)?;
                }
                tag::D6 => fields.add_status(reader.shared(data)?)?,
                tag::V7 => fields.topology_timestamp = Some(reader.int64()?),
                tag::D8 => traffic::merge_receipt(fields.traffic_receipt.get_or_insert_default(), reader.bytes()?)?,
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(fields)
    }

    fn add_status(&mut self, part: Bytes) -> Result<(), ParseError> {
        schema::STATUS.check(&part)?;
        self.status = Some(match self.status.take() {
            None => part,
            Some(before) => [before, part].concat().into(),
        });
        Ok(())
    }
}

impl SequencedEvent {
    /// Reads a versioned event. Of the batch the recipients are decompressed (in protocol version 34 all of it), to
    /// at most `limit` bytes.
    ///
    /// Unlike elsewhere, the version of the message says only how to read it; whether the event is one of `version`,
    /// the synchronizer id in it says (`DeliverError.representativeProtocolVersion`).
    ///
    /// # Errors
    /// [`ParseError`] exactly when Canton's parser refuses.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        const KIND: MessageKind = MessageKind::SequencedEvent;
        let message = versioned::unwrap(bytes)?;
        let read_as = KIND.read_version(message.version);
        let fields = Fields::parse(&message.data, read_as, limit)?;
        let time = |field, micros: Option<i64>| micros.map(|micros| timestamp(field, micros)).transpose();
        let psid = PhysicalSynchronizerId::parse(fields.psid).map_err(identifier("physical_synchronizer_id"))?;
        let (expected, found) = (KIND.proto_version(version), KIND.proto_version(psid.protocol_version()));
        if expected != found {
            return Err(ParseError::Version { message: KIND.name(), expected, found });
        }
        let message_id = fields.message_id.map(MessageId::parse).transpose().map_err(identifier("message_id"))?;
        let topology_timestamp = time("topology_timestamp", fields.topology_timestamp)?;
        let content = match (fields.batch, fields.status) {
            (Some(batch), None) => SequencedEventContent::Deliver { batch: batch.batch()? },
            (None, Some(_)) if message_id.is_none() => return Err(ParseError::FieldNotSet { field: "message_id" }),
            (None, Some(_)) if topology_timestamp.is_some() => return Err(ParseError::TopologyTimestampOfError),
            (None, Some(status)) => SequencedEventContent::Error { status },
            (Some(_), Some(_)) | (None, None) => return Err(ParseError::EventKind),
        };
        Ok(Self {
            previous_timestamp: time("previous_timestamp", fields.previous_timestamp)?,
            timestamp: timestamp("timestamp", fields.timestamp)?,
            psid,
            message_id,
            content,
            topology_timestamp,
            traffic_receipt: fields.traffic_receipt.map(TrafficReceipt::of_numbers).transpose()?,
        })
    }

    /// The versioned event, as Canton writes it: what the sequencer signs.
    #[must_use]
    pub fn to_versioned_bytes(&self) -> Bytes {
        let version = self.psid.protocol_version();
        let previous = previous_timestamp_field(version);
        let mut buffer = Vec::new();
        let put_time = |buffer: &mut Vec<u8>, field, time: Option<CantonTimestamp>| {
            if let Some(time) = time {
                put_number(buffer, field, time.as_micros());
            }
        };
        if previous < 2 {
            put_time(&mut buffer, previous, self.previous_timestamp);
        }
        put_int(&mut buffer, 2, self.timestamp.as_micros());
        put_bytes(&mut buffer, 3, self.psid.to_string().as_bytes());
        if let Some(message_id) = &self.message_id {
            put_delimited(&mut buffer, 4, message_id.as_str().as_bytes());
        }
        match &self.content {
            SequencedEventContent::Deliver { batch } => put_delimited(&mut buffer, 5, &batch.to_compressed_proto()),
            SequencedEventContent::Error { status } => put_delimited(&mut buffer, 6, status),
        }
        put_time(&mut buffer, 7, self.topology_timestamp);
        if let Some(receipt) = &self.traffic_receipt {
            put_delimited(&mut buffer, 8, &receipt.to_proto_bytes());
        }
        if previous > 8 {
            put_time(&mut buffer, previous, self.previous_timestamp);
        }
        MessageKind::SequencedEvent.wrap(version, &buffer)
    }

    /// Whether it proves to its sender that time has passed (`TimeProof.fromEvent`).
    #[must_use]
    pub fn is_time_proof(&self) -> bool {
        matches!(&self.content, SequencedEventContent::Deliver { batch } if batch.is_empty())
            && self.message_id.as_ref().is_some_and(is_time_proof_id)
    }
}
