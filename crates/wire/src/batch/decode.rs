//! Reading batches.

use bytes::Bytes;
use synod_types::ProtocolVersion;

use super::{Batch, Contents, Envelope};
use crate::reader::{Reader, tag};
use crate::recipients::{RecipientsDecoder, SHORTEST_RECIPIENTS};
use crate::signature::parse_signature;
use crate::{MessageKind, ParseError, Recipients, gzip};

/// Number of no compression.
const UNSPECIFIED: i32 = 0;

/// Number of gzip.
pub(super) const GZIP: i32 = 1;

/// A `CompressedBatch` as it is on the wire, in the fields of both versions: what version 30 calls the batch, version
/// 31 calls the recipients, in the same field.
pub(crate) struct BatchMessage {
    version: ProtocolVersion,
    limit: usize,
    algorithm: i32,
    compressed: Bytes,
    envelopes: Vec<Bytes>,
}

impl BatchMessage {
    /// An empty message. Its recipients, or in protocol version 34 all of it, are decompressed to at most `limit`
    /// bytes.
    pub(crate) const fn new(version: ProtocolVersion, limit: usize) -> Self {
        Self { version, limit, algorithm: UNSPECIFIED, compressed: Bytes::new(), envelopes: Vec::new() }
    }

    /// Reads the message, a part of `source`.
    pub(crate) fn merge(&mut self, source: &Bytes, message: &[u8]) -> Result<(), ParseError> {
        // There can be no more recipients: more envelopes are refused before they take memory.
        let most_envelopes = self.limit.max(source.len()) / SHORTEST_RECIPIENTS;
        let has_envelopes = self.version > ProtocolVersion::V34;
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::V1 => self.algorithm = reader.int32()?,
                tag::D2 => self.compressed = reader.shared(source)?,
                tag::D3 if has_envelopes => {
                    self.envelopes.push(reader.shared(source)?);
                    if self.envelopes.len() > most_envelopes {
                        let envelopes = self.envelopes.len();
                        return Err(ParseError::EnvelopeCount { recipients: most_envelopes, envelopes });
                    }
                }
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(())
    }

    pub(crate) fn batch(self) -> Result<Batch, ParseError> {
        let decompressed = match self.algorithm {
            // Canton does not apply the limit here: nothing grows.
            UNSPECIFIED => self.compressed.clone(),
            GZIP => gzip::decompress(&self.compressed, self.limit)?,
            number => return Err(ParseError::Compression { number }),
        };
        if self.version <= ProtocolVersion::V34 { parse_open(&decompressed) } else { self.parse_closed(&decompressed) }
    }

    /// Reads `DecompressedRecipients`; the envelopes stay as they are.
    fn parse_closed(self, decompressed: &[u8]) -> Result<Batch, ParseError> {
        let mut recipients = Vec::with_capacity(self.envelopes.len());
        let mut decoder = RecipientsDecoder::default();
        let mut reader = Reader::new(decompressed);
        while let Some(found) = reader.next_tag()? {
            if found == tag::D1 {
                recipients.push(decoder.recipients(&[reader.bytes()?])?);
            } else {
                reader.skip(found)?;
            }
        }
        if recipients.len() != self.envelopes.len() {
            let (recipients, envelopes) = (recipients.len(), self.envelopes.len());
            return Err(ParseError::EnvelopeCount { recipients, envelopes });
        }
        Ok(Batch { recipients: recipients.into(), contents: Contents::Compressed(self.envelopes), canonical: None })
    }
}

/// Reads a `Batch` of version 30.
fn parse_open(batch: &Bytes) -> Result<Batch, ParseError> {
    let (mut envelopes, mut recipients) = (Vec::new(), Vec::new());
    let mut decoder = RecipientsDecoder::default();
    let mut reader = Reader::new(batch);
    while let Some(found) = reader.next_tag()? {
        if found == tag::D1 {
            let (envelope, to) = parse_open_envelope(batch, reader.bytes()?, &mut decoder)?;
            envelopes.push(envelope);
            recipients.push(to);
        } else {
            reader.skip(found)?;
        }
    }
    Ok(Batch { recipients: recipients.into(), contents: Contents::Open(envelopes), canonical: None })
}

fn parse_open_envelope<'a>(
    source: &Bytes,
    message: &'a [u8],
    decoder: &mut RecipientsDecoder<'a>,
) -> Result<(Envelope, Recipients), ParseError> {
    let (mut content, mut recipients, mut signatures) = (Bytes::new(), Vec::new(), Vec::new());
    let mut reader = Reader::new(message);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::D1 => content = reader.shared(source)?,
            tag::D2 => recipients.push(reader.bytes()?),
            tag::D3 => signatures.push(parse_signature(source, reader.bytes()?)?),
            unknown => reader.skip(unknown)?,
        }
    }
    Ok((Envelope { content, signatures }, decoder.recipients(&recipients)?))
}

impl Envelope {
    /// Reads an `EnvelopeWithoutRecipients` (version 31, decompressed). Its bytes are parts of `source`.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed.
    pub fn parse(source: &Bytes) -> Result<Self, ParseError> {
        let (mut content, mut signatures) = (Bytes::new(), Vec::new());
        let mut reader = Reader::new(source);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => content = reader.shared(source)?,
                tag::D2 => signatures.push(parse_signature(source, reader.bytes()?)?),
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(Self { content, signatures })
    }
}

impl Batch {
    /// Reads a versioned batch.
    ///
    /// # Errors
    /// As [`Self::parse_compressed_proto`], or [`ParseError::Version`].
    pub fn parse(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        Self::parse_compressed_proto(&MessageKind::Batch.unwrap(version, bytes)?, version, limit)
    }

    /// Reads a `CompressedBatch` (not versioned). Decompressed are the recipients, or in protocol version 34 the whole
    /// batch, to at most `limit` bytes; a batch that is not compressed may be larger. Compressed envelopes are parts
    /// of `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] as Canton does (`Batch.fromProtoV30`, `fromProtoV31`).
    pub fn parse_compressed_proto(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        let mut message = BatchMessage::new(version, limit);
        message.merge(bytes, bytes)?;
        message.batch()
    }

    /// Reads a `CompressedBatch` that [`Self::to_compressed_proto`] wrote, such as one from the store. Where a member
    /// may see all of it, it is passed on without being compressed again.
    ///
    /// # Errors
    /// [`ParseError`] when it is damaged.
    pub fn parse_canonical_proto(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let mut message = BatchMessage::new(version, usize::MAX);
        message.merge(bytes, bytes)?;
        let compressed = message.compressed.clone();
        let batch = message.batch()?;
        Ok(Self { canonical: Some(compressed), ..batch })
    }
}
