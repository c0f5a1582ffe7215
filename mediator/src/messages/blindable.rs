//! A node of a Merkle tree, blinded or not (chapter 04 §2.3, `BlindableNode`), and the hashes of nodes (§2.2).

use bytes::Bytes;
use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, hash};
use super::proto::{Merge, tag};

/// A node of a Merkle tree as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blindable {
    /// Its versioned bytes, a part of the message.
    Unblinded(Bytes),
    /// Its hash alone.
    Blinded(Hash),
}

impl Blindable {
    /// The bytes of a node that has to be unblinded.
    pub(super) fn unblinded(self, field: &'static str) -> Result<Bytes, InvalidMessage> {
        match self {
            Self::Unblinded(bytes) => Ok(bytes),
            Self::Blinded(_) => Err(InvalidMessage::Blinded { field }),
        }
    }

    /// The hash of a node that has to be blinded.
    pub(super) fn blinded(self, field: &'static str) -> Result<Hash, InvalidMessage> {
        match self {
            Self::Blinded(hash) => Ok(hash),
            Self::Unblinded(_) => Err(InvalidMessage::Unblinded { field }),
        }
    }
}

/// A `BlindableNode` as it is on the wire. The last field counts.
#[derive(Default)]
pub(super) struct BlindableNode(Option<Content>);

enum Content {
    Unblinded(Bytes),
    BlindedHash(Bytes),
}

impl Merge for BlindableNode {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.0 = Some(Content::Unblinded(reader.shared(source)?)),
            tag::D2 => self.0 = Some(Content::BlindedHash(reader.shared(source)?)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl BlindableNode {
    /// The node, which has to say what it is.
    pub(super) fn node(self, field: &'static str) -> Result<Blindable, InvalidMessage> {
        match self.0 {
            Some(Content::Unblinded(bytes)) => Ok(Blindable::Unblinded(bytes)),
            Some(Content::BlindedHash(bytes)) => {
                Hash::from_multihash(&bytes).map(Blindable::Blinded).map_err(hash(field))
            }
            None => Err(InvalidMessage::NodeNotSet { field }),
        }
    }
}

/// The node in a field that has to be there.
pub(super) fn required(node: Option<BlindableNode>, field: &'static str) -> Result<Blindable, InvalidMessage> {
    node.unwrap_or_default().node(field)
}

/// The hash of an inner node with these children.
pub(super) fn inner_node_hash(children: &[Hash]) -> Hash {
    let builder = HashBuilder::new(HashPurpose::MERKLE_TREE_INNER_NODE).add_count(children.len());
    children.iter().fold(builder, |builder, child| builder.add_without_length_prefix(&child.multihash())).finish()
}

/// The hash of a leaf with these versioned bytes.
pub(super) fn leaf_hash(purpose: HashPurpose, salt: &[u8], bytes: &[u8]) -> Hash {
    HashBuilder::new(purpose).add_byte_string(salt).add_byte_string(bytes).finish()
}
