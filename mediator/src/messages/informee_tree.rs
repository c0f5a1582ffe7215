//! The Merkle tree of a transaction as a mediator gets it (chapter 04 §2.2–§2.4, `FullInformeeTree`).

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::ProtocolVersion;
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::blindable::{BlindableNode, inner_node_hash, required};
use super::common_metadata::CommonMetadata;
use super::error::{InvalidMessage, not_set};
use super::merkle_seq::{MerkleSeq, MerkleSeqMessage};
use super::proto::{Merge, decode, merge_field, tag};
use super::submitter_metadata::SubmitterMetadata;
use super::view_common_data::ViewCommonData;
use super::view_position::ViewPosition;

/// A tree with all views and their informees, and nothing of what they do. Kept flat: nothing here is recursive, however
/// deep the views nest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullInformeeTree {
    submitter_metadata: SubmitterMetadata,
    common_metadata: CommonMetadata,
    participant_metadata: Hash,
    root_views: MerkleSeq,
    root_views_hash: Option<Hash>,
    views: Vec<InformeeView>,
    /// The numbers of the root views.
    roots: Vec<usize>,
    root_hash: Hash,
}

/// A view of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InformeeView {
    /// The number of the view above it; `None` for a root view.
    pub parent: Option<usize>,
    /// Its number among the subviews of that view, or among the root views.
    pub index: usize,
    /// Informees and confirmers.
    pub common_data: ViewCommonData,
    /// The hash of the common data.
    pub common_data_hash: Hash,
    /// The hash of the view.
    pub hash: Hash,
    participant_data: Hash,
    subviews: MerkleSeq,
    /// The numbers of the views directly below it.
    below: Vec<usize>,
}

/// A `FullInformeeTree` as it is on the wire.
#[derive(Default)]
pub(super) struct FullInformeeTreeMessage {
    tree: Option<TreeMessage>,
}

impl Merge for FullInformeeTreeMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.tree, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A `GenTransactionTree` as it is on the wire.
#[derive(Default)]
struct TreeMessage {
    submitter_metadata: Option<BlindableNode>,
    common_metadata: Option<BlindableNode>,
    participant_metadata: Option<BlindableNode>,
    root_views: Option<MerkleSeqMessage>,
}

