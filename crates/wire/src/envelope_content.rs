//! What is inside of an envelope, as far as a sequencer looks (chapter 01 §6.6).

use bytes::Bytes;
use synod_types::{PhysicalSynchronizerId, ProtocolVersion};

use crate::error::identifier;
use crate::reader::{Reader, tag};
use crate::writer::{put_bytes, put_delimited};
use crate::{MessageKind, ParseError, SetTrafficPurchased, versioned};

/// Content of an envelope without signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeContent {
    /// Topology transactions.
    TopologyBroadcast(TopologyBroadcast),
    /// Something that concerns others.
    Other,
}

/// Topology transactions on their way to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyBroadcast {
    /// The synchronizer that they are for.
    pub psid: PhysicalSynchronizerId,
    /// The transactions in order: each a versioned `SignedTopologyTransaction`, not parsed.
    pub transactions: Vec<Bytes>,
}

const TOPOLOGY_BROADCAST_FIELD: u32 = 6;

impl EnvelopeContent {
    /// Reads a versioned `EnvelopeContent`. The last field of the oneof counts.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed, of another version, or has no content.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let data = MessageKind::EnvelopeContent.unwrap(version, bytes)?;
        let mut content = None;
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D6 => {
                    let message = reader.shared(&data)?;
                    content = Some(Self::TopologyBroadcast(TopologyBroadcast::parse_proto(&message)?));
                }
                tag::D1 | tag::D2 | tag::D3 | tag::D4 | tag::D5 | tag::D7 | tag::D8 => {
                    reader.bytes()?;
                    content = Some(Self::Other);
                }
                unknown => reader.skip(unknown)?,
            }
        }
        content.ok_or(ParseError::FieldNotSet { field: "some_envelope_content" })
    }
}

impl TopologyBroadcast {
    fn parse_proto(message: &Bytes) -> Result<Self, ParseError> {
        let (mut psid, mut transactions) = ("", None);
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => psid = reader.text()?,
                tag::D2 => {
                    let list = reader.shared(message)?;
                    let mut items = Reader::new(&list);
                    let transactions: &mut Vec<Bytes> = transactions.get_or_insert_default();
                    while let Some(found) = items.next_tag()? {
                        match found {
                            tag::D1 => transactions.push(items.shared(&list)?),
                            unknown => items.skip(unknown)?,
                        }
                    }
                }
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(Self {
            psid: PhysicalSynchronizerId::parse(psid).map_err(identifier("physical_synchronizer_id"))?,
            transactions: transactions.ok_or(ParseError::FieldNotSet { field: "signed_transactions" })?,
        })
    }

    /// The versioned `EnvelopeContent` with this broadcast.
    #[must_use]
    pub fn to_versioned_content(&self, version: ProtocolVersion) -> Bytes {
        let mut list = Vec::new();
        for transaction in &self.transactions {
            put_delimited(&mut list, 1, transaction);
        }
        let mut message = Vec::new();
        put_bytes(&mut message, 1, self.psid.to_string().as_bytes());
        put_delimited(&mut message, 2, &list);
        let mut content = Vec::new();
        put_delimited(&mut content, TOPOLOGY_BROADCAST_FIELD, &message);
        MessageKind::EnvelopeContent.wrap(version, &content)
    }
}

/// Content of an envelope with signatures (`TypedSignedProtocolMessageContent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypedMessage {
    /// A new limit of purchased traffic.
    SetTrafficPurchased(SetTrafficPurchased),
    /// Something that concerns others.
    Other,
}

impl TypedMessage {
    /// Reads the versioned message. Every version number is accepted; the last field of the oneof counts.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed or has no content.
    pub fn parse(bytes: &Bytes) -> Result<Self, ParseError> {
        let data = versioned::unwrap(bytes)?.data;
        let mut content = None;
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D5 => {
                    let message = reader.shared(&data)?;
                    content = Some(Self::SetTrafficPurchased(SetTrafficPurchased::parse(&message)?));
                }
                tag::D2 | tag::D3 | tag::D4 => {
                    reader.bytes()?;
                    content = Some(Self::Other);
                }
                unknown => reader.skip(unknown)?,
            }
        }
        content.ok_or(ParseError::FieldNotSet { field: "some_signed_protocol_message" })
    }

    /// The versioned message around a purchase: what sequencers sign.
    #[must_use]
    pub fn set_traffic_purchased(message: &SetTrafficPurchased, version: ProtocolVersion) -> Bytes {
        let mut content = Vec::new();
        put_delimited(&mut content, 5, &message.to_versioned_bytes(version));
        versioned::wrap(30, &content)
    }
}
