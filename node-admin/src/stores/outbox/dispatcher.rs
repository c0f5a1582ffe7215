//! Brings the queue to the synchronizer (`QueueBasedSynchronizerOutbox`), and what the node's own store has and the
//! synchronizer lacks (`StoreBasedSynchronizerOutbox`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use synod_crypto::Hash;
use synod_ordering::Clock;
use synod_store::{Store, StoreFault};
use synod_topology::{SignedTopologyTransaction, TopologyRow, TopologyRows};
use synod_types::CantonTimestamp;
use synod_wire::TopologyBroadcast;
use tokio::time::Instant;

use super::{Candidate, Queued, TopologyBroadcaster, TopologyOutbox, adds_signatures, expected_signers};
use crate::stores::local::LocalStore;
use crate::{SynchronizerTopology, SynchronizerView};

/// Most transactions of one broadcast (`broadcastBatchSize`).
const MAX_TRANSACTIONS: usize = 100;
/// Rows that are looked through at once.
const PAGE: usize = 1_000;
/// Pauses after broadcasts that nobody took: doubled each time, up to the last.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// How long after the max sequencing time, by the clock of this machine, a silent synchronizer is believed to have let a
/// broadcast pass. Being wrong costs a second broadcast.
const SILENCE: Duration = Duration::from_secs(10);

/// Works off the queue of one node.
#[derive(Debug)]
pub(in crate::stores) struct Dispatcher {
    pub(in crate::stores) outbox: TopologyOutbox,
    pub(in crate::stores) broadcaster: Arc<dyn TopologyBroadcaster>,
    pub(in crate::stores) synchronizer: Arc<dyn SynchronizerTopology>,
    pub(in crate::stores) authorized: Arc<tokio::sync::Mutex<LocalStore>>,
    pub(in crate::stores) store: Store,
    pub(in crate::stores) clock: Arc<dyn Clock>,
    /// Transactions of the node's own store that the synchronizer would not take, which is logged once.
    pub(in crate::stores) refused: BTreeSet<Hash>,
    /// Transactions that were rejected when they were sequenced: they are not forwarded again before a restart.
    pub(in crate::stores) rejected: BTreeSet<Hash>,
}

/// A transaction of the batch that is in process.
struct Item {
    queued: Queued,
    found: Option<TopologyRow>,
}

/// When to broadcast what was not found yet.
enum Attempt {
    /// At once; or nothing is left to broadcast.
    Due,
    /// Not before, because nobody took it.
    Later(Instant),
    /// Not before this max sequencing time has passed.
    Sent(CantonTimestamp),
}

impl Dispatcher {
    /// Works until it is dropped.
    pub(in crate::stores) async fn run(mut self) -> StoreFault {
        loop {
            let fault = match self.next_batch().await {
                Some(batch) => self.deliver(batch).await.err(),
                None => {
                    self.idle().await;
                    None
                }
            };
            if let Some(fault) = fault {
                return fault;
            }
        }
    }

    /// Waits for something new to do.
    async fn idle(&self) {
        let first_row = self.synchronizer.current().map(|view| view.topology.next_row_id());
        while let Some(view) = self.synchronizer.current().filter(|_| !self.refused.is_empty()) {
            // The synchronizer may take now what it would not have taken before.
            if Some(view.topology.next_row_id()) != first_row {
                return;
            }
            tokio::select! {
                () = self.outbox.0.work.notified() => return,
                () = self.broadcaster.observed_after(view.sequenced_up_to) => {}
            }
        }
        self.outbox.0.work.notified().await;
    }

    /// Takes what is to be broadcast next.
    async fn next_batch(&mut self) -> Option<Vec<Item>> {
        let view = self.synchronizer.current()?;
        {
            let mut state = self.outbox.state();
            if !state.unsent.is_empty() {
                let count = state.unsent.len().min(MAX_TRANSACTIONS);
                state.in_process = state.unsent.drain(..count).collect();
                return Some(items(&state.in_process));
            }
        }
        // With the store: a call that adds to it counts what it has added before we count anew.
        let own = Arc::clone(&self.authorized).lock_owned().await;
        let mut lacking = self.lacking(&view, own.rows());
        let mut state = self.outbox.state();
        state.to_forward = lacking.len().saturating_sub(MAX_TRANSACTIONS);
        lacking.truncate(MAX_TRANSACTIONS);
        if lacking.is_empty() {
            return None;
        }
        tracing::info!(transactions = lacking.len(), "the topology of the node is brought to the synchronizer");
        state.in_process = lacking;
        Some(items(&state.in_process))
    }

    /// The open transactions of the node's own store that the synchronizer lacks and would take, in order.
    fn lacking(&mut self, view: &SynchronizerView, own: &[TopologyRow]) -> Vec<Queued> {
        let mut candidate = Candidate::new(view);
        let first_row = candidate.next_row();
        let mut lacking = Vec::new();
        for row in own.iter().filter(|row| row.valid_until.is_none() && !self.rejected.contains(&row.tx_hash)) {
            // The node's own rows were read when it started.
            let Ok(transaction) = row.transaction() else { continue };
            let synchronizer = transaction.transaction().mapping().synchronizer();
            let is_here = synchronizer.is_none_or(|synchronizer| synchronizer == view.topology.psid().logical());
            if !is_here || !is_lacking(candidate.rows(), &transaction) {
                self.refused.remove(&row.tx_hash);
                continue;
            }
            let before = candidate.rows().same(transaction.transaction());
            let Some(validated) = candidate.apply(vec![transaction.clone()]).pop() else { continue };
            if let Some(rejection) = validated.rejection {
                if self.refused.insert(row.tx_hash) {
                    let (hash, reason) = (row.tx_hash.to_hex(), rejection.reason());
                    tracing::warn!(
                        hash,
                        reason,
                        "the synchronizer would not take a transaction of the node's own store"
                    );
                }
                continue;
            }
            let signers = expected_signers(&transaction, &validated.signers);
            let brings = before.is_none_or(|before| {
                let mut known = before.signing_fingerprints();
                signers.iter().any(|signer| known.all(|known| known != signer))
            });
            if brings {
                lacking.push(Queued { transaction: Arc::new(transaction), signers, first_row, done: None });
            }
        }
        lacking
    }

