//! Signed messages (chapter 01 §6.1, `SignedContent`).

use bytes::Bytes;
use synod_crypto::Signature;
use synod_types::{CantonTimestamp, ProtocolVersion};

use crate::error::timestamp;
use crate::reader::{Reader, tag};
use crate::signature::{parse_signature, put_signatures};
use crate::writer::{put_delimited, put_number};
use crate::{MessageKind, ParseError, versioned};

/// A message and signatures over it. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedContent {
    /// The signed message as received, itself versioned: these bytes are hashed, never others.
    pub content: Bytes,
    signatures: Vec<Signature>,
    /// Time of the topology by which the sender of a submission computed its cost. Never set on events.
    pub timestamp_of_signing_key: Option<CantonTimestamp>,
}

impl SignedContent {
    /// A message with one signature.
    #[must_use]
    pub fn new(content: Bytes, signature: Signature, timestamp_of_signing_key: Option<CantonTimestamp>) -> Self {
        Self { content, signatures: vec![signature], timestamp_of_signing_key }
    }

    /// Reads a versioned `SignedContent`. Every version number is accepted. The content and the signatures are parts
    /// of `bytes`; the content is not looked at.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed, has no content or no signature, or a signature is not well formed.
    pub fn parse(bytes: &Bytes) -> Result<Self, ParseError> {
        let data = versioned::unwrap(bytes)?.data;
        let (mut content, mut signatures, mut micros) = (None, Vec::new(), None);
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => content = Some(reader.shared(&data)?),
                tag::D2 => signatures.push(parse_signature(&data, reader.bytes()?)?),
                tag::V3 => micros = Some(reader.int64()?),
                unknown => reader.skip(unknown)?,
            }
        }
        let content = content.ok_or(ParseError::FieldNotSet { field: "content" })?;
        if signatures.is_empty() {
            return Err(ParseError::FieldNotSet { field: "signatures" });
        }
        let timestamp_of_signing_key =
            micros.map(|micros| timestamp("timestamp_of_signing_key", micros)).transpose()?;
        Ok(Self { content, signatures, timestamp_of_signing_key })
    }

    /// All signatures, at least one.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The signature that counts (`SignedContent.signature`).
    #[must_use]
    pub fn last_signature(&self) -> &Signature {
        self.signatures.last().expect("there is at least one by construction")
    }

    /// The versioned message.
    #[must_use]
    pub fn to_versioned_bytes(&self, version: ProtocolVersion) -> Bytes {
        let mut buffer = Vec::with_capacity(self.content.len() + 32 + self.signatures.len() * 160);
        put_delimited(&mut buffer, 1, &self.content);
        put_signatures(&mut buffer, 2, &self.signatures);
        if let Some(time) = self.timestamp_of_signing_key {
            put_number(&mut buffer, 3, time.as_micros());
        }
        MessageKind::SignedContent.wrap(version, &buffer)
    }
}
