//! Broadcasts of topology transactions (ch. 02 §3.2 and §4.1, `TopologyTransactionsBroadcast`).

use bytes::Bytes;
use prost::Message as _;
use synod_proto::protocol::v30;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion, Recipient};
use thiserror::Error;

use crate::error::identifier;
use crate::protobuf::decode;
use crate::{InvalidMessage, SignedTopologyTransaction, schema};

/// The content of an envelope with topology transactions.
#[derive(Debug, Clone)]
pub struct TopologyTransactionsBroadcast {
    /// The synchronizer that it is for.
    pub psid: PhysicalSynchronizerId,
    /// The transactions, in order.
    pub transactions: Vec<SignedTopologyTransaction>,
}

impl TopologyTransactionsBroadcast {
    /// Reads the message, which has no version around it. One transaction that does not parse voids it.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`TopologyTransactionsBroadcast.fromProtoV30`).
    pub fn parse(bytes: &[u8], version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        let proto: v30::TopologyTransactionsBroadcast = decode(&schema::TOPOLOGY_TRANSACTIONS_BROADCAST, bytes)?;
        let psid = PhysicalSynchronizerId::parse(&proto.physical_synchronizer_id)
            .map_err(identifier("physical_synchronizer_id"))?;
        let transactions =
            proto.signed_transactions.ok_or(InvalidMessage::FieldNotSet { field: "signed_transactions" })?;
        Ok(Self { psid, transactions: parse_transactions(&transactions.signed_transaction, version)? })
    }

    /// The message.
    #[must_use]
    pub fn to_proto(&self, version: ProtocolVersion) -> v30::TopologyTransactionsBroadcast {
        let transactions = self.transactions.iter().map(|transaction| transaction.encode(version)).collect();
        v30::TopologyTransactionsBroadcast {
            physical_synchronizer_id: self.psid.to_string(),
            signed_transactions: Some(v30::SignedTopologyTransactions { signed_transaction: transactions }),
        }
    }

    /// The encoded message.
    #[must_use]
    pub fn encode(&self, version: ProtocolVersion) -> Bytes {
        self.to_proto(version).encode_to_vec().into()
    }
}

/// Reads versioned signed transactions: all, or none.
///
/// # Errors
/// [`InvalidMessage`], that of the first one that does not parse.
pub fn parse_transactions(
    transactions: &[Bytes],
    version: ProtocolVersion,
) -> Result<Vec<SignedTopologyTransaction>, InvalidMessage> {
    transactions.iter().map(|bytes| SignedTopologyTransaction::parse(bytes, version)).collect()
}

/// Why a broadcast that parses does not count. Canton raises an alarm for the last two.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BroadcastDiscarded {
    /// It is for another synchronizer.
    #[error("the broadcast is for {psid}")]
    OtherSynchronizer {
        /// That synchronizer.
        psid: PhysicalSynchronizerId,
    },
    /// It is not for everybody.
    #[error("the broadcast is not addressed to all members")]
    NotForAll,
    /// It was resolved by the topology of another time.
    #[error("the broadcast has the topology timestamp {timestamp}")]
    TopologyTimestamp {
        /// That time.
        timestamp: CantonTimestamp,
    },
}

/// Whether a broadcast for `broadcast` counts on `psid`: all members are among the recipients of its envelope, others may
/// be, too; and its event has no topology timestamp. Transactions of all broadcasts of an event that count make one batch,
/// in order.
///
/// # Errors
/// [`BroadcastDiscarded`].
pub fn check_broadcast<'a>(
    psid: &PhysicalSynchronizerId,
    broadcast: &PhysicalSynchronizerId,
    mut recipients: impl Iterator<Item = &'a Recipient>,
    topology_timestamp: Option<CantonTimestamp>,
) -> Result<(), BroadcastDiscarded> {
    if broadcast != psid {
        return Err(BroadcastDiscarded::OtherSynchronizer { psid: broadcast.clone() });
    }
    if !recipients.any(|recipient| *recipient == Recipient::AllMembersOfSynchronizer) {
        return Err(BroadcastDiscarded::NotForAll);
    }
    match topology_timestamp {
        Some(timestamp) => Err(BroadcastDiscarded::TopologyTimestamp { timestamp }),
        None => Ok(()),
    }
}