impl Merge for TreeMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.submitter_metadata, reader, source)?,
            tag::D2 => merge_field(&mut self.common_metadata, reader, source)?,
            tag::D3 => merge_field(&mut self.participant_metadata, reader, source)?,
            tag::D4 => merge_field(&mut self.root_views, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A `ViewNode` as it is on the wire.
#[derive(Default)]
struct ViewMessage {
    view_common_data: Option<BlindableNode>,
    view_participant_data: Option<BlindableNode>,
    subviews: Option<MerkleSeqMessage>,
}

impl Merge for ViewMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.view_common_data, reader, source)?,
            tag::D2 => merge_field(&mut self.view_participant_data, reader, source)?,
            tag::D3 => merge_field(&mut self.subviews, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl FullInformeeTree {
    /// Reads a plain `FullInformeeTree`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when it is malformed, when a node that a mediator has to see is blinded or the other way round,
    /// when a hash stands there twice, or when a view repeats the common data of the view above it.
    pub fn parse_proto(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?, version)
    }

    pub(super) fn of_message(
        message: FullInformeeTreeMessage,
        version: ProtocolVersion,
    ) -> Result<Self, InvalidMessage> {
        let tree = message.tree.ok_or_else(|| not_set("tree"))?;
        let submitter = required(tree.submitter_metadata, "submitter_metadata")?.unblinded("submitter_metadata")?;
        let common = required(tree.common_metadata, "common_metadata")?.unblinded("common_metadata")?;
        let participant = required(tree.participant_metadata, "participant_metadata")?;
        let root_views = MerkleSeq::of_message(tree.root_views.ok_or_else(|| not_set("root_views"))?)?;
        let mut views = read_views(&root_views)?;
        let roots = link_views(&mut views);
        let mut hashes = UniqueHashes::default();
        let root_views_hash = hash_views(&root_views, &mut views, &mut hashes)?;
        let submitter_metadata = SubmitterMetadata::parse(&submitter, version)?;
        let common_metadata = CommonMetadata::parse(&common)?;
        let participant_metadata = participant.blinded("participant_metadata")?;
        let mut children = vec![submitter_metadata.hash(), common_metadata.hash(), participant_metadata];
        hashes.add(&children)?;
        children.extend(root_views_hash);
        let root_hash = inner_node_hash(&children);
        hashes.add(&[root_hash])?;
        Ok(Self {
            submitter_metadata,
            common_metadata,
            participant_metadata,
            root_views,
            root_views_hash,
            views,
            roots,
            root_hash,
        })
    }

    /// Who submits.
    #[must_use]
    pub const fn submitter_metadata(&self) -> &SubmitterMetadata {
        &self.submitter_metadata
    }

    /// Which request it is, where, and for whom.
    #[must_use]
    pub const fn common_metadata(&self) -> &CommonMetadata {
        &self.common_metadata
    }

    /// The hash of the participants' metadata.
    #[must_use]
    pub const fn participant_metadata_hash(&self) -> &Hash {
        &self.participant_metadata
    }

    /// The hash of the sequence of root views; `None` when there are none.
    #[must_use]
    pub const fn root_views_hash(&self) -> Option<&Hash> {
        self.root_views_hash.as_ref()
    }

    /// The hash of the tree: the root hash of the request.
    #[must_use]
    pub const fn root_hash(&self) -> &Hash {
        &self.root_hash
    }

    /// All views: each before its subviews, and those before its next sibling.
    #[must_use]
    pub fn views(&self) -> &[InformeeView] {
        &self.views
    }

    /// The position of a view of [`Self::views`]. Takes time in proportion to the depth of the view.
    #[must_use]
    pub fn position(&self, view: &InformeeView) -> ViewPosition {
        let mut position = Vec::new();
        let mut at = Some(view);
        while let Some(view) = at {
            let above = view.parent.and_then(|parent| self.views.get(parent));
            let siblings = above.map_or(&self.root_views, |above| &above.subviews);
            position.extend(siblings.elements().get(view.index).map(|element| siblings.index(element)));
            at = above;
        }
        ViewPosition(position)
    }

    /// The number of the view at a position. Takes time in proportion to the length of the position.
    #[must_use]
    pub fn view_at(&self, position: &ViewPosition) -> Option<usize> {
        let mut found = None;
        for index in position.0.iter().rev() {
            let (seq, below) = match found {
                None => (&self.root_views, &self.roots),
                Some(above) => self.views.get(above).map(|above: &InformeeView| (&above.subviews, &above.below))?,
            };
            found = Some(*below.get(seq.find(index)?)?);
        }
        found
    }

    /// How many steps all positions have together, unless it is more than `limit`.
    #[must_use]
    pub(crate) fn steps_of_all_positions(&self, limit: usize) -> Option<usize> {
        let mut sum = 0_usize;
        let mut steps_of: Vec<usize> = Vec::with_capacity(self.views.len());
        for view in &self.views {
            let above = view.parent.and_then(|parent| Some((self.views.get(parent)?, *steps_of.get(parent)?)));
            let (siblings, steps) = above.map_or((&self.root_views, 0), |(above, steps)| (&above.subviews, steps));
            let element = siblings.elements().get(view.index)?;
            // One more, because each view takes some effort even if it is the only one.
            let steps = steps.checked_add(siblings.index(element).0.len())?.checked_add(1)?;
            sum = sum.checked_add(steps).filter(|sum| *sum <= limit)?;
            steps_of.push(steps);
        }
        Some(sum)
    }
}

/// The bytes of all views of a sequence, none of which may be blinded.
fn view_bytes(seq: &MerkleSeq) -> Result<Vec<Bytes>, InvalidMessage> {
    if seq.has_blinded_parts() {
        return Err(InvalidMessage::Blinded { field: "view" });
    }
    seq.elements().iter().map(|element| element.content.clone().unblinded("view")).collect()
}

