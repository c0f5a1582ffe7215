//! Messages that say their version (chapter 01 §3, `UntypedVersionedMessage`), and the table of versions.

use bytes::Bytes;
use synod_types::ProtocolVersion;

use crate::ParseError;
use crate::reader::{Reader, tag};
use crate::writer::{field_size, put_delimited, put_int, varint_size};

/// Content of a versioned message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Version of the message definition (30, 31, …) as written. Any number may be here.
    pub version: i32,
    /// The encoded message: a part of the bytes it was read from.
    pub data: Bytes,
}

/// Writes a versioned message. The content is there even when it is empty.
#[must_use]
pub fn wrap(version: i32, data: &[u8]) -> Bytes {
    let mut buffer = Vec::with_capacity(field_size(data.len()) + 1 + varint_size(i64::from(version).cast_unsigned()));
    put_delimited(&mut buffer, 1, data);
    put_int(&mut buffer, 2, i64::from(version));
    buffer.into()
}

/// Reads a versioned message.
///
/// # Errors
/// [`ParseError`] when it is malformed or has no content.
pub fn unwrap(bytes: &Bytes) -> Result<Versioned, ParseError> {
    let mut reader = Reader::new(bytes);
    let (mut data, mut version) = (None, 0);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::D1 => data = Some(reader.shared(bytes)?),
            tag::V2 => version = reader.int32()?,
            unknown => reader.skip(unknown)?,
        }
    }
    let data = data.ok_or(ParseError::FieldNotSet { field: "data" })?;
    Ok(Versioned { version, data })
}

/// Kinds of messages that are written with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// `AcknowledgeRequest`
    AcknowledgeRequest,
    /// `Batch`
    Batch,
    /// `EnvelopeContent`
    EnvelopeContent,
    /// `SequencedEvent`
    SequencedEvent,
    /// `SetTrafficPurchasedMessage`
    SetTrafficPurchasedMessage,
    /// `SignedContent`
    SignedContent,
    /// `SubmissionRequest`
    SubmissionRequest,
    /// `SubmitterMetadata`
    SubmitterMetadata,
    /// All topology messages: `TopologyTransaction`, `SignedTopologyTransaction`,
    /// `StaticSynchronizerParameters`, …
    Topology,
    /// `TypedSignedProtocolMessageContent`
    TypedSignedProtocolMessageContent,
    /// `google.rpc.Status` as Canton stores it.
    VersionedStatus,
}

impl MessageKind {
    /// Name, and the versions with the protocol version from which each counts, in ascending order.
    const fn table(self) -> (&'static str, &'static [(i32, ProtocolVersion)]) {
        const ONLY_30: &[(i32, ProtocolVersion)] = &[(30, ProtocolVersion::V34)];
        const ONLY_1: &[(i32, ProtocolVersion)] = &[(1, ProtocolVersion::V34)];
        const FROM_30: &[(i32, ProtocolVersion)] = &[(30, ProtocolVersion::V34), (31, ProtocolVersion::V35)];
        match self {
            Self::AcknowledgeRequest => ("AcknowledgeRequest", ONLY_30),
            Self::Batch => ("Batch", FROM_30),
            Self::EnvelopeContent => ("EnvelopeContent", FROM_30),
            Self::SequencedEvent => ("SequencedEvent", FROM_30),
            Self::SetTrafficPurchasedMessage => ("SetTrafficPurchasedMessage", ONLY_1),
            Self::SignedContent => ("SignedContent", ONLY_30),
            Self::SubmissionRequest => ("SubmissionRequest", FROM_30),
            Self::SubmitterMetadata => ("SubmitterMetadata", FROM_30),
            Self::Topology => ("topology message", ONLY_30),
            Self::TypedSignedProtocolMessageContent => ("TypedSignedProtocolMessageContent", ONLY_30),
            Self::VersionedStatus => ("VersionedStatus", ONLY_30),
        }
    }

    /// Canton's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.table().0
    }

    /// The version in which messages of this kind are written under `version`.
    #[must_use]
    pub fn proto_version(self, version: ProtocolVersion) -> i32 {
        let versions = self.table().1;
        versions.iter().rev().find(|(_, from)| *from <= version).unwrap_or(&versions[0]).0
    }

    /// The version as which a message that says `found` is read: an unknown number is read as the highest one
    /// (`SupportedProtoVersions.deserializerFor`).
    #[must_use]
    pub fn read_as(self, found: i32) -> i32 {
        self.read_entry(found).0
    }

    /// The protocol version that a message is read by which says `found`: see [`Self::read_as`].
    #[must_use]
    pub fn read_version(self, found: i32) -> ProtocolVersion {
        self.read_entry(found).1
    }

    fn read_entry(self, found: i32) -> (i32, ProtocolVersion) {
        let versions = self.table().1;
        let known = versions.iter().find(|(version, _)| *version == found);
        *known.unwrap_or(&versions[versions.len() - 1])
    }

    /// Writes the encoded message `data` with the version of `version`.
    #[must_use]
    pub fn wrap(self, version: ProtocolVersion, data: &[u8]) -> Bytes {
        wrap(self.proto_version(version), data)
    }

    /// Reads a versioned message, and the version to decode it as: the one of the protocol version
    /// (`VersioningCompanion.fromByteString`).
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed, has no content, or is to be read as another version.
    pub fn unwrap(self, version: ProtocolVersion, bytes: &Bytes) -> Result<Bytes, ParseError> {
        let message = unwrap(bytes)?;
        let (expected, found) = (self.proto_version(version), self.read_as(message.version));
        if expected != found {
            return Err(ParseError::Version { message: self.name(), expected, found });
        }
        Ok(message.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_read_as_the_highest() {
        let message = wrap(99, b"");
        assert!(MessageKind::Batch.unwrap(ProtocolVersion::V35, &message).is_ok());
        assert!(MessageKind::Batch.unwrap(ProtocolVersion::Dev, &message).is_ok());
        assert!(MessageKind::Batch.unwrap(ProtocolVersion::V34, &message).is_err());
        assert!(MessageKind::SignedContent.unwrap(ProtocolVersion::V34, &message).is_ok());
        assert!(MessageKind::Batch.unwrap(ProtocolVersion::V35, &wrap(30, b"")).is_err());
        assert!(MessageKind::Batch.unwrap(ProtocolVersion::V34, &wrap(30, b"")).is_ok());
    }

    #[test]
    fn content_is_required_but_may_be_empty() {
        assert_eq!(&wrap(30, b"")[..], [0x0a, 0x00, 0x10, 0x1e]);
        assert!(unwrap(&Bytes::from_static(&[0x10, 0x1e])).is_err());
        assert_eq!(unwrap(&Bytes::from_static(&[0x0a, 0x00])).map(|message| message.version), Ok(0));
    }
}
