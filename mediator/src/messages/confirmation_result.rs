//! What the mediator tells the participants (chapter 04 §4.1, `ConfirmationResultMessage`).

use bytes::Bytes;
use prost::Message;
use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion};
use synod_wire::reader::Reader;
use synod_wire::{MessageKind, ParseError, versioned};

use super::error::{InvalidMessage, hash, identifier, not_set, timestamp};
use super::proto::{Merge, ONLY_VERSION, decode, merge_field, tag};
use super::verdict::{Verdict, VerdictMessage};
use super::view_type::ViewType;

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmationResult {
    /// The synchronizer that it is for.
    pub psid: PhysicalSynchronizerId,
    /// What the request is about.
    pub view_type: ViewType,
    /// When the request was sequenced.
    pub request_id: CantonTimestamp,
    /// The root hash of the request.
    pub root_hash: Hash,
    /// What is decided.
    pub verdict: Verdict,
}

/// A `ConfirmationResultMessage` as it is on the wire.
#[derive(Default)]
struct ResultMessage {
    psid: String,
    view_type: i32,
    request_id: i64,
    root_hash: Bytes,
    verdict: Option<VerdictMessage>,
}

impl Merge for ResultMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => reader.text()?.clone_into(&mut self.psid),
            tag::V2 => self.view_type = reader.int32()?,
            tag::V3 => self.request_id = reader.int64()?,
            tag::D4 => self.root_hash = reader.shared(source)?,
            tag::D5 => merge_field(&mut self.verdict, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ConfirmationResult {
    /// Reads the versioned message. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: ResultMessage = decode(&versioned::unwrap(bytes)?.data)?;
        Ok(Self {
            psid: PhysicalSynchronizerId::parse(&message.psid).map_err(identifier("physical_synchronizer_id"))?,
            view_type: ViewType::of_number(message.view_type)?,
            request_id: CantonTimestamp::from_micros(message.request_id).map_err(timestamp("request_id"))?,
            root_hash: Hash::from_multihash(&message.root_hash).map_err(hash("root_hash"))?,
            verdict: Verdict::of_message(message.verdict.ok_or_else(|| not_set("verdict"))?)?,
        })
    }

    /// The versioned message.
    #[must_use]
    pub fn to_versioned_bytes(&self) -> Bytes {
        let message = v30::ConfirmationResultMessage {
            physical_synchronizer_id: self.psid.to_string(),
            view_type: self.view_type.number(),
            request_id: self.request_id.as_micros(),
            root_hash: Bytes::copy_from_slice(&self.root_hash.multihash()),
            verdict: Some(self.verdict.to_proto()),
        };
        versioned::wrap(ONLY_VERSION, &message.encode_to_vec())
    }

    /// The versioned `TypedSignedProtocolMessageContent` around it: what the mediator signs (chapter 04 §2.5).
    #[must_use]
    pub fn to_typed_content(&self, version: ProtocolVersion) -> Bytes {
        let message = v30::typed_signed_protocol_message_content::SomeSignedProtocolMessage::ConfirmationResult(
            self.to_versioned_bytes(),
        );
        let content = v30::TypedSignedProtocolMessageContent { some_signed_protocol_message: Some(message) };
        MessageKind::TypedSignedProtocolMessageContent.wrap(version, &content.encode_to_vec())
    }
}
