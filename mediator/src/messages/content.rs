//! What is inside of an envelope, as far as a mediator looks (chapter 04 §1.1, §1.2).

use bytes::Bytes;
use synod_types::ProtocolVersion;
use synod_wire::reader::Reader;
use synod_wire::{EnvelopeContent, MessageKind, ParseError, versioned};

use super::confirmation_responses::ConfirmationResponses;
use super::confirmation_result::ConfirmationResult;
use super::error::{InvalidMessage, not_set};
use super::informee_message::{InformeeMessage, InformeeMessageMessage};
use super::proto::{Merge, decode, merge, tag};
use super::reassignment_message::{ReassignmentMediatorMessage, ReassignmentMessage};
use super::root_hash_message::{RootHashMessage, RootHashMessageMessage};

/// Content of an envelope without signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediatorContent {
    /// The confirmation request of a transaction.
    InformeeMessage(Box<InformeeMessage>),
    /// The confirmation request of a reassignment, of either kind.
    Reassignment(Box<ReassignmentMediatorMessage>),
    /// A root hash message.
    RootHashMessage(RootHashMessage),
    /// Something that is not read here: topology, which is the business of another part, and what concerns others.
    Other,
}

/// The content of the oneof as it is on the wire. Others are known to be well formed.
enum Content {
    InformeeMessage(Box<InformeeMessageMessage>),
    Unassignment(Box<ReassignmentMessage>),
    Assignment(Box<ReassignmentMessage>),
    RootHashMessage(RootHashMessageMessage),
    Other,
}

/// The fields of contents that concern others (chapter 04 §1.2).
const fn others(version: ProtocolVersion) -> &'static [u32] {
    match version {
        ProtocolVersion::V34 => &[tag::D2, tag::D6, tag::D7],
        ProtocolVersion::V35 | ProtocolVersion::Dev => &[tag::D2, tag::D6, tag::D7, tag::D8],
    }
}

/// Reads the `EnvelopeContent`. Of a content that stands there again the parts are merged.
fn read_content(data: &Bytes, version: ProtocolVersion) -> Result<Content, ParseError> {
    let mut content = Content::Other;
    let mut reader = Reader::new(data);
    while let Some(found) = reader.next_tag()? {
        content = match (found, content) {
            (tag::D1, Content::InformeeMessage(before)) => Content::InformeeMessage(merged(before, &mut reader, data)?),
            (tag::D1, _) => Content::InformeeMessage(merged(Box::default(), &mut reader, data)?),
            (tag::D3, Content::Unassignment(before)) => Content::Unassignment(merged(before, &mut reader, data)?),
            (tag::D3, _) => Content::Unassignment(merged(Box::default(), &mut reader, data)?),
            (tag::D4, Content::Assignment(before)) => Content::Assignment(merged(before, &mut reader, data)?),
            (tag::D4, _) => Content::Assignment(merged(Box::default(), &mut reader, data)?),
            (tag::D5, Content::RootHashMessage(before)) => {
                Content::RootHashMessage(*merged(Box::new(before), &mut reader, data)?)
            }
            (tag::D5, _) => Content::RootHashMessage(*merged(Box::default(), &mut reader, data)?),
            (other, before) => {
                reader.skip(other)?;
                if others(version).contains(&other) { Content::Other } else { before }
            }
        };
    }
    Ok(content)
}

/// Reads the message in a field into what was there before.
fn merged<M: Merge>(mut before: Box<M>, reader: &mut Reader<'_>, source: &Bytes) -> Result<Box<M>, ParseError> {
    merge(&mut *before, source, reader.bytes()?)?;
    Ok(before)
}

impl MediatorContent {
    /// Reads a versioned `EnvelopeContent`. The last field of the oneof counts, but all of them have to be well formed.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does, except for what concerns others, which is not judged.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        if let EnvelopeContent::TopologyBroadcast(_) = EnvelopeContent::parse(bytes, version)? {
            return Ok(Self::Other);
        }
        let reassignment = |message| Self::Reassignment(Box::new(message));
        match read_content(&MessageKind::EnvelopeContent.unwrap(version, bytes)?, version)? {
            Content::InformeeMessage(message) => {
                InformeeMessage::of_message(*message, version).map(|message| Self::InformeeMessage(Box::new(message)))
            }
            Content::Unassignment(message) => ReassignmentMediatorMessage::of_unassignment(*message).map(reassignment),
            Content::Assignment(message) => ReassignmentMediatorMessage::of_assignment(*message).map(reassignment),
            Content::RootHashMessage(message) => RootHashMessage::of_message(message).map(Self::RootHashMessage),
            Content::Other => Ok(Self::Other),
        }
    }
}

/// Content of an envelope with signatures (`TypedSignedProtocolMessageContent`).
#[derive(Debug, Clone, PartialEq)]
pub enum MediatorMessage {
    /// What a participant answers.
    ConfirmationResponses(ConfirmationResponses),
    /// What a mediator decided.
    ConfirmationResult(ConfirmationResult),
    /// Something that concerns others.
    Other,
}

/// The content of the oneof. All are bytes.
#[derive(Default)]
struct TypedContent(Option<Typed>);

enum Typed {
    Responses(Bytes),
    Result(Bytes),
    Other,
}

impl Merge for TypedContent {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        self.0 = Some(match found {
            tag::D2 => Typed::Responses(reader.shared(source)?),
            tag::D3 => Typed::Result(reader.shared(source)?),
            tag::D4 | tag::D5 => {
                reader.bytes()?;
                Typed::Other
            }
            _ => return Ok(false),
        });
        Ok(true)
    }
}

impl MediatorMessage {
    /// Reads the versioned message. Every version number is accepted; the last field of the oneof counts.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does, except for what concerns others, which is not judged.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let content: TypedContent = decode(&versioned::unwrap(bytes)?.data)?;
        match content.0 {
            Some(Typed::Responses(bytes)) => ConfirmationResponses::parse(&bytes).map(Self::ConfirmationResponses),
            Some(Typed::Result(bytes)) => ConfirmationResult::parse(&bytes).map(Self::ConfirmationResult),
            Some(Typed::Other) => Ok(Self::Other),
            None => Err(not_set("some_signed_protocol_message")),
        }
    }
}
