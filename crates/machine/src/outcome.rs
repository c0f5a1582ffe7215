//! What a block did: everything that has to be stored, and nothing else.

use bytes::Bytes;
use synod_topology::TopologyChanges;
use synod_types::{CantonTimestamp, Member, MemberIndex, MessageId, Recipient};
use synod_wire::{AggregationId, TrafficReceipt};

use crate::{Alarm, FrameStamp};

/// Everything that one block changed. Storing it and then [`restoring`](crate::State::restore) gives the state after the block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOutcome {
    /// Height of the block.
    pub height: u64,
    /// Its base time. Frames that are valid until before it can be forgotten.
    pub base_time: CantonTimestamp,
    /// Time of the last event of this or an earlier block; unchanged by a block without events (`seq_block_height.latest_event_ts`).
    pub last_time: CantonTimestamp,
    /// Time of the last delivered event that addressed all sequencers or everybody, ticks included.
    pub latest_sequencer_event: Option<CantonTimestamp>,
    /// Time of the last topology broadcast that no tick has made observable yet.
    pub latest_pending_topology: Option<CantonTimestamp>,
    /// The events, in strictly increasing order of time, and later than all before.
    pub events: Vec<EventRecord>,
    /// Changes of the topology rows: the changes of each broadcast, joined in order.
    pub topology: TopologyChanges,
    /// Members that can be addressed from now on, in order of their index. A member is registered once and never removed.
    pub registrations: Vec<Registration>,
    /// New traffic states of members, in order of the events that caused them. A later one of the same member and time takes the
    /// place of the earlier one.
    pub traffic_consumed: Vec<TrafficConsumed>,
    /// New limits of purchased traffic, in order.
    pub traffic_purchased: Vec<TrafficPurchased>,
    /// Changes of aggregations, in order.
    pub aggregations: Vec<AggregationChange>,
    /// Newest acknowledged time of members, in order of the index, at most one each. The newest one so far counts: an older time
    /// than the stored one changes nothing.
    pub acknowledgements: Vec<(MemberIndex, CantonTimestamp)>,
    /// Frames to remember.
    pub frames: Vec<FrameStamp>,
    /// What was dropped and why, for the log only: not part of the state.
    pub alarms: Vec<Alarm>,
    /// Hash over everything that the blocks changed so far. Equal on all nodes; unchanged by a block that changed nothing.
    pub app_hash: [u8; 32],
}

/// An event as stored: members read their part of it (`crate::delivery`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Sequencing time; unique.
    pub time: CantonTimestamp,
    /// What it is.
    pub kind: EventKind,
    /// Who sent the request; none for a topology tick, which each sequencer makes itself.
    pub sender: Option<MemberIndex>,
    /// The sender's name for the request. Of a tick: `topology-tick-<height>`.
    pub message_id: MessageId,
    /// Whom it reaches.
    pub recipients: EventRecipients,
    /// The groups that the batch addresses, with the members (active and passive) that they had at the time of the event, sorted by
    /// recipient. A broadcast needs no entry. Who is listed here reads the subtrees of the group.
    pub groups: Vec<ResolvedGroup>,
    /// `CompressedBatch` (of the synchronizer's protocol version, not wrapped) as delivered, signatures of aggregations included.
    /// Only with [`EventKind::Deliver`]; a tick has an empty batch.
    pub batch: Option<Bytes>,
    /// `google.rpc.Status`, not wrapped. Only with [`EventKind::Error`].
    pub status: Option<Bytes>,
    /// Topology time of the request (protocol version 34).
    pub topology_timestamp: Option<CantonTimestamp>,
    /// What the request cost; only for the sender's eyes.
    pub receipt: Option<TrafficReceipt>,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// `D`: a batch for its recipients.
    Deliver,
    /// `R`: only the sender learns that its part of an aggregation arrived.
    Receipt,
    /// `E`: only the sender learns that its request was rejected.
    Error,
}

/// Whom an event reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventRecipients {
    /// Every member that was registered before the time of the event.
    All,
    /// These members, sorted, without duplicates, the sender among them. A member that was registered at the very time of the event
    /// may be here and yet does not read it (ch. 03 §4.2).
    Members(Vec<MemberIndex>),
}

/// A group recipient and who was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedGroup {
    /// A mediator group or all sequencers.
    pub recipient: Recipient,
    /// Its members at the time of the event, sorted.
    pub members: Vec<MemberIndex>,
}

/// A member that can be addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The member.
    pub member: Member,
    /// Its number: dense, from 0, in order of registration, the same on every sequencer.
    pub index: MemberIndex,
    /// It may send from this time on, inclusive, and receives events after this time. May be in the future.
    pub registered_from: CantonTimestamp,
}

/// State of a member's traffic after an event (`seq_traffic_control_consumed_journal`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficConsumed {
    /// The member.
    pub member: MemberIndex,
    /// Time of the event.
    pub time: CantonTimestamp,
    /// Bytes of purchased traffic used so far; not negative.
    pub extra_consumed: i64,
    /// Bytes of base traffic left; not negative.
    pub base_remainder: i64,
    /// Cost of the event in bytes.
    pub last_cost: i64,
    /// False when the event was dropped without a trace, so that Canton keeps no journal row of it. The advance still counts and has
    /// to be stored.
    pub journaled: bool,
}

/// A limit of purchased traffic (`seq_traffic_control_balance_updates`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficPurchased {
    /// The member. It need not be registered.
    pub member: Member,
    /// Sequencing time; the limit counts for events strictly after it.
    pub time: CantonTimestamp,
    /// Serial of the purchase, higher than that of the member's row before it.
    pub serial: u32,
    /// All traffic that the member ever purchased, in bytes; may be lower than before.
    pub extra_purchased: i64,
}

/// A step in the life of an aggregation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AggregationChange {
    /// A sender's part was added; the first one opens the aggregation.
    Contributed {
        /// The aggregation.
        id: AggregationId,
        /// When it ends.
        max_sequencing_time: CantonTimestamp,
        /// Its rule: `AggregationRule` (not wrapped).
        rule: Bytes,
        /// The part.
        contribution: Contribution,
        /// Set when this part completed it: the time of the event.
        delivered_at: Option<CantonTimestamp>,
    },
    /// It is over. Rows may be deleted, or kept for inspection as long as a restart does not load them again.
    Expired {
        /// The aggregation.
        id: AggregationId,
    },
}

/// A sender's part of an aggregation (`seq_in_flight_aggregated_sender`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The sender; one part for each.
    pub sender: MemberIndex,
    /// Sequencing time of its request.
    pub time: CantonTimestamp,
    /// For each envelope its signatures, each a `Signature` (not wrapped).
    pub signatures: Vec<Vec<Bytes>>,
}
