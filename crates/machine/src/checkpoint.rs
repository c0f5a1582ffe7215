//! The state as plain data: what genesis produces, what the store keeps, and what a restart begins with.

use bytes::Bytes;
use synod_topology::TopologyRow;
use synod_types::{CantonTimestamp, MemberIndex, PhysicalSynchronizerId};
use synod_wire::AggregationId;

use crate::{Contribution, FrameStamp, Registration, TrafficConsumed, TrafficPurchased};

/// Everything that later outcomes depend on. The checkpoint at genesis plus all outcomes since is the checkpoint now: a store
/// keeps both as rows, and a restart from them continues byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// Versioned `StaticSynchronizerParameters`, as given at genesis.
    pub static_parameters: Bytes,
    /// Height of the last block; `None` before the first.
    pub height: Option<u64>,
    /// Base time of the last block; the minimum before the first.
    pub base_time: CantonTimestamp,
    /// [`BlockOutcome::last_time`](crate::BlockOutcome::last_time) of the last block; the Unix epoch at genesis (ch. 03 §3.11).
    pub last_time: CantonTimestamp,
    /// As in the last outcome.
    pub latest_sequencer_event: Option<CantonTimestamp>,
    /// As in the last outcome.
    pub latest_pending_topology: Option<CantonTimestamp>,
    /// All topology rows, by ascending id. A store may leave out what the topology state can miss (rejected rows, and rows that ended
    /// long ago unless they are of keys or parameters) as [`TopologyState::load`](synod_topology::TopologyState::load) says.
    pub topology: Vec<TopologyRow>,
    /// All members, by ascending index, without gaps.
    pub members: Vec<Registration>,
    /// The latest row of each member that has one (journaled or not), by ascending index.
    pub traffic_consumed: Vec<TrafficConsumed>,
    /// The latest row of each member that has one, by ascending member.
    pub traffic_purchased: Vec<TrafficPurchased>,
    /// Aggregations that have not expired, by ascending id.
    pub aggregations: Vec<InFlightAggregation>,
    /// Newest acknowledged time of each member that acknowledged, by ascending index.
    pub acknowledgements: Vec<(MemberIndex, CantonTimestamp)>,
    /// Frames whose `valid_until` is not before `base_time`, sorted.
    pub frames: Vec<FrameStamp>,
    /// As in the last outcome; at genesis the hash of the genesis state.
    pub app_hash: [u8; 32],
}

/// An aggregation that has not expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlightAggregation {
    /// Its id.
    pub id: AggregationId,
    /// When it ends.
    pub max_sequencing_time: CantonTimestamp,
    /// Its rule: `AggregationRule` (not wrapped).
    pub rule: Bytes,
    /// The parts by ascending time of sequencing. May be empty once it is delivered: they matter no more.
    pub contributions: Vec<Contribution>,
    /// When it was delivered.
    pub delivered_at: Option<CantonTimestamp>,
}
