//! A sequence in a Merkle tree (chapter 04 §2.2, §2.3, `MerkleSeq`).

use bytes::Bytes;
use synod_crypto::Hash;
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::blindable::{Blindable, BlindableNode, inner_node_hash};
use super::error::InvalidMessage;
use super::proto::{Merge, decode, merge_field, tag};
use super::view_position::MerkleSeqIndex;

/// A sequence as received, of whatever shape. Kept flat: nothing here is recursive, however deep the tree is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MerkleSeq {
    /// From the root, each before those below it, first before second.
    nodes: Vec<Node>,
    elements: Vec<SeqElement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    parent: Option<Parent>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parent {
    node: usize,
    is_right: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Blinded(Hash),
    Branch { first: usize, second: usize },
    Singleton { element: usize },
}

/// An element of a sequence of which at least the hash is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeqElement {
    node: usize,
    /// The element.
    pub content: Blindable,
}

/// A `MerkleSeq` as it is on the wire.
#[derive(Default)]
pub(super) struct MerkleSeqMessage {
    root_or_empty: Option<BlindableNode>,
}

impl Merge for MerkleSeqMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.root_or_empty, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A `MerkleSeqElement` as it is on the wire.
#[derive(Default)]
struct ElementMessage {
    first: Option<BlindableNode>,
    second: Option<BlindableNode>,
    data: Option<BlindableNode>,
}

impl Merge for ElementMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.first, reader, source)?,
            tag::D2 => merge_field(&mut self.second, reader, source)?,
            tag::D3 => merge_field(&mut self.data, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MerkleSeq {
    /// Reads a plain `MerkleSeq`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when it is malformed, or a part is neither a branch of two nor one element.
    pub fn parse_proto(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?)
    }

    pub(super) fn of_message(message: MerkleSeqMessage) -> Result<Self, InvalidMessage> {
        let mut seq = Self::default();
        let Some(root) = message.root_or_empty else { return Ok(seq) };
        let mut open = vec![(root.node("root_or_empty")?, None)];
        while let Some((part, parent)) = open.pop() {
            let node = seq.nodes.len();
            seq.link(parent, node);
            let kind = match part {
                Blindable::Blinded(hash) => Kind::Blinded(hash),
                Blindable::Unblinded(bytes) => {
                    let message: ElementMessage = decode(&versioned::unwrap(&bytes)?.data)?;
                    match (message.first, message.second, message.data) {
                        (Some(first), Some(second), None) => {
                            open.push((second.node("second")?, Some(Parent { node, is_right: true })));
                            open.push((first.node("first")?, Some(Parent { node, is_right: false })));
                            // Both are linked when their turn comes.
                            Kind::Branch { first: node, second: node }
                        }
                        (None, None, Some(data)) => {
                            let element = seq.elements.len();
                            seq.elements.push(SeqElement { node, content: data.node("data")? });
                            Kind::Singleton { element }
                        }
                        _ => return Err(InvalidMessage::SequenceElement),
                    }
                }
            };
            seq.nodes.push(Node { parent, kind });
        }
        Ok(seq)
    }

    fn link(&mut self, parent: Option<Parent>, child: usize) {
        let Some(parent) = parent else { return };
        if let Some(Node { kind: Kind::Branch { first, second }, .. }) = self.nodes.get_mut(parent.node) {
            *if parent.is_right { second } else { first } = child;
        }
    }

    /// The elements that are not within a blinded part, from left to right.
    #[must_use]
    pub fn elements(&self) -> &[SeqElement] {
        &self.elements
    }

    /// Whether a part of the sequence or an element is blinded.
    #[must_use]
    pub fn has_blinded_parts(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.kind, Kind::Blinded(_)))
            || self.elements.iter().any(|element| matches!(element.content, Blindable::Blinded(_)))
    }

    /// Where the element is: the steps from it to the root.
    #[must_use]
    pub fn index(&self, element: &SeqElement) -> MerkleSeqIndex {
        let mut steps = Vec::new();
        let mut at = self.nodes.get(element.node);
        while let Some(parent) = at.and_then(|node| node.parent) {
            steps.push(parent.is_right);
            at = self.nodes.get(parent.node);
        }
        MerkleSeqIndex(steps)
    }

    /// The number of the element that is there.
    #[must_use]
    pub fn find(&self, index: &MerkleSeqIndex) -> Option<usize> {
        let mut at = self.nodes.first()?;
        for is_right in index.0.iter().rev() {
            let Kind::Branch { first, second } = at.kind else { return None };
            at = self.nodes.get(if *is_right { second } else { first })?;
        }
        if let Kind::Singleton { element } = at.kind { Some(element) } else { None }
    }

    /// The hash of the root, when [`Self::elements`] have these hashes. `None` for the empty sequence, which has none, and
    /// when there are not as many hashes as elements.
    #[must_use]
    pub fn root_hash(&self, element_hashes: &[Hash]) -> Option<Hash> {
        if element_hashes.len() != self.elements.len() {
            return None;
        }
        self.node_hashes(element_hashes).first().copied()
    }

    /// The hashes of all nodes, that of the root first, when the elements have these hashes: as many as there are elements.
    pub(super) fn node_hashes(&self, element_hashes: &[Hash]) -> Vec<Hash> {
        // Children stand behind their parents, so from the end on each finds those of its children. What is not known yet
        // is never looked at.
        let mut hashes = vec![Hash::from_digest([0; 32]); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            hashes[index] = match &node.kind {
                Kind::Blinded(hash) => *hash,
                Kind::Branch { first, second } => inner_node_hash(&[hashes[*first], hashes[*second]]),
                Kind::Singleton { element } => inner_node_hash(&[element_hashes[*element]]),
            };
        }
        hashes
    }
}
