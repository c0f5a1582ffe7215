//! Acknowledgements (chapter 01 §1.5, `AcknowledgeRequest`).

use bytes::Bytes;
use synod_crypto::{Hash, acknowledgement_hash};
use synod_types::{CantonTimestamp, Member, ProtocolVersion};

use crate::error::{identifier, timestamp};
use crate::reader::{Reader, tag};
use crate::writer::{put_bytes, put_int};
use crate::{MessageKind, ParseError};

/// A member says that it processed its events up to a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeRequest {
    /// The versioned message as received: what is signed.
    pub bytes: Bytes,
    /// The member.
    pub member: Member,
    /// The time of the last event that it processed.
    pub timestamp: CantonTimestamp,
}

impl AcknowledgeRequest {
    /// The acknowledgement of `member` up to `timestamp`.
    #[must_use]
    pub fn new(member: Member, timestamp: CantonTimestamp, version: ProtocolVersion) -> Self {
        let mut buffer = Vec::new();
        put_bytes(&mut buffer, 1, member.to_string().as_bytes());
        put_int(&mut buffer, 2, timestamp.as_micros());
        Self { bytes: MessageKind::AcknowledgeRequest.wrap(version, &buffer), member, timestamp }
    }

    /// Reads a versioned `AcknowledgeRequest`. Every version number is accepted.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed, or member or time are none.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let data = MessageKind::AcknowledgeRequest.unwrap(version, bytes)?;
        let (mut member, mut micros) = ("", 0);
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => member = reader.text()?,
                tag::V2 => micros = reader.int64()?,
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(Self {
            bytes: bytes.clone(),
            member: Member::parse(member).map_err(identifier("member"))?,
            timestamp: timestamp("timestamp", micros)?,
        })
    }

    /// What the member signs.
    #[must_use]
    pub fn hash(&self) -> Hash {
        acknowledgement_hash(&self.bytes)
    }
}
