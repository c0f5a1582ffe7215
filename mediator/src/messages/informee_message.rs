//! The confirmation request of a transaction (chapter 04 §1.3, `InformeeMessage`).

use bytes::Bytes;
use synod_crypto::Signature;
use synod_proto::crypto::v30;
use synod_types::ProtocolVersion;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, not_set};
use super::informee_tree::{FullInformeeTree, FullInformeeTreeMessage};
use super::proto::{Merge, decode, merge_field, tag};

/// A confirmation request for a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InformeeMessage {
    /// The views and their informees.
    pub tree: FullInformeeTree,
    /// The submitting participant's signature over the root hash, not verified yet.
    pub signature: Signature,
}

/// An `InformeeMessage` as it is on the wire.
#[derive(Default)]
pub(super) struct InformeeMessageMessage {
    full_informee_tree: Option<FullInformeeTreeMessage>,
    signature: Option<v30::Signature>,
}

impl Merge for InformeeMessageMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.full_informee_tree, reader, source)?,
            tag::D2 => merge_field(&mut self.signature, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl InformeeMessage {
    /// Reads the plain message.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_proto(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?, version)
    }

    pub(super) fn of_message(
        message: InformeeMessageMessage,
        version: ProtocolVersion,
    ) -> Result<Self, InvalidMessage> {
        let tree = message.full_informee_tree.ok_or_else(|| not_set("full_informee_tree"))?;
        let tree = FullInformeeTree::of_message(tree, version)?;
        let signature = message.signature.ok_or_else(|| not_set("submitting_participant_signature"))?;
        Ok(Self { tree, signature: Signature::from_proto(signature)? })
    }
}
