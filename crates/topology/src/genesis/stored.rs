//! Stored transactions as they travel between nodes (ch. 02 §1.4 and §6.2, `StoredTopologyTransaction`).

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use synod_proto::topology::admin::v30::TopologyTransactions;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::{MessageKind, ParseError, ProtoFault};

use crate::protobuf::decode;
use crate::{InvalidMessage, SignedTopologyTransaction, TopologyRow, schema};

/// A stored transaction.
#[derive(Debug, Clone)]
pub struct StoredTransaction {
    /// When it was sequenced.
    pub sequenced: CantonTimestamp,
    /// When it becomes effective.
    pub valid_from: CantonTimestamp,
    /// When it ended; `None` while it is open.
    pub valid_until: Option<CantonTimestamp>,
    /// The transaction.
    pub transaction: SignedTopologyTransaction,
    /// Why it was rejected.
    pub rejection: Option<String>,
}

impl StoredTransaction {
    /// Reads an item of a download, which has no version around it.
    ///
    /// # Errors
    /// [`InvalidMessage`] when a time or the transaction is missing or not valid.
    pub fn from_item(item: Item, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        let time = |field, proto: Option<prost_types::Timestamp>| {
            let proto = proto.ok_or(InvalidMessage::FieldNotSet { field })?;
            CantonTimestamp::from_seconds_and_nanos(proto.seconds, proto.nanos)
                .map_err(|source| InvalidMessage::Timestamp { field, source })
        };
        Ok(Self {
            sequenced: time("sequenced", item.sequenced)?,
            valid_from: time("valid_from", item.valid_from)?,
            valid_until: item.valid_until.map(|until| time("valid_until", Some(until))).transpose()?,
            transaction: SignedTopologyTransaction::parse(&item.transaction, version)?,
            rejection: item.rejection_reason,
        })
    }

    /// The transaction of a row.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the row is damaged.
    pub fn from_row(row: &TopologyRow, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        Ok(Self {
            sequenced: row.sequenced,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            transaction: SignedTopologyTransaction::parse(&row.signed, version)?,
            rejection: row.rejection.clone(),
        })
    }

    /// This transaction as the row with this id and place in its batch.
    #[must_use]
    pub fn into_row(self, id: u64, batch_index: u32, version: ProtocolVersion) -> TopologyRow {
        let content = self.transaction.transaction();
        let mapping = content.mapping();
        TopologyRow {
            id,
            sequenced: self.sequenced,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            batch_index,
            signed: self.transaction.encode(version),
            is_proposal: self.transaction.is_proposal(),
            rejection: self.rejection,
            tx_hash: *content.hash(),
            code: mapping.code(),
            namespace: mapping.namespace(),
            identifier: mapping.uid().map(|uid| uid.identifier().to_owned()),
            unique_key: mapping.unique_key(),
            serial: content.serial(),
            operation: content.operation(),
        }
    }
}

fn malformed() -> InvalidMessage {
    ParseError::from(ProtoFault::Truncated).into()
}

/// Reads one versioned item.
fn parse_item(bytes: &Bytes, version: ProtocolVersion) -> Result<StoredTransaction, InvalidMessage> {
    let message = MessageKind::Topology.unwrap(version, bytes)?;
    StoredTransaction::from_item(decode(&schema::STORED_TOPOLOGY_TRANSACTION, &message)?, version)
}

/// Reads the first format: one versioned list.
///
/// # Errors
/// [`InvalidMessage`] when it is not such a list.
pub fn parse_v1(bytes: &Bytes, version: ProtocolVersion) -> Result<Vec<StoredTransaction>, InvalidMessage> {
    let message = MessageKind::Topology.unwrap(version, bytes)?;
    let proto: TopologyTransactions = decode(&schema::STORED_TOPOLOGY_TRANSACTIONS, &message)?;
    proto.items.into_iter().map(|item| StoredTransaction::from_item(item, version)).collect()
}

/// Reads the second format: versioned items, each after its length.
///
/// # Errors
/// [`InvalidMessage`] when it is not such a stream.
pub fn parse_v2(bytes: &Bytes, version: ProtocolVersion) -> Result<Vec<StoredTransaction>, InvalidMessage> {
    let mut rest = bytes.clone();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).map_err(|_| malformed())?;
        if length > rest.len() {
            return Err(malformed());
        }
        items.push(parse_item(&rest.split_to(length), version)?);
    }
    Ok(items)
}

/// Reads versioned items as rows, in order, with ids from 0. They are trusted: [`replay`](super::replay) judges them.
///
/// # Errors
/// [`InvalidMessage`] when one is malformed.
pub fn parse_stored_items(items: &[Bytes], version: ProtocolVersion) -> Result<Vec<TopologyRow>, InvalidMessage> {
    let parsed = items.iter().map(|item| parse_item(item, version)).collect::<Result<_, _>>()?;
    Ok(into_rows(parsed, version))
}

/// Numbers transactions: by ids from 0, and by their place among those that were sequenced together.
pub(crate) fn into_rows(transactions: Vec<StoredTransaction>, version: ProtocolVersion) -> Vec<TopologyRow> {
    let mut sizes: BTreeMap<(CantonTimestamp, CantonTimestamp), u32> = BTreeMap::new();
    let number = |(id, transaction): (u64, StoredTransaction)| {
        let size = sizes.entry((transaction.sequenced, transaction.valid_from)).or_default();
        let batch_index = *size;
        *size = size.saturating_add(1);
        transaction.into_row(id, batch_index, version)
    };
    (0..).zip(transactions).map(number).collect()
}

/// The item of a row.
#[must_use]
pub fn item(row: &TopologyRow) -> Item {
    let time = |time: CantonTimestamp| {
        let (seconds, nanos) = time.as_seconds_and_nanos();
        prost_types::Timestamp { seconds, nanos }
    };
    Item {
        sequenced: Some(time(row.sequenced)),
        valid_from: Some(time(row.valid_from)),
        valid_until: row.valid_until.map(time),
        transaction: row.signed.clone(),
        rejection_reason: row.rejection.clone(),
    }
}

/// The versioned item of a row.
#[must_use]
pub fn versioned_item(row: &TopologyRow, version: ProtocolVersion) -> Bytes {
    MessageKind::Topology.wrap(version, &item(row).encode_to_vec())
}

/// The list of all rows, not versioned.
#[must_use]
pub fn transactions_proto(rows: &[TopologyRow]) -> TopologyTransactions {
    TopologyTransactions { items: rows.iter().map(item).collect() }
}

/// The rows in the first format.
#[must_use]
pub fn encode_v1(rows: &[TopologyRow], version: ProtocolVersion) -> Bytes {
    MessageKind::Topology.wrap(version, &transactions_proto(rows).encode_to_vec())
}

/// The rows in the second format.
#[must_use]
pub fn encode_v2(rows: &[TopologyRow], version: ProtocolVersion) -> Bytes {
    let mut stream = Vec::new();
    for row in rows {
        let item = versioned_item(row, version);
        prost::encoding::encode_varint(item.len() as u64, &mut stream);
        stream.extend_from_slice(&item);
    }
    stream.into()
}
