//! Transactions on their way to the synchronizer (`SynchronizerOutboxQueue`, chapter 02 §4.1).
//!
//! A call judges its transactions by the [`Candidate`], and leaves them in the queue. The dispatcher broadcasts them in order,
//! and after them what the node's own store has and the synchronizer lacks. The queue is in memory, as in Canton: what a
//! restart finds in it is lost; what is in the node's own store is not.

mod candidate;
pub(super) mod dispatcher;
mod port;

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synod_topology::SignedTopologyTransaction;
use synod_types::Fingerprint;
use tokio::sync::{Notify, OwnedMutexGuard, mpsc};

use super::rejected::rejection_error;
use crate::SynchronizerView;
use crate::errors::{AdminError, ErrorCode};
pub(super) use candidate::{Candidate, adds_signatures};
pub use port::{NotBroadcast, TopologyBroadcaster};

/// Transactions that may wait before calls are refused (`dispatchQueueBackpressureLimit`).
const MAX_WAITING: usize = 100;

/// The queue of a node. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TopologyOutbox(Arc<Inner>);

/// How much a node has to do with topology, as its status says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopologyQueues {
    /// Calls that change a topology store and are not answered.
    pub manager: u32,
    /// Transactions that the node has to bring to the synchronizer and has not observed there as effective or rejected.
    pub dispatcher: u32,
}

#[derive(Debug, Default)]
struct Inner {
    /// Whose call may judge and add at present.
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    /// Something is to be done.
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    calls: u32,
    unsent: VecDeque<Queued>,
    in_process: Vec<Queued>,
    /// What the node's own store has and the synchronizer lacks, besides what is in process.
    to_forward: usize,
}

/// A transaction in the queue.
#[derive(Debug, Clone)]
struct Queued {
    transaction: Arc<SignedTopologyTransaction>,
    /// The signatures that count, by which it is recognized.
    signers: BTreeSet<Fingerprint>,
    /// The first row of the synchronizer's store that can be it.
    first_row: u64,
    /// Closed when the last transaction of a call is done.
    #[expect(dead_code, reason = "dropping it is what it is for")]
    done: Option<mpsc::Sender<Infallible>>,
}

/// When a change is effective: at once, or when the last transaction is observed.
#[derive(Debug, Default)]
pub(crate) struct Effective(Option<mpsc::Receiver<Infallible>>);

impl Effective {
    /// Waits until the change is effective, or was rejected after all. False when that took longer than `limit`.
    pub(crate) async fn within(self, limit: Duration) -> bool {
        match self.0 {
            None => true,
            Some(mut done) => tokio::time::timeout(limit, done.recv()).await.is_ok(),
        }
    }
}

/// The right to judge and add, and what to judge by.
#[derive(Debug)]
pub(super) struct Turn {
    outbox: TopologyOutbox,
    candidate: Candidate,
    _turn: OwnedMutexGuard<()>,
}

/// A call that changes a store, as long as it is there.
#[derive(Debug)]
pub(super) struct Call(TopologyOutbox);

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.calls = state.calls.saturating_sub(1);
    }
}

impl TopologyOutbox {
    /// How much there is to do.
    #[must_use]
    pub fn queues(&self) -> TopologyQueues {
        let state = self.state();
        let dispatcher = state.unsent.len() + state.in_process.len() + state.to_forward;
        TopologyQueues { manager: state.calls, dispatcher: u32::try_from(dispatcher).unwrap_or(u32::MAX) }
    }

    /// Counts a call.
    pub(super) fn call(&self) -> Call {
        self.state().calls += 1;
        Call(self.clone())
    }

    /// Waits for the calls before this one. `view` is looked at when it is its turn.
    pub(super) async fn turn<E>(&self, view: impl FnOnce() -> Result<SynchronizerView, E>) -> Result<Turn, E> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let candidate = self.candidate(&view()?);
        Ok(Turn { outbox: self.clone(), candidate, _turn: turn })
    }

    /// The node's own store has `added` more transactions.
    pub(super) fn own_store_changed(&self, added: usize) {
        if added > 0 {
            self.state().to_forward += added;
            self.0.work.notify_one();
        }
    }

    /// The topology after everything that waits.
    fn candidate(&self, view: &SynchronizerView) -> Candidate {
        let queued: Vec<SignedTopologyTransaction> = {
            let state = self.state();
            let queued = state.in_process.iter().chain(&state.unsent);
            queued.map(|queued| SignedTopologyTransaction::clone(&queued.transaction)).collect()
        };
        let mut candidate = Candidate::new(view);
        // What is sequenced already changes nothing, or is refused, which does not matter here.
        candidate.apply(queued);
        candidate
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The topology after everything that waits.
    pub(super) const fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// Refuses when too much waits.
    pub(super) fn check_waiting(&self) -> Result<(), AdminError> {
        if self.outbox.state().unsent.len() < MAX_WAITING {
            return Ok(());
        }
        let cause = "Too many pending topology transactions on this node.";
        Err(AdminError::new(ErrorCode::TOPOLOGY_TOO_MANY_PENDING_TOPOLOGY_TRANSACTIONS, cause))
    }

    /// Queues transactions, all or none. One that brings nothing new is passed over.
    pub(super) fn add(
        mut self,
        transactions: Vec<SignedTopologyTransaction>,
        must_fully_authorize: bool,
    ) -> Result<Effective, AdminError> {
        let is_new = |transaction: &SignedTopologyTransaction| adds_signatures(self.candidate.rows(), transaction);
        let new: Vec<_> = transactions.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(Effective::default());
        }
        if must_fully_authorize {
            accepted(&self.candidate.judge_complete(new.clone()))?;
        }
        let first_row = self.candidate.next_row();
        let validated = self.candidate.apply(new.clone());
        accepted(&validated)?;
        let (done, is_done) = mpsc::channel(1);
        let queued = new.into_iter().zip(validated).map(|(transaction, validated)| Queued {
            signers: expected_signers(&transaction, &validated.signers),
            transaction: Arc::new(transaction),
            first_row,
            done: Some(done.clone()),
        });
        self.outbox.state().unsent.extend(queued);
        self.outbox.0.work.notify_one();
        Ok(Effective(Some(is_done)))
    }
}

/// Of the signatures on a transaction those that count: others are not stored.
fn expected_signers(transaction: &SignedTopologyTransaction, counting: &[Fingerprint]) -> BTreeSet<Fingerprint> {
    transaction.signing_fingerprints().filter(|signer| counting.contains(signer)).cloned().collect()
}

fn accepted(validated: &[synod_topology::ValidatedTransaction]) -> Result<(), AdminError> {
    let rejection = validated.iter().find_map(|one| one.rejection.as_ref());
    rejection.map_or(Ok(()), |rejection| Err(rejection_error(rejection)))
}
