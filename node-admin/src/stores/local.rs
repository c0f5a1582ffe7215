//! A store that belongs to no synchronizer: the node's own one, which is durable, or one in memory.

use synod_store::{Store, StoreFault};
use synod_topology::{LoadFault, LocalTopology, SignedTopologyTransaction, TopologyChanges, TopologyRow, TopologyRows};
use synod_types::CantonTimestamp;
use thiserror::Error;

use super::outbox::adds_signatures;
use super::rejected::rejection_error;
use crate::StopNode;
use crate::errors::AdminError;

/// The node's own topology store cannot be read.
#[derive(Debug, Error)]
pub enum AuthorizedStoreFault {
    /// The store failed.
    #[error("the node's own topology cannot be read")]
    Store(#[from] StoreFault),
    /// The rows are broken.
    #[error("the rows of the node's own topology are broken")]
    Rows(#[from] LoadFault),
}

/// Rows and the state that follows from them.
#[derive(Debug)]
pub(super) struct LocalStore {
    topology: LocalTopology,
    rows: Vec<TopologyRow>,
    /// Where the rows are kept; `None` for a store in memory.
    durable: Option<Store>,
}

impl LocalStore {
    /// An empty store in memory, with the relaxed rules of genesis.
    pub(super) fn temporary() -> Self {
        Self { topology: LocalTopology::new(true), rows: Vec::new(), durable: None }
    }

    /// The node's own store.
    pub(super) async fn authorized(store: Store) -> Result<Self, AuthorizedStoreFault> {
        let rows = store.authorized_rows().await?;
        let mut topology = LocalTopology::new(false);
        topology.load(rows.clone())?;
        Ok(Self { topology, rows, durable: Some(store) })
    }

    /// All rows, in order of insertion.
    pub(super) fn rows(&self) -> &[TopologyRow] {
        &self.rows
    }

    /// The open ones.
    pub(super) fn open_rows(&self) -> TopologyRows<'_> {
        self.topology.rows()
    }

    /// Adds transactions, all or none. Each is effective at once, at a time of its own, at `now` or later. One that brings
    /// nothing new is passed over. Returns how many were added.
    pub(super) async fn add(
        &mut self,
        transactions: Vec<SignedTopologyTransaction>,
        expect_full_authorization: bool,
        now: CantonTimestamp,
        stop: &StopNode,
    ) -> Result<usize, AdminError> {
        let is_new = |transaction: &SignedTopologyTransaction| adds_signatures(self.topology.rows(), transaction);
        let new: Vec<_> = transactions.into_iter().filter(is_new).collect();
        let mut topology = self.topology.clone();
        let mut all = TopologyChanges::default();
        let mut last = self.rows.last().map(|row| row.valid_from);
        for transaction in new {
            let at = last.map_or(now, |last| now.max(last.immediate_successor()));
            let changes = topology.apply(at, transaction, expect_full_authorization);
            if let Some(rejection) = changes.validated.iter().find_map(|one| one.rejection.as_ref()) {
                return Err(rejection_error(rejection));
            }
            all.append(changes);
            last = Some(at);
        }
        if let Some(store) = self.durable.as_ref().filter(|_| !all.inserted.is_empty()) {
            store.change_authorized(&all).await.map_err(|error| stop.fault(error))?;
        }
        let added = all.inserted.len();
        self.take(topology, all);
        Ok(added)
    }

    fn take(&mut self, topology: LocalTopology, changes: TopologyChanges) {
        self.topology = topology;
        self.rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            if let Ok(place) = self.rows.binary_search_by_key(&id, |row| row.id) {
                self.rows[place].valid_until = Some(until);
            }
        }
    }
}
