//! The confirmation request of a reassignment (chapter 04 §1.3, `UnassignmentMediatorMessage`,
//! `AssignmentMediatorMessage`).

use bytes::Bytes;
use synod_crypto::{Hash, Signature};
use synod_proto::crypto::v30;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::blindable::{BlindableNode, inner_node_hash, required};
use super::error::{InvalidMessage, not_set};
use super::proto::{Merge, decode, merge_field, tag};
use super::reassignment_common_data::ReassignmentCommonData;
use super::view_type::ViewType;

/// A confirmation request for contracts that leave a synchronizer, or arrive at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReassignmentMediatorMessage {
    /// What a mediator sees of it.
    pub common_data: ReassignmentCommonData,
    /// The hash of the view, which it does not see.
    pub view_hash: Hash,
    /// The submitting participant's signature over the root hash, not verified yet.
    pub signature: Signature,
    root_hash: Hash,
}

/// An `UnassignmentMediatorMessage` or `AssignmentMediatorMessage` as it is on the wire.
#[derive(Default)]
pub(super) struct ReassignmentMessage {
    tree: Option<TreeMessage>,
    signature: Option<v30::Signature>,
}

/// A `ReassignmentViewTree` as it is on the wire.
#[derive(Default)]
struct TreeMessage {
    common_data: Bytes,
    participant_data: Option<BlindableNode>,
}

impl Merge for ReassignmentMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.tree, reader, source)?,
            tag::D2 => merge_field(&mut self.signature, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for TreeMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.common_data = reader.shared(source)?,
            tag::D2 => merge_field(&mut self.participant_data, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ReassignmentMediatorMessage {
    /// Reads the plain message for contracts that leave.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_unassignment(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_unassignment(decode(bytes)?)
    }

    /// Reads the plain message for contracts that arrive.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_assignment(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_assignment(decode(bytes)?)
    }

    pub(super) fn of_unassignment(message: ReassignmentMessage) -> Result<Self, InvalidMessage> {
        Self::of_message(message, ReassignmentCommonData::parse_unassignment)
    }

    pub(super) fn of_assignment(message: ReassignmentMessage) -> Result<Self, InvalidMessage> {
        Self::of_message(message, ReassignmentCommonData::parse_assignment)
    }

    fn of_message(
        message: ReassignmentMessage,
        parse: impl Fn(&Bytes) -> Result<ReassignmentCommonData, InvalidMessage>,
    ) -> Result<Self, InvalidMessage> {
        let tree = message.tree.ok_or_else(|| not_set("tree"))?;
        let common_data = parse(&tree.common_data)?;
        let view_hash = required(tree.participant_data, "participant_data")?.blinded("participant_data")?;
        let signature = message.signature.ok_or_else(|| not_set("submitting_participant_signature"))?;
        let root_hash = inner_node_hash(&[common_data.hash(), view_hash]);
        Ok(Self { common_data, view_hash, signature: Signature::from_proto(signature)?, root_hash })
    }

    /// Whether contracts leave or arrive.
    #[must_use]
    pub const fn view_type(&self) -> ViewType {
        match self.common_data.origin {
            None => ViewType::Unassignment,
            Some(_) => ViewType::Assignment,
        }
    }

    /// The hash of the tree: the root hash of the request.
    #[must_use]
    pub const fn root_hash(&self) -> &Hash {
        &self.root_hash
    }
}