/// Reads all views, without their hashes: what is not known yet has those of their common data.
fn read_views(root_views: &MerkleSeq) -> Result<Vec<InformeeView>, InvalidMessage> {
    let mut views: Vec<InformeeView> = Vec::new();
    let mut open = Vec::new();
    let add = |open: &mut Vec<_>, parent: Option<usize>, seq: &MerkleSeq| -> Result<(), InvalidMessage> {
        open.extend(view_bytes(seq)?.into_iter().enumerate().rev().map(|(index, bytes)| (parent, index, bytes)));
        Ok(())
    };
    add(&mut open, None, root_views)?;
    while let Some((parent, index, bytes)) = open.pop() {
        let message: ViewMessage = decode(&versioned::unwrap(&bytes)?.data)?;
        let common_data = required(message.view_common_data, "view_common_data")?.unblinded("view_common_data")?;
        let common_data = ViewCommonData::parse(&common_data)?;
        if parent
            .and_then(|parent| views.get(parent))
            .is_some_and(|above| above.common_data.says_the_same(&common_data))
        {
            return Err(InvalidMessage::EqualCommonData);
        }
        let participant_data = required(message.view_participant_data, "view_participant_data")?;
        let participant_data = participant_data.blinded("view_participant_data")?;
        let subviews = MerkleSeq::of_message(message.subviews.ok_or_else(|| not_set("subviews"))?)?;
        add(&mut open, Some(views.len()), &subviews)?;
        let common_data_hash = common_data.hash();
        views.push(InformeeView {
            parent,
            index,
            common_data,
            common_data_hash,
            hash: common_data_hash,
            participant_data,
            subviews,
            below: Vec::new(),
        });
    }
    Ok(views)
}

/// Tells each view which are directly below it, and returns the root views.
fn link_views(views: &mut [InformeeView]) -> Vec<usize> {
    let mut roots = Vec::new();
    for number in 0..views.len() {
        match views[number].parent {
            Some(parent) => views[parent].below.push(number),
            None => roots.push(number),
        }
    }
    roots
}

/// Gives each view its hash, and returns that of the sequence of root views.
fn hash_views(
    root_views: &MerkleSeq,
    views: &mut [InformeeView],
    hashes: &mut UniqueHashes,
) -> Result<Option<Hash>, InvalidMessage> {
    // A view stands behind the one above it. So from the end on, those below are done when it is the turn of a view, and
    // siblings come last to first.
    let mut below: Vec<Vec<Hash>> = vec![Vec::new(); views.len()];
    let mut roots = Vec::new();
    for (number, view) in views.iter_mut().enumerate().rev() {
        let mut children = vec![view.common_data_hash, view.participant_data];
        hashes.add(&children)?;
        let subviews = hashes.add_sequence(&view.subviews, std::mem::take(&mut below[number]))?;
        children.extend(subviews);
        view.hash = inner_node_hash(&children);
        hashes.add(&[view.hash])?;
        match view.parent {
            Some(parent) => below[parent].push(view.hash),
            None => roots.push(view.hash),
        }
    }
    hashes.add_sequence(root_views, roots)
}

/// All hashes of a tree, none of which may be there twice (`checkUniqueHashes`).
#[derive(Default)]
struct UniqueHashes(BTreeSet<Hash>);

impl UniqueHashes {
    fn add(&mut self, hashes: &[Hash]) -> Result<(), InvalidMessage> {
        if hashes.iter().all(|hash| self.0.insert(*hash)) { Ok(()) } else { Err(InvalidMessage::HashTwice) }
    }

    /// Adds the nodes of a sequence with these elements, the last one first, and returns the hash of its root.
    fn add_sequence(&mut self, seq: &MerkleSeq, mut elements: Vec<Hash>) -> Result<Option<Hash>, InvalidMessage> {
        elements.reverse();
        let nodes = seq.node_hashes(&elements);
        self.add(&nodes)?;
        Ok(nodes.first().copied())
    }
}
