//! What others may know of a running mediator.

use synod_topology::{Snapshot, TopologyState};
use synod_types::CantonTimestamp;
use tokio::sync::watch;

/// A mediator after its last commit. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MediatorHead {
    /// The topology after the last event.
    pub topology: TopologyState,
    /// The last event.
    pub processed: Option<CantonTimestamp>,
    /// The last event such that no request up to it is open: all verdicts up to it are there.
    pub clean: Option<CantonTimestamp>,
    /// Requests that are not decided.
    pub pending: usize,
}

impl MediatorHead {
    /// The topology in force at the last event: by it is signed what is sent now.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        let last = self.processed.unwrap_or(CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME);
        self.topology.snapshot(last.immediate_successor())
    }
}

/// Follows a mediator: wakes after each commit.
pub type HeadReceiver = watch::Receiver<MediatorHead>;
