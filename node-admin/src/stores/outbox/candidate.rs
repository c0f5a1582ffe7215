//! The topology as it will be when everything is sequenced that waits (`SynchronizerTopologyManager.validateTransactions`).

use synod_topology::{SignedTopologyTransaction, TopologyRows, TopologyState, ValidatedTransaction};
use synod_types::{CantonTimestamp, Fingerprint};

use crate::SynchronizerView;

/// A copy of the synchronizer's topology in which more happens than was sequenced.
#[derive(Debug)]
pub(in crate::stores) struct Candidate {
    topology: TopologyState,
    /// Later than everything in it.
    at: CantonTimestamp,
    /// The row that the synchronizer's store inserts next.
    next_row: u64,
}

impl Candidate {
    /// The topology after everything that was sequenced.
    pub(super) fn new(view: &SynchronizerView) -> Self {
        let topology = view.topology.clone();
        let delay = topology.static_parameters().topology_change_delay;
        let sequenced = view.sequenced_up_to.saturating_add(delay);
        let at = topology.latest_change().map_or(sequenced, |latest| latest.max(sequenced));
        Self { next_row: topology.next_row_id(), topology, at }
    }

    /// The open rows.
    pub(in crate::stores) fn rows(&self) -> TopologyRows<'_> {
        self.topology.rows()
    }

    /// The row that the synchronizer's store inserts next: what is broadcast from now on becomes it or a later one.
    pub(super) const fn next_row(&self) -> u64 {
        self.next_row
    }

    /// What would become of these transactions, one after the other, if none may miss signatures. Changes nothing.
    pub(super) fn judge_complete(&self, transactions: Vec<SignedTopologyTransaction>) -> Vec<ValidatedTransaction> {
        self.topology.try_apply(self.at.immediate_successor(), transactions)
    }

    /// Lets these transactions happen, one after the other.
    pub(super) fn apply(&mut self, transactions: Vec<SignedTopologyTransaction>) -> Vec<ValidatedTransaction> {
        self.at = self.at.immediate_successor();
        self.topology.apply(self.at, self.at, transactions, false).validated
    }
}

/// Whether a store with these rows would learn a signature from the transaction
/// (`TopologyStore.providesAdditionalSignatures`).
pub(in crate::stores) fn adds_signatures(rows: TopologyRows<'_>, transaction: &SignedTopologyTransaction) -> bool {
    let Some(known) = rows.same(transaction.transaction()) else { return true };
    let known: Vec<&Fingerprint> = known.signing_fingerprints().collect();
    transaction.signing_fingerprints().any(|signer| !known.contains(&signer))
}
