//! What a member receives (chapter 01 §6.3).

use bytes::Bytes;
use synod_crypto::{Hash, sequenced_event_hash};
use synod_types::{CantonTimestamp, MessageId, PhysicalSynchronizerId, ProtocolVersion};

use crate::error::{identifier, timestamp};
use crate::reader::{Reader, tag};
use crate::submission_request::is_time_proof_id;
use crate::writer::{put_bytes, put_delimited, put_int, put_number};
use crate::{Batch, MessageKind, ParseError, TrafficReceipt};

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

/// Numbers of the fields that differ between versions.
const fn previous_timestamp_field(version: ProtocolVersion) -> u32 {
    match version {
        ProtocolVersion::V34 => 9,
        ProtocolVersion::V35 | ProtocolVersion::Dev => 1,
    }
}

#[derive(Default)]
struct Fields<'a> {
    previous_timestamp: Option<i64>,
    timestamp: i64,
    psid: &'a str,
    message_id: Option<&'a str>,
    batch: Option<Bytes>,
    status: Option<Bytes>,
    topology_timestamp: Option<i64>,
    traffic_receipt: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn parse(data: &'a Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let mut fields = Self::default();
        let previous = crate::reader::varint(previous_timestamp_field(version));
        let mut reader = Reader::new(data);
        while let Some(found) = reader.next_tag()? {
            match found {
                found if found == previous => fields.previous_timestamp = Some(reader.int64()?),
                tag::V2 => fields.timestamp = reader.int64()?,
                tag::D3 => fields.psid = reader.text()?,
                tag::D4 => fields.message_id = Some(reader.text()?),
                tag::D5 => fields.batch = Some(reader.shared(data)?),
                tag::D6 => fields.status = Some(reader.shared(data)?),
                tag::V7 => fields.topology_timestamp = Some(reader.int64()?),
                tag::D8 => fields.traffic_receipt = Some(reader.bytes()?),
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(fields)
    }
}

impl SequencedEvent {
    /// Reads a versioned event. Of the batch the recipients are decompressed, to at most `limit` bytes.
    ///
    /// # Errors
    /// [`ParseError`] exactly when Canton's parser refuses.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        let data = MessageKind::SequencedEvent.unwrap(version, bytes)?;
        let fields = Fields::parse(&data, version)?;
        let time = |field, micros: Option<i64>| micros.map(|micros| timestamp(field, micros)).transpose();
        let psid = PhysicalSynchronizerId::parse(fields.psid)
            .map_err(identifier("SequencedEvent.physical_synchronizer_id"))?;
        if psid.protocol_version() != version {
            let number = ProtocolVersion::number;
            let (expected, found) = (number(version), number(psid.protocol_version()));
            return Err(ParseError::Version { message: "SequencedEvent", expected, found });
        }
        let message_id = fields.message_id.map(MessageId::parse).transpose().map_err(identifier("message_id"))?;
        let topology_timestamp = time("topology_timestamp", fields.topology_timestamp)?;
        let content = match (fields.batch, fields.status) {
            (Some(batch), None) => {
                SequencedEventContent::Deliver { batch: Batch::parse_compressed_proto(&batch, version, limit)? }
            }
            (None, Some(status)) => {
                if message_id.is_none() {
                    return Err(ParseError::FieldNotSet { field: "message_id" });
                }
                if topology_timestamp.is_some() {
                    return Err(ParseError::TopologyTimestampOfError);
                }
                check_status(&status)?;
                SequencedEventContent::Error { status }
            }
            _ => return Err(ParseError::EventKind),
        };
        Ok(Self {
            previous_timestamp: time("previous_timestamp", fields.previous_timestamp)?,
            timestamp: timestamp("timestamp", fields.timestamp)?,
            psid,
            message_id,
            content,
            topology_timestamp,
            traffic_receipt: fields.traffic_receipt.map(TrafficReceipt::parse_proto).transpose()?,
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

    /// What the sequencer signs.
    #[must_use]
    pub fn hash(&self) -> Hash {
        sequenced_event_hash(&self.to_versioned_bytes())
    }

    /// Whether it proves to its sender that time has passed (`TimeProof.fromEvent`).
    #[must_use]
    pub fn is_time_proof(&self) -> bool {
        matches!(&self.content, SequencedEventContent::Deliver { batch } if batch.is_empty())
            && self.message_id.as_ref().is_some_and(is_time_proof_id)
    }
}

/// A status has to be well formed.
fn check_status(status: &Bytes) -> Result<(), ParseError> {
    let mut reader = Reader::new(status);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::V1 => drop(reader.int32()?),
            tag::D2 => drop(reader.text()?),
            tag::D3 => drop(reader.bytes()?),
            unknown => reader.skip(unknown)?,
        }
    }
    Ok(())
}
