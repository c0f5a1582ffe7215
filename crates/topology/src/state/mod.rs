//! The topology state: which transactions are in force, and what a batch of new ones does.

mod authorization;
mod batch;
mod candidate;
mod checks;
mod graph;
mod head;
mod lane;
mod load;
mod local;
mod membership;
mod signing_keys;
mod stored;
mod verification;

use std::fmt;
use std::sync::Arc;

use synod_crypto::CryptoRestrictions;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId};

use crate::{
    LoadFault, SignedTopologyTransaction, Snapshot, StaticSynchronizerParameters, TopologyChanges, TopologyRow,
    ValidatedTransaction,
};
use batch::Terms;

pub(crate) use head::Head;
pub(crate) use stored::StoredRow;

pub use local::LocalTopology;
pub use membership::FirstKnown;
pub use signing_keys::{SigningKeys, TopologyRows};
pub use verification::SignatureTask;

/// The topology of a synchronizer with its recent history. A clone costs next to nothing, and shares what it has in
/// common with its origin.
///
/// It keeps the open rows, and the rows that ended until [`Self::prune_window`] forgets them. Rejected rows leave nothing
/// behind but their id.
#[derive(Clone)]
pub struct TopologyState {
    head: Arc<Head>,
}

impl fmt::Debug for TopologyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopologyState")
            .field("psid", &self.head.psid)
            .field("next_id", &self.head.next_id)
            .field("unique_keys", &self.head.lanes.len())
            .finish_non_exhaustive()
    }
}

impl TopologyState {
    /// The empty topology of a synchronizer.
    #[must_use]
    pub fn new(psid: PhysicalSynchronizerId, static_parameters: &StaticSynchronizerParameters) -> Self {
        Self { head: Arc::new(Head::new(psid, static_parameters)) }
    }

    /// Takes up the rows of a store, by ascending id, into an empty state; in pages, when it is called again. They are
    /// trusted: nothing is verified again.
    ///
    /// The store may leave out rejected rows, proposals that ended, and rows that ended before the earliest time that
    /// will be asked for; but no accepted trust certificate, mediator group or sequencer group (who was first known when
    /// follows from them), and not the last row of all (the next id follows from it).
    ///
    /// # Errors
    /// [`LoadFault`] when the rows are not those of a state; the state is then not to be used.
    pub fn load(&mut self, rows: Vec<TopologyRow>) -> Result<(), LoadFault> {
        load::load(Arc::make_mut(&mut self.head), rows)
    }

    /// Applies the transactions of one event, in order (ch. 02 §2.2). Effective times ascend strictly from batch to
    /// batch. `relax`: whether the relaxed rules of genesis hold (ch. 02 §2.5).
    pub fn apply(
        &mut self,
        sequenced: CantonTimestamp,
        effective: CantonTimestamp,
        transactions: Vec<SignedTopologyTransaction>,
        relax: bool,
    ) -> TopologyChanges {
        let terms = Terms { sequenced, effective, relaxed: relax, expect_full_authorization: false, is_local: false };
        batch::apply(Arc::make_mut(&mut self.head), terms, transactions)
    }

    /// What would become of these transactions if they came next and became effective at `effective`, without proposals
    /// that miss signatures. Changes nothing.
    #[must_use]
    pub fn try_apply(
        &self,
        effective: CantonTimestamp,
        transactions: Vec<SignedTopologyTransaction>,
    ) -> Vec<ValidatedTransaction> {
        let terms =
            Terms { sequenced: effective, effective, relaxed: false, expect_full_authorization: true, is_local: false };
        let mut head = Head::clone(&self.head);
        batch::apply(&mut head, terms, transactions).validated
    }

    /// The signatures that [`Self::apply`] will verify, as far as the present state tells. They may be verified in
    /// advance, in parallel; those that are valid go to [`Self::remember_valid`]. Nothing depends on it but time.
    #[must_use]
    pub fn signature_tasks(
        &self,
        effective: CantonTimestamp,
        transactions: &[SignedTopologyTransaction],
        relax: bool,
    ) -> Vec<SignatureTask> {
        let terms = Terms {
            sequenced: effective,
            effective,
            relaxed: relax,
            expect_full_authorization: false,
            is_local: false,
        };
        batch::tasks(&self.head, terms, transactions)
    }

    /// Takes up signatures that were [verified](SignatureTask::verify) against [`Self::crypto_restrictions`].
    pub fn remember_valid(&mut self, tasks: &[SignatureTask]) {
        let head = Arc::make_mut(&mut self.head);
        tasks.iter().for_each(|task| head.valid_signatures.remember(task));
    }

    /// The topology in force at `at`: what became effective before it. It is complete once everything is applied that was
    /// sequenced before `at`, less the topology change delay.
    #[must_use]
    pub fn snapshot(&self, at: CantonTimestamp) -> Snapshot {
        Snapshot::new(self.head.clone(), at)
    }

    /// The topology after the last change, whatever the time is: what is sequenced but not effective yet counts.
    #[must_use]
    pub fn head_snapshot(&self) -> Snapshot {
        self.snapshot(self.latest_change().unwrap_or(CantonTimestamp::MIN).immediate_successor())
    }

    /// When a member became known first: by the mapping with the lowest serial, of these the earliest. `None` when it
    /// never was.
    #[must_use]
    pub fn first_known(&self, member: &Member) -> Option<FirstKnown> {
        self.head.membership.first_known(member)
    }

    /// Forgets rows that ended before `before`. Snapshots at `before` and later answer as before, earlier ones do not, except
    /// about the keys of members and the dynamic parameters: these are never forgotten.
    pub fn prune_window(&mut self, before: CantonTimestamp) {
        if self.head.can_prune(before) {
            Arc::make_mut(&mut self.head).prune(before);
        }
    }

    /// The synchronizer.
    #[must_use]
    pub fn psid(&self) -> &PhysicalSynchronizerId {
        &self.head.psid
    }

    /// Its static parameters.
    #[must_use]
    pub fn static_parameters(&self) -> &StaticSynchronizerParameters {
        &self.head.static_parameters
    }

    /// What signatures are verified against.
    #[must_use]
    pub fn crypto_restrictions(&self) -> &CryptoRestrictions {
        &self.head.restrictions
    }

    /// How many rows there ever were: the id of the next one.
    #[must_use]
    pub fn next_row_id(&self) -> u64 {
        self.head.next_id
    }

    /// Effective time of the last change: of the last accepted transaction that is no proposal (ch. 02 §3.2).
    #[must_use]
    pub fn latest_change(&self) -> Option<CantonTimestamp> {
        self.head.latest_change
    }
}
