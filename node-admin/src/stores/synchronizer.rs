//! The topology of the synchronizer that the node serves.

use std::fmt::Debug;

use synod_topology::TopologyState;
use synod_types::CantonTimestamp;

/// What the node knows of its synchronizer now.
#[derive(Debug, Clone)]
pub struct SynchronizerView {
    /// The topology after everything that was ordered.
    pub topology: TopologyState,
    /// The time as of which the node answers: what becomes effective at it or later is not told yet.
    pub as_of: CantonTimestamp,
    /// What was sequenced after this is not told yet.
    pub sequenced_up_to: CantonTimestamp,
}

/// Where the topology of the synchronizer comes from.
pub trait SynchronizerTopology: Debug + Send + Sync {
    /// The topology now; `None` while the node serves no synchronizer.
    fn current(&self) -> Option<SynchronizerView>;
}
