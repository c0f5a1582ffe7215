//! Accepted rows as the state keeps them in memory.

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, ProtocolVersion};

use crate::{InvalidMessage, Mapping, MappingCode, Operation, SignedTopologyTransaction, TopologyRow};

/// An accepted row, maybe a proposal. When it ends, its lane knows.
///
/// There are as many of them as parties are hosted, so it is small: rows of the kinds that grow with the number of parties
/// are parsed when they are asked for.
#[derive(Debug)]
pub(crate) struct StoredRow {
    pub(crate) id: u64,
    pub(crate) sequenced: CantonTimestamp,
    pub(crate) valid_from: CantonTimestamp,
    pub(crate) tx_hash: Hash,
    pub(crate) serial: u32,
    pub(crate) operation: Operation,
    pub(crate) is_proposal: bool,
    signed: Box<[u8]>,
    mapping: Option<Arc<Mapping>>,
}

/// Whether the mappings of rows of this kind are kept.
const fn is_kept(code: MappingCode) -> bool {
    !matches!(
        code,
        MappingCode::PartyToParticipant
            | MappingCode::PartyToKeyMapping
            | MappingCode::PartyHostingLimits
            | MappingCode::VettedPackages
            | MappingCode::NamespaceDelegation
    )
}

impl StoredRow {
    /// The row of `row`, whose transaction is `transaction`.
    pub(crate) fn new(row: &TopologyRow, transaction: &SignedTopologyTransaction) -> Self {
        let mapping = is_kept(row.code).then(|| transaction.transaction().shared_mapping().clone());
        Self {
            id: row.id,
            sequenced: row.sequenced,
            valid_from: row.valid_from,
            tx_hash: row.tx_hash,
            serial: row.serial,
            operation: row.operation,
            is_proposal: row.is_proposal,
            signed: row.signed.as_ref().into(),
            mapping,
        }
    }

    /// The mapping, if rows of its kind keep it.
    pub(crate) fn kept_mapping(&self) -> Option<&Mapping> {
        self.mapping.as_deref()
    }

    /// Whether what it says is asked for at any time, however long ago. Keys: they verify acknowledgements of old times,
    /// and events are signed by what was in force at their time. Parameters: old traffic accrued by them.
    pub(crate) fn is_history(&self) -> bool {
        let mapping = self.kept_mapping();
        matches!(mapping, Some(Mapping::OwnerToKeyMapping(_) | Mapping::SynchronizerParametersState(_)))
    }

    /// The mapping.
    pub(crate) fn mapping(&self) -> Arc<Mapping> {
        match &self.mapping {
            Some(mapping) => mapping.clone(),
            None => self.transaction().transaction().shared_mapping().clone(),
        }
    }

    /// The signed transaction.
    pub(crate) fn transaction(&self) -> SignedTopologyTransaction {
        parse(&Bytes::copy_from_slice(&self.signed)).expect("the bytes were parsed before the row was made of them")
    }
}

/// Reads the transaction of a row. Topology messages are the same in all protocol versions.
pub(crate) fn parse(signed: &Bytes) -> Result<SignedTopologyTransaction, InvalidMessage> {
    SignedTopologyTransaction::parse(signed, ProtocolVersion::V35)
}
