//! What a mediator keeps: [`MediatorStore`], in tables of its own in the database of its node (chapter 04 §5).
//!
//! One transaction ([`MediatorStore::commit`]) stores everything that a group of events changed, also the exact bytes of the
//! verdicts that are to be sent, so that a verdict is sent after a crash too. After a restart [`MediatorStore::load`] gives
//! the state back; the events after `prehead` are processed again, and storing their results again changes nothing.

mod commit;
mod configuration;
mod finalized;
mod load;
mod pruning;
mod rows;
mod tables;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use synod_store::database::Database;
use synod_store::{Store, StoreError, StoreFault};

pub use commit::{CommitReport, MediatorCommit};
pub use configuration::MediatorConfiguration;
pub use load::MediatorState;
pub use pruning::PruningSchedule;
pub use rows::{DeduplicationRow, FinalizedRow, SubmissionRow};

/// The state of a mediator in the database of its node. Cheap to clone.
///
/// What only the leader may write takes its [`Lease`](synod_store::Lease), and fails with
/// [`StoreFault::LeaseLost`](synod_store::StoreFault::LeaseLost) when another process has taken over; then nothing was
/// written. After any other [`StoreFault`](synod_store::StoreFault) of a write it is not known what is stored: the process
/// ends, and a restart finds out.
///
/// The topology of the synchronizer is in the store's own table: [`Store::topology_page`] and its neighbours read it,
/// and [`Store::synchronizer_configuration`] the synchronizer, as on a sequencer.
#[derive(Debug, Clone)]
pub struct MediatorStore {
    store: Store,
    database: Database,
    /// Time of the event at which rows that are over were last removed, in microseconds.
    cleaned_at: Arc<AtomicI64>,
}

impl MediatorStore {
    /// Creates the mediator's tables, or brings them up to date.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when they belong to a newer program or are not ours; [`StoreError::Fault`] when the
    /// database fails.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let database = store.database();
        database.migrate(&tables::MEDIATOR).await?;
        Ok(Self { store: store.clone(), database, cleaned_at: Arc::new(AtomicI64::new(i64::MIN)) })
    }

    /// As [`Store::while_unreachable`].
    ///
    /// # Errors
    /// As [`Store::while_unreachable`].
    pub async fn while_unreachable<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, StoreFault>
    where
        F: Future<Output = Result<T, StoreFault>>,
    {
        self.store.while_unreachable(attempt).await
    }
}
