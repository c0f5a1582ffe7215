//! Sequencers without the services around them: a founded synchronizer, and the pipeline of a node that belongs to it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use synod_machine::{Checkpoint, Machine, State, genesis};
use synod_pipeline::{BlockExecutor, Committer, EventLog};
use synod_store::{Acquired, Store, StoreConfig};
use synod_topology::{DynamicSynchronizerParameters, StaticSynchronizerParameters};
use synod_types::{MemberKind, ProtocolVersion, SequencerId};

use crate::requests::{Network, TestMember, genesis_state};

/// Bytes of events that a node keeps in memory.
const TAIL_BYTES: usize = 1024 * 1024;
/// How long the lease of a node lasts unless it commits, in milliseconds.
const LEASE_MS: u32 = 60_000;

/// A synchronizer of protocol version 35 at its genesis, and everybody's keys.
#[derive(Debug, Clone)]
pub struct Founding {
    /// Who signs for the synchronizer.
    pub network: Network,
    /// `sequencer0`, …: first the active ones, then the passive ones.
    pub sequencers: Vec<TestMember>,
    /// `participant0`, …: registered from the beginning.
    pub participants: Vec<TestMember>,
    /// The state before the first block.
    pub checkpoint: Checkpoint,
}

impl Founding {
    /// A synchronizer with so many active and passive sequencers, one mediator and so many participants.
    ///
    /// # Panics
    /// When there is no active sequencer.
    #[must_use]
    pub fn new(active: usize, passive: usize, participants: usize) -> Self {
        let member = |kind, name: &str, index| TestMember::new(kind, &format!("{name}{index}"));
        let sequencers: Vec<TestMember> =
            (0..active + passive).map(|index| member(MemberKind::Sequencer, "sequencer", index)).collect();
        let participants: Vec<TestMember> =
            (0..participants).map(|index| member(MemberKind::Participant, "participant", index)).collect();
        let mediator = member(MemberKind::Mediator, "mediator", 0);
        let network = Network::new(sequencers[0].clone());
        let mut transactions = Vec::new();
        for member in sequencers.iter().chain([&mediator]) {
            transactions.extend([member.root(), member.owner_to_key(1)]);
        }
        transactions.push(network.namespace());
        transactions.push(network.parameters(1, DynamicSynchronizerParameters::default()));
        transactions.push(network.mediators(1, 0, 1, &[&mediator], &[]));
        let all: Vec<&TestMember> = sequencers.iter().collect();
        transactions.push(network.sequencers(1, 1, &all[..active], &all[active..]));
        transactions.extend(participants.iter().flat_map(|participant| network.participant(participant)));
        let fixed = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
        let checkpoint = genesis(&fixed.encode(), &genesis_state(&transactions)).expect("a sound genesis");
        Self { network, sequencers, participants, checkpoint }
    }

    /// The state before the first block.
    ///
    /// # Panics
    /// Never: the genesis is sound.
    #[must_use]
    pub fn state(&self) -> State {
        State::restore(self.checkpoint.clone()).expect("a sound genesis")
    }

    /// The id of a sequencer.
    ///
    /// # Panics
    /// When there is no such sequencer.
    #[must_use]
    pub fn sequencer_id(&self, index: usize) -> SequencerId {
        SequencerId::try_from(self.sequencers[index].member().clone()).expect("a sequencer")
    }
}

/// The pipeline of one node.
#[derive(Debug)]
pub struct NodeParts {
    /// Its database.
    pub store: Store,
    /// Applies blocks.
    pub executor: BlockExecutor,
    /// Commits them.
    pub committer: Committer,
    /// What members read.
    pub log: Arc<EventLog>,
}

impl NodeParts {
    /// Opens a node's database; an empty one gets `checkpoint` as its first state.
    ///
    /// # Panics
    /// When the database cannot be used, or is used by another node.
    pub async fn open(url: &str, checkpoint: &Checkpoint) -> Self {
        Self::open_with(Machine::new(NonZeroUsize::MIN), url, checkpoint).await
    }

    /// As [`Self::open`], with this machine.
    ///
    /// # Panics
    /// As [`Self::open`].
    pub async fn open_with(machine: Machine, url: &str, checkpoint: &Checkpoint) -> Self {
        let store = Store::open(&StoreConfig::new(url)).await.expect("the database opens");
        let lease = match store.acquire_lease("test", LEASE_MS).await.expect("the lease can be asked for") {
            Acquired::Lease(lease) => lease,
            Acquired::Held { by, .. } => panic!("{by} holds the lease"),
        };
        let stored = match store.load_checkpoint().await.expect("the state loads") {
            Some(stored) => stored,
            None => {
                store.initialize(&lease, checkpoint).await.expect("the state is stored");
                checkpoint.clone()
            }
        };
        let state = State::restore(stored).expect("what a machine stored");
        let executor = BlockExecutor::new(Arc::new(machine), state.clone());
        let log = Arc::new(EventLog::new(store.clone(), state.last_time(), TAIL_BYTES));
        let committer = Committer::new(store.clone(), lease, Arc::clone(&log), state.height(), state);
        Self { store, executor, committer, log }
    }
}
