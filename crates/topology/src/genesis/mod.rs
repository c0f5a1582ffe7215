//! The first topology of a synchronizer, and topologies of other nodes that are judged again (ch. 02 §6.2).

mod checks;
mod cleanup;
mod replay;
mod stored;

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, SynchronizerId};
use thiserror::Error;

use crate::{InvalidMessage, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyRow, TopologyState};

pub use replay::{Mismatch, Replayed, replay};
pub use stored::{
    StoredTransaction, encode_v1, encode_v2, item, parse_stored_items, parse_v1, parse_v2, transactions_proto,
    versioned_item,
};

/// A topology that no synchronizer can begin with. The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidGenesis {
    /// The static parameters are not valid.
    #[error("the static synchronizer parameters are not valid")]
    StaticParameters(#[source] InvalidMessage),
    /// The topology does not parse.
    #[error("the topology is not valid")]
    Topology(#[source] InvalidMessage),
    /// No sequencers are defined.
    #[error("there is no SequencerSynchronizerState")]
    NoSequencers,
    /// Sequencers of several synchronizers are defined.
    #[error("there are SequencerSynchronizerStates of several synchronizers")]
    SeveralSynchronizers {
        /// The synchronizers.
        synchronizers: Vec<SynchronizerId>,
    },
    /// Another synchronizer is announced.
    #[error("the topology announces {announced}, but this synchronizer is {found}")]
    OtherSuccessor {
        /// The synchronizer announced.
        announced: PhysicalSynchronizerId,
        /// The synchronizer of the parameters.
        found: PhysicalSynchronizerId,
    },
    /// Transactions of a unique key contradict each other.
    #[error("{what} for the unique key {unique_key}")]
    Contradiction {
        /// The unique key.
        unique_key: Hash,
        /// What there is.
        what: &'static str,
    },
    /// Transactions of the same hash cannot be merged.
    #[error("transaction {index} cannot follow an earlier one with the same hash")]
    Repetition {
        /// Place of the transaction, from 0.
        index: usize,
    },
    /// A transaction was judged differently before.
    #[error("the topology contradicts itself")]
    Mismatch(#[from] Mismatch),
}

/// The first state of a synchronizer.
#[derive(Debug, Clone)]
pub struct Genesis {
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// Its static parameters.
    pub static_parameters: StaticSynchronizerParameters,
    /// The state after genesis.
    pub state: TopologyState,
    /// The rows of the state, by id.
    pub rows: Vec<TopologyRow>,
    /// The members, in order, and when they are registered.
    pub registrations: Vec<(Member, CantonTimestamp)>,
}

impl Genesis {
    /// Judges a topology as the first one of a synchronizer with these versioned `StaticSynchronizerParameters`. All times
    /// become the time of genesis, proposals that ended are dropped, repetitions are merged; then all transactions are
    /// validated with the relaxed rules of genesis.
    ///
    /// # Errors
    /// [`InvalidGenesis`].
    pub fn new(
        static_parameters: StaticSynchronizerParameters,
        transactions: Vec<StoredTransaction>,
    ) -> Result<Self, InvalidGenesis> {
        let transactions = cleanup::reset_times(transactions);
        let synchronizer = checks::synchronizer(&transactions)?;
        let psid =
            PhysicalSynchronizerId::new(synchronizer, static_parameters.protocol_version, static_parameters.serial);
        checks::successor(&transactions, &psid)?;
        checks::no_contradictions(&transactions)?;
        let transactions = cleanup::merge_repetitions(transactions)?;
        let state = TopologyState::new(psid.clone(), &static_parameters);
        let Replayed { state, rows, registrations } = replay(state, transactions)?;
        Ok(Self { psid, static_parameters, state, rows, registrations })
    }

    /// [`Self::new`] of versioned parameters, and of a topology in the first format.
    ///
    /// # Errors
    /// [`InvalidGenesis`].
    pub fn from_v1(static_parameters: &Bytes, topology: &Bytes) -> Result<Self, InvalidGenesis> {
        Self::parse(static_parameters, topology, parse_v1)
    }

    /// [`Self::new`] of versioned parameters, and of a topology in the second format.
    ///
    /// # Errors
    /// [`InvalidGenesis`].
    pub fn from_v2(static_parameters: &Bytes, topology: &Bytes) -> Result<Self, InvalidGenesis> {
        Self::parse(static_parameters, topology, parse_v2)
    }

    fn parse(
        static_parameters: &Bytes,
        topology: &Bytes,
        parse: fn(&Bytes, synod_types::ProtocolVersion) -> Result<Vec<StoredTransaction>, InvalidMessage>,
    ) -> Result<Self, InvalidGenesis> {
        let parameters =
            StaticSynchronizerParameters::parse(static_parameters).map_err(InvalidGenesis::StaticParameters)?;
        let transactions = parse(topology, parameters.protocol_version).map_err(InvalidGenesis::Topology)?;
        Self::new(parameters, transactions)
    }

    /// Transactions that are to become a genesis, as stored ones: joined by hash, at the time of genesis, open.
    #[must_use]
    pub fn prepare(transactions: Vec<SignedTopologyTransaction>) -> Vec<StoredTransaction> {
        let time = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let stored = |transaction| StoredTransaction {
            sequenced: time,
            valid_from: time,
            valid_until: None,
            transaction,
            rejection: None,
        };
        SignedTopologyTransaction::compact(transactions).into_iter().map(stored).collect()
    }
}
