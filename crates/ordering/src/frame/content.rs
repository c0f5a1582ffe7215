//! What the origin of a frame signs.

use bytes::Bytes;
use prost::Message;
use synod_machine::OrderedKind;
use synod_proto::synod::ordering::v1;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SequencerId};
use synod_wire::reader::{Reader, delimited};

use super::InvalidFrame;
use crate::Entry;

/// Largest frame in bytes: the largest request (10 MiB) and room around it. CometBFT's `max_tx_bytes` is the same.
pub const MAX_FRAME_BYTES: usize = 12 * 1024 * 1024;
/// Most entries of one frame.
pub const MAX_FRAME_ENTRIES: usize = 1_000;
/// Length of the nonce.
pub const NONCE_BYTES: usize = 16;
/// Domain of the hash that names a frame.
const ID_CONTEXT: &str = "synod 2026-11 ordering frame id";

/// The entries of a frame with what makes it one of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameContent {
    /// The chain on which the frame counts.
    pub synchronizer: PhysicalSynchronizerId,
    /// The sequencer that took the entries.
    pub origin: SequencerId,
    /// Drawn at random for each frame.
    pub nonce: [u8; NONCE_BYTES],
    /// The frame can be in blocks with a base time up to this one, inclusive.
    pub valid_until: CantonTimestamp,
    /// From 1 to [`MAX_FRAME_ENTRIES`], in the order in which they were taken.
    pub entries: Vec<Entry>,
}

impl FrameContent {
    /// The bytes of this content.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let message = v1::FrameContent {
            synchronizer: self.synchronizer.to_string(),
            origin: self.origin.to_string(),
            nonce: Bytes::copy_from_slice(&self.nonce),
            valid_until: self.valid_until.as_micros(),
            entries: self.entries.iter().map(entry_to_proto).collect(),
        };
        message.encode_to_vec().into()
    }

    /// Reads the bytes of a content. Its entries share their memory.
    ///
    /// # Errors
    /// [`InvalidFrame`] unless they are exactly what [`Self::encode`] may have written.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidFrame> {
        check_entry_count(bytes)?;
        let message: v1::FrameContent = decode(bytes)?;
        let synchronizer = PhysicalSynchronizerId::parse(&message.synchronizer)
            .ok()
            .filter(|id| id.to_string() == message.synchronizer)
            .ok_or(InvalidFrame::Field { field: "synchronizer" })?;
        let origin = SequencerId::parse(&message.origin)
            .ok()
            .filter(|origin| origin.to_string() == message.origin)
            .ok_or(InvalidFrame::Field { field: "origin" })?;
        let nonce = message.nonce.as_ref().try_into().map_err(|_| InvalidFrame::Field { field: "nonce" })?;
        let valid_until = CantonTimestamp::from_micros(message.valid_until)
            .map_err(|_| InvalidFrame::Field { field: "valid_until" })?;
        if message.entries.is_empty() {
            return Err(InvalidFrame::Entries { count: 0 });
        }
        let entries = message.entries.into_iter().map(entry_from_proto).collect::<Result<_, _>>()?;
        Ok(Self { synchronizer, origin, nonce, valid_until, entries })
    }

    /// The name of the frame with these bytes as content.
    #[must_use]
    pub(super) fn id_of(bytes: &[u8]) -> [u8; 32] {
        blake3::derive_key(ID_CONTEXT, bytes)
    }
}

/// Refuses too many entries before there is memory for each of them. What cannot be read is left to the decoder.
fn check_entry_count(bytes: &[u8]) -> Result<(), InvalidFrame> {
    const ENTRIES: u32 = delimited(5);
    let (mut reader, mut count) = (Reader::new(bytes), 0);
    while let Ok(Some(tag)) = reader.next_tag() {
        count += usize::from(tag == ENTRIES);
        if count > MAX_FRAME_ENTRIES {
            return Err(InvalidFrame::Entries { count });
        }
        if reader.skip(tag).is_err() {
            break;
        }
    }
    Ok(())
}

/// Decodes a message whose bytes are its one encoding.
pub(super) fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M, InvalidFrame> {
    let message = M::decode(bytes.clone()).map_err(InvalidFrame::Encoding)?;
    // Comparing lengths first saves the encoding of most bad ones.
    if message.encoded_len() != bytes.len() || message.encode_to_vec() != *bytes {
        return Err(InvalidFrame::NotCanonical);
    }
    Ok(message)
}

fn entry_to_proto(entry: &Entry) -> v1::FrameEntry {
    let kind = match entry.kind {
        OrderedKind::Send => v1::EntryKind::Send,
        OrderedKind::Acknowledge => v1::EntryKind::Acknowledge,
    };
    v1::FrameEntry { kind: kind.into(), bytes: entry.bytes.clone() }
}

fn entry_from_proto(entry: v1::FrameEntry) -> Result<Entry, InvalidFrame> {
    let kind = match v1::EntryKind::try_from(entry.kind) {
        Ok(v1::EntryKind::Send) => OrderedKind::Send,
        Ok(v1::EntryKind::Acknowledge) => OrderedKind::Acknowledge,
        Ok(v1::EntryKind::Unspecified) | Err(_) => return Err(InvalidFrame::Field { field: "kind" }),
    };
    Ok(Entry { kind, bytes: entry.bytes })
}
