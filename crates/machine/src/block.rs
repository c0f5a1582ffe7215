//! What ordering hands to the machine.

use bytes::Bytes;
use synod_types::{CantonTimestamp, SequencerId};

/// A block of the total order. Every node gets the same blocks at the same heights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedBlock {
    /// Height; the first block of a synchronizer is 0, and heights have no gaps.
    pub height: u64,
    /// Time of the block. Never moves back from block to block. A pending topology change becomes observable by the first block
    /// whose base time is after it (ch. 03 §3.10).
    pub base_time: CantonTimestamp,
    /// If set, a topology tick is wanted at this time or later, even when no topology change is pending (ch. 03 §3.10 rule 3).
    pub tick_at: Option<CantonTimestamp>,
    /// The frames that this block's events came in and that no earlier block had. Their ids are remembered until the base time of
    /// a block is after `valid_until`, so that whoever opens frames can drop repeated ones.
    pub frames: Vec<FrameStamp>,
    /// The events in the order that consensus gave them.
    pub events: Vec<OrderedEvent>,
}

/// Identity of an ordering frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameStamp {
    /// Hash of the frame.
    pub id: [u8; 32],
    /// The frame may be ordered in blocks with a base time up to this one, inclusive.
    pub valid_until: CantonTimestamp,
}

/// One ordered call of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedEvent {
    /// The time that ordering gave to the event. It may repeat or go back: the machine makes times strictly increasing.
    pub time: CantonTimestamp,
    /// The sequencer that ordered it. Not authenticated; for alarms and metrics only.
    pub origin: SequencerId,
    /// Which call it was.
    pub kind: OrderedKind,
    /// Versioned `SignedContent` as the member signed it. Not trusted in any way.
    pub bytes: Bytes,
}

/// Which call of a member was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderedKind {
    /// A submission request.
    Send,
    /// An acknowledgement.
    Acknowledge,
}
