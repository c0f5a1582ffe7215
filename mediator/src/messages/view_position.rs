//! Where a view is in its request (chapter 04 §1.5, `ViewPosition`).

use bytes::Bytes;
use prost::Message;
use synod_crypto::encoding::put_sequence;
use synod_proto::protocol::v30;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::proto::{Merge, decode, push, tag};

/// Where an element is in its Merkle sequence: for each step from the element to the root, whether it is the second of
/// two. Empty for the only element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MerkleSeqIndex(pub Vec<bool>);

/// Where a view is in its request: its place among the subviews of the view above it first, that of the root view last.
/// The empty position is the root of a reassignment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ViewPosition(pub Vec<MerkleSeqIndex>);

impl ViewPosition {
    /// Reads a plain `ViewPosition`. All that is well formed is a position.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed.
    pub fn parse_proto(bytes: &Bytes) -> Result<Self, ParseError> {
        decode::<ViewPositionMessage>(bytes).map(ViewPositionMessage::position)
    }

    /// The plain message.
    #[must_use]
    pub fn to_proto_bytes(&self) -> Bytes {
        self.to_proto().encode_to_vec().into()
    }

    pub(crate) fn to_proto(&self) -> v30::ViewPosition {
        let position = self.0.iter().map(|index| v30::MerkleSeqIndex { is_right: index.0.clone() }).collect();
        v30::ViewPosition { position }
    }

    /// The bytes by which positions are told apart (`ViewPosition.encodeDeterministically`): numbers of four bytes before
    /// each list, and a byte for each step.
    #[must_use]
    pub fn encode_deterministically(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        put_sequence(&mut buffer, &self.0, |buffer, index| {
            put_sequence(buffer, &index.0, |buffer, is_right| buffer.push(u8::from(*is_right)));
        });
        buffer
    }
}

/// A `ViewPosition` as it is on the wire.
#[derive(Default)]
pub(super) struct ViewPositionMessage {
    position: Vec<IndexMessage>,
}

impl ViewPositionMessage {
    pub(super) fn position(self) -> ViewPosition {
        ViewPosition(self.position.into_iter().map(|index| MerkleSeqIndex(index.is_right)).collect())
    }
}

impl Merge for ViewPositionMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => push(&mut self.position, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct IndexMessage {
    is_right: Vec<bool>,
}

impl Merge for IndexMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.is_right.push(reader.varint64()? != 0),
            tag::D1 => {
                let mut packed = Reader::new(reader.bytes()?);
                while !packed.rest().is_empty() {
                    self.is_right.push(packed.varint64()? != 0);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