    /// Broadcasts a batch, again if need be, until the last transaction of it is effective or rejected.
    async fn deliver(&mut self, mut batch: Vec<Item>) -> Result<(), StoreFault> {
        let mut cursor = batch.iter().map(|item| item.queued.first_row).min().unwrap_or_default();
        let mut attempt = Attempt::Due;
        let mut delay = RETRY_DELAYS.0;
        // The synchronizer does not go away while the node runs.
        while let Some(view) = self.synchronizer.current() {
            self.find(&mut batch, &mut cursor, view.sequenced_up_to).await?;
            if batch.iter().all(|item| item.found.as_ref().is_some_and(|row| row.valid_from < view.as_of)) {
                break;
            }
            let is_missing = batch.iter().any(|item| item.found.is_none());
            if is_missing && self.is_due(&attempt, &view) {
                attempt = match self.broadcaster.broadcast(content(&batch, &view)).await {
                    Ok(until) => {
                        delay = RETRY_DELAYS.0;
                        Attempt::Sent(until)
                    }
                    Err(error) => {
                        let error = synod_runtime::Chain(&error).to_string();
                        tracing::info!(error, retry_s = delay.as_secs(), "a topology broadcast was not taken");
                        let later = Attempt::Later(Instant::now() + delay);
                        delay = (delay * 2).min(RETRY_DELAYS.1);
                        later
                    }
                };
            }
            self.wait(if is_missing { &attempt } else { &Attempt::Due }, &view).await;
        }
        self.finish(&batch);
        Ok(())
    }

    /// Looks for the transactions among the rows that were inserted since the last time.
    async fn find(
        &self,
        batch: &mut [Item],
        cursor: &mut u64,
        sequenced_up_to: CantonTimestamp,
    ) -> Result<(), StoreFault> {
        loop {
            let after = cursor.checked_sub(1);
            let read = || self.store.topology_page(after, sequenced_up_to, PAGE);
            let page = self.store.while_unreachable(read).await?;
            let Some(last) = page.last() else { return Ok(()) };
            *cursor = last.id + 1;
            for row in page {
                let is_it = |item: &&mut Item| item.found.is_none() && item.is(&row);
                batch.iter_mut().filter(is_it).for_each(|item| item.found = Some(row.clone()));
            }
        }
    }

    fn is_due(&self, attempt: &Attempt, view: &SynchronizerView) -> bool {
        match attempt {
            Attempt::Due => true,
            Attempt::Later(at) => Instant::now() >= *at,
            Attempt::Sent(until) => view.sequenced_up_to > *until || self.clock.now() > until.saturating_add(SILENCE),
        }
    }

    /// Waits until the next look is worth it.
    async fn wait(&self, attempt: &Attempt, view: &SynchronizerView) {
        let pause = match attempt {
            Attempt::Due => RETRY_DELAYS.1,
            Attempt::Later(at) => at.saturating_duration_since(Instant::now()),
            Attempt::Sent(until) => {
                let left = until.saturating_add(SILENCE).micros_since(self.clock.now());
                Duration::from_micros(u64::try_from(left).unwrap_or(0)).max(RETRY_DELAYS.0)
            }
        };
        tokio::select! {
            () = self.broadcaster.observed_after(view.sequenced_up_to) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    fn finish(&mut self, batch: &[Item]) {
        for item in batch {
            let Some(row) = &item.found else { continue };
            if let Some(reason) = &row.rejection {
                let hash = row.tx_hash.to_hex();
                tracing::warn!(hash, reason, "a topology transaction of this node was rejected when it was sequenced");
                self.rejected.insert(row.tx_hash);
            }
        }
        self.outbox.state().in_process.clear();
    }
}

impl Item {
    fn is(&self, row: &TopologyRow) -> bool {
        if row.id < self.queued.first_row || row.tx_hash != *self.queued.transaction.transaction().hash() {
            return false;
        }
        let Ok(stored) = row.transaction() else { return false };
        row.rejection.is_some()
            || self.queued.signers.iter().all(|signer| stored.signing_fingerprints().any(|stored| stored == signer))
    }
}

fn items(queued: &[Queued]) -> Vec<Item> {
    let without_call = |queued: &Queued| Queued { done: None, ..queued.clone() };
    queued.iter().map(|queued| Item { queued: without_call(queued), found: None }).collect()
}

/// The broadcast of what was not found.
fn content(batch: &[Item], view: &SynchronizerView) -> bytes::Bytes {
    let psid = view.topology.psid().clone();
    let version = psid.protocol_version();
    let missing = batch.iter().filter(|item| item.found.is_none());
    let transactions = missing.map(|item| item.queued.transaction.encode(version)).collect();
    TopologyBroadcast { psid, transactions }.to_versioned_content(version)
}

/// Whether the synchronizer has neither the transaction, nor a later one of the same mapping.
fn is_lacking(rows: TopologyRows<'_>, transaction: &SignedTopologyTransaction) -> bool {
    let content = transaction.transaction();
    let open = rows.open(&content.mapping().unique_key());
    let is_over = open.is_some_and(|open| {
        open.transaction().serial() >= content.serial() && open.transaction().hash() != content.hash()
    });
    !is_over && adds_signatures(rows, transaction)
}
