//! What is inside of an envelope, as far as a sequencer looks (chapter 01 §6.6).

use bytes::Bytes;
use synod_types::{PhysicalSynchronizerId, ProtocolVersion};

use crate::error::identifier;
use crate::reader::{Reader, delimited, tag};
use crate::writer::{put_bytes, put_delimited};
use crate::{MessageKind, ParseError, SetTrafficPurchased, schema, versioned};

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

/// The content of the oneof as it is on the wire.
enum Content<'a> {
    TopologyBroadcast(BroadcastMessage<'a>),
    Other,
}

/// A `TopologyTransactionsBroadcast` as it is on the wire.
#[derive(Default)]
struct BroadcastMessage<'a> {
    psid: &'a str,
    transactions: Option<Vec<Bytes>>,
}

impl<'a> BroadcastMessage<'a> {
    /// Reads the message, a part of `source`.
    fn merge(&mut self, source: &Bytes, message: &'a [u8]) -> Result<(), ParseError> {
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => self.psid = reader.text()?,
                tag::D2 => {
                    let transactions = self.transactions.get_or_insert_default();
                    let mut list = Reader::new(reader.bytes()?);
                    while let Some(found) = list.next_tag()? {
                        match found {
                            tag::D1 => transactions.push(list.shared(source)?),
                            unknown => list.skip(unknown)?,
                        }
                    }
                }
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(())
    }

    fn broadcast(self) -> Result<TopologyBroadcast, ParseError> {
        Ok(TopologyBroadcast {
            psid: PhysicalSynchronizerId::parse(self.psid).map_err(identifier("physical_synchronizer_id"))?,
            transactions: self.transactions.ok_or(ParseError::FieldNotSet { field: "signed_transactions" })?,
        })
    }
}

impl EnvelopeContent {
    /// Reads a versioned `EnvelopeContent`. The last field of the oneof counts, but all of them have to be well
    /// formed. Of other contents than broadcasts no more than that is judged. Transactions are parts of `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed, of another version, or has no content.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let data = MessageKind::EnvelopeContent.unwrap(version, bytes)?;
        let others = schema::envelope_contents(version);
        let mut content = None;
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            if found == delimited(TOPOLOGY_BROADCAST_FIELD) {
                let mut broadcast = match content.take() {
                    // The same field once more: the parts are merged.
                    Some(Content::TopologyBroadcast(before)) => before,
                    Some(Content::Other) | None => BroadcastMessage::default(),
                };
                broadcast.merge(&data, reader.bytes()?)?;
                content = Some(Content::TopologyBroadcast(broadcast));
            } else if let Some(schema) = others.message(found) {
                schema.check(reader.bytes()?)?;
                content = Some(Content::Other);
            } else {
                reader.skip(found)?;
            }
        }
        match content {
            Some(Content::TopologyBroadcast(broadcast)) => broadcast.broadcast().map(Self::TopologyBroadcast),
            Some(Content::Other) => Ok(Self::Other),
            None => Err(ParseError::FieldNotSet { field: "some_envelope_content" }),
        }
    }
}

impl TopologyBroadcast {
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
        // All are bytes: the purchase, if it is the last one.
        let mut content = None;
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D5 => content = Some(Some(reader.shared(&data)?)),
                tag::D2 | tag::D3 | tag::D4 => {
                    reader.bytes()?;
                    content = Some(None);
                }
                unknown => reader.skip(unknown)?,
            }
        }
        match content.ok_or(ParseError::FieldNotSet { field: "some_signed_protocol_message" })? {
            Some(purchase) => SetTrafficPurchased::parse(&purchase).map(Self::SetTrafficPurchased),
            None => Ok(Self::Other),
        }
    }

    /// The versioned message around a purchase: what sequencers sign.
    #[must_use]
    pub fn set_traffic_purchased(message: &SetTrafficPurchased, version: ProtocolVersion) -> Bytes {
        let mut content = Vec::new();
        put_delimited(&mut content, 5, &message.to_versioned_bytes(version));
        MessageKind::TypedSignedProtocolMessageContent.wrap(version, &content)
    }
}
