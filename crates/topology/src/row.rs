//! Rows of a topology store, and what a batch of transactions changes about them (ch. 02 §2.1).

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, Fingerprint, Member, Namespace};

use crate::{MappingCode, Operation, TopologyRejection};

/// A stored topology transaction. Rows are inserted and closed, never deleted; rejected transactions have rows too.
///
/// It is in force at a time `t` when it is neither proposal nor rejected, and `valid_from < t ≤ valid_until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyRow {
    /// Position in the order of insertion, from 0, without gaps.
    pub id: u64,
    /// When it was sequenced.
    pub sequenced: CantonTimestamp,
    /// When it becomes effective.
    pub valid_from: CantonTimestamp,
    /// When it ended, inclusive; `None` while it is open. Of a rejected transaction equal to `valid_from`.
    pub valid_until: Option<CantonTimestamp>,
    /// Position in its batch, from 0: all transactions of one event.
    pub batch_index: u32,
    /// Versioned `SignedTopologyTransaction`. Of an accepted one with the signatures that counted, and of its
    /// predecessor when it was merged with one.
    pub signed: Bytes,
    /// Whether it still misses signatures.
    pub is_proposal: bool,
    /// Why it was rejected, at most 300 characters. The text is for people: only whether there is one counts.
    pub rejection: Option<String>,
    /// Hash of the transaction that is signed.
    pub tx_hash: Hash,
    /// Kind of the mapping.
    pub code: MappingCode,
    /// Namespace of the mapping.
    pub namespace: Namespace,
    /// Identifier of the mapping in the namespace; none for namespace delegations and decentralized namespaces.
    pub identifier: Option<String>,
    /// Transactions of the same key follow each other.
    pub unique_key: Hash,
    /// Serial in the unique key, above zero, below 2³¹.
    pub serial: u32,
    /// What it does.
    pub operation: Operation,
}

/// Everything that a batch of topology transactions changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopologyChanges {
    /// The new rows, by ascending id. Those that ended within the batch are in `closed` too.
    pub inserted: Vec<TopologyRow>,
    /// Rows that ended, and when, in the order in which they did. Rejected rows are not in here: they are inserted
    /// closed.
    pub closed: Vec<(u64, CantonTimestamp)>,
    /// What became of each transaction, in order.
    pub validated: Vec<ValidatedTransaction>,
    /// Members that accepted trust certificates and groups name (also when they are removed), and the time from which
    /// on they are registered; in order, each once per batch (ch. 02 §4.5). They may have been registered before.
    pub registrations: Vec<(Member, CantonTimestamp)>,
}

impl TopologyChanges {
    /// Adds the changes of a later batch.
    pub fn append(&mut self, mut later: Self) {
        self.inserted.append(&mut later.inserted);
        self.closed.append(&mut later.closed);
        self.validated.append(&mut later.validated);
        self.registrations.append(&mut later.registrations);
    }
}

/// What became of a topology transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedTransaction {
    /// Its hash.
    pub tx_hash: Hash,
    /// Why it was rejected; `None` when it was accepted, maybe as a proposal.
    pub rejection: Option<TopologyRejection>,
    /// Whether it misses signatures; as received when it was rejected.
    pub is_proposal: bool,
    /// The long-term keys behind the signatures that are kept; as received when it was rejected.
    pub signers: Vec<Fingerprint>,
}

/// The rows of a store do not make a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadFault {
    /// A row does not parse.
    #[error("topology row {id} does not parse")]
    Row {
        /// Its id.
        id: u64,
        /// Why.
        #[source]
        source: crate::InvalidMessage,
    },
    /// The rows are not sorted by id, or one is there twice.
    #[error("topology row {id} is not after the row before it")]
    Order {
        /// Its id.
        id: u64,
    },
    /// A row does not end when the row that follows it begins.
    #[error("topology row {id} does not end when row {by} begins, which follows it")]
    End {
        /// Its id.
        id: u64,
        /// Id of the row that follows.
        by: u64,
    },
}

impl TopologyRow {
    /// The signed transaction of this row.
    ///
    /// # Errors
    /// [`InvalidMessage`](crate::InvalidMessage) when the row is damaged.
    pub fn transaction(&self) -> Result<crate::SignedTopologyTransaction, crate::InvalidMessage> {
        // Topology messages are the same in all protocol versions.
        crate::SignedTopologyTransaction::parse(&self.signed, synod_types::ProtocolVersion::V35)
    }
}
