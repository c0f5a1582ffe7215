//! Writing batches: always compressed, whatever the received form (correction F).

use bytes::Bytes;
use synod_types::ProtocolVersion;

use super::decode::GZIP;
use super::{Batch, Contents, Envelope};
use crate::signature::put_signatures;
use crate::writer::{put_bytes, put_delimited, put_int};
use crate::{MessageKind, gzip};

impl Batch {
    /// The `CompressedBatch` that Canton writes (not versioned). Envelopes that are compressed already stay as they
    /// are.
    #[must_use]
    pub fn to_compressed_proto(&self) -> Bytes {
        let (compressed, blobs): (Bytes, &[Bytes]) = match &self.contents {
            Contents::Open(envelopes) => (self.canonical(|| self.encode_open(envelopes)), &[]),
            Contents::Compressed(blobs) => (self.canonical(|| self.encode_recipients()), blobs),
        };
        let size: usize = blobs.iter().map(|blob| blob.len() + 6).sum();
        let mut buffer = Vec::with_capacity(compressed.len() + size + 8);
        put_int(&mut buffer, 1, i64::from(GZIP));
        put_bytes(&mut buffer, 2, &compressed);
        for blob in blobs {
            put_delimited(&mut buffer, 3, blob);
        }
        buffer.into()
    }

    /// The versioned batch.
    #[must_use]
    pub fn to_versioned_bytes(&self, version: ProtocolVersion) -> Bytes {
        MessageKind::Batch.wrap(version, &self.to_compressed_proto())
    }

    /// The batch as a reader of its own writing has it: see [`Self::parse_canonical_proto`].
    fn canonical(&self, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        self.canonical.clone().unwrap_or_else(|| gzip::compress(&encode()))
    }

    /// `DecompressedRecipients`.
    fn encode_recipients(&self) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(self.len() * 128);
        for recipients in self.recipients.iter() {
            recipients.put(&mut buffer, 1);
        }
        buffer
    }

    /// `Batch` of version 30.
    fn encode_open(&self, envelopes: &[Envelope]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for (envelope, recipients) in envelopes.iter().zip(self.recipients.iter()) {
            let mut message = Vec::with_capacity(envelope.content.len() + 256);
            put_bytes(&mut message, 1, &envelope.content);
            recipients.put(&mut message, 2);
            put_signatures(&mut message, 3, &envelope.signatures);
            put_delimited(&mut buffer, 1, &message);
        }
        buffer
    }
}

impl Envelope {
    /// `EnvelopeWithoutRecipients` of version 31, not compressed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(self.content.len() + 8 + self.signatures.len() * 160);
        put_bytes(&mut buffer, 1, &self.content);
        put_signatures(&mut buffer, 2, &self.signatures);
        buffer
    }
}
