//! The replicated state.

use std::sync::Arc;

use imbl::OrdMap;
use synod_crypto::SignatureVerifier;
use synod_topology::{Snapshot, TopologyState};
use synod_types::{CantonTimestamp, MemberIndex, PhysicalSynchronizerId, ProtocolVersion};

use crate::aggregations::Aggregations;
use crate::frames::Frames;
use crate::members::Members;
use crate::rules::Rules;
use crate::synchronizer::Synchronizer;
use crate::traffic::Traffic;

/// Everything that later outcomes depend on. A clone costs next to nothing: clones share what they have in common, so one can be
/// published after every block.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) synchronizer: Arc<Synchronizer>,
    pub(crate) height: Option<u64>,
    pub(crate) base_time: CantonTimestamp,
    pub(crate) last_time: CantonTimestamp,
    pub(crate) latest_sequencer_event: Option<CantonTimestamp>,
    pub(crate) latest_pending_topology: Option<CantonTimestamp>,
    pub(crate) topology: TopologyState,
    pub(crate) members: Members,
    pub(crate) traffic: Traffic,
    pub(crate) aggregations: Aggregations,
    pub(crate) acknowledgements: OrdMap<MemberIndex, CantonTimestamp>,
    pub(crate) frames: Frames,
    pub(crate) app_hash: [u8; 32],
}

impl State {
    /// The synchronizer.
    #[must_use]
    pub fn psid(&self) -> &PhysicalSynchronizerId {
        &self.synchronizer.psid
    }

    /// Its protocol version.
    #[must_use]
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.synchronizer.version()
    }

    /// Its static parameters.
    #[must_use]
    pub fn static_parameters(&self) -> &synod_topology::StaticSynchronizerParameters {
        &self.synchronizer.static_parameters
    }

    /// Verifies signatures of its members.
    #[must_use]
    pub fn verifier(&self) -> &SignatureVerifier {
        &self.synchronizer.verifier
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.synchronizer.rules
    }

    /// Height of the last block; `None` before the first.
    #[must_use]
    pub const fn height(&self) -> Option<u64> {
        self.height
    }

    /// The only height that can follow.
    #[must_use]
    pub fn next_height(&self) -> u64 {
        self.height.map_or(0, |height| height.saturating_add(1))
    }

    /// Base time of the last block; the minimum before the first.
    #[must_use]
    pub const fn base_time(&self) -> CantonTimestamp {
        self.base_time
    }

    /// Time of the last event; the Unix epoch before the first.
    #[must_use]
    pub const fn last_time(&self) -> CantonTimestamp {
        self.last_time
    }

    /// A time at which the topology is as far as the events so far have made it: the one after the last event. Requests that are not
    /// ordered yet are judged by it.
    #[must_use]
    pub const fn approximate_time(&self) -> CantonTimestamp {
        self.last_time.immediate_successor()
    }

    /// Time of the last delivered event that addressed all sequencers or everybody.
    #[must_use]
    pub const fn latest_sequencer_event(&self) -> Option<CantonTimestamp> {
        self.latest_sequencer_event
    }

    /// When the last topology broadcast that was not made observable yet becomes effective. A block with a base time after it emits
    /// a tick. `None` when nothing waits, or where the protocol version has no such ticks.
    #[must_use]
    pub fn pending_topology_effective(&self) -> Option<CantonTimestamp> {
        let pending = self.latest_pending_topology.filter(|_| self.rules().post_ordering_ticks)?;
        Some(self.synchronizer.effective(pending)).filter(|effective| self.last_time < *effective)
    }

    /// The topology with its history.
    #[must_use]
    pub const fn topology(&self) -> &TopologyState {
        &self.topology
    }

    /// The topology in force at `time`: changes that became effective before it.
    #[must_use]
    pub fn snapshot(&self, time: CantonTimestamp) -> Snapshot {
        self.topology.snapshot(time)
    }

    /// The registered members.
    #[must_use]
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// Traffic used and purchased.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The aggregations in flight.
    #[must_use]
    pub const fn aggregations(&self) -> &Aggregations {
        &self.aggregations
    }

    /// Newest time that a member acknowledged.
    #[must_use]
    pub fn acknowledged(&self, member: MemberIndex) -> Option<CantonTimestamp> {
        self.acknowledgements.get(&member).copied()
    }

    /// Whether a frame with this id was ordered and may be ordered again.
    #[must_use]
    pub fn has_frame(&self, id: &[u8; 32]) -> bool {
        self.frames.contains(id)
    }

    /// Hash over everything that the blocks changed so far.
    #[must_use]
    pub const fn app_hash(&self) -> [u8; 32] {
        self.app_hash
    }
}
