//! Traffic of members, as a sequencer's administration sees it (chapter 03 §5, chapter 05 §1.8).

use std::fmt::Debug;
use std::num::NonZeroU32;

use synod_proto::protocol::v30::TrafficState;
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;
use tonic::async_trait;

use crate::NodeFault;

/// As of when the traffic of members is asked for (`TimestampSelector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficTime {
    /// Right after the last processed event: what is told is exact.
    LatestSafe,
    /// After the last event of each member that changed its traffic.
    LastUpdatePerMember,
    /// By the clock of the sequencer, but not before the last processed event: what is told may still change.
    LatestApproximate,
    /// A time; members whose traffic has changed since are told as they are now.
    Exact(CantonTimestamp),
}

/// Why a purchase was not sent.
#[derive(Debug, Error)]
pub enum PurchaseRefused {
    /// The synchronizer has no traffic control (`TrafficControlDisabled`).
    #[error("TrafficControlDisabled")]
    Disabled,
    /// There was a purchase with this serial or a higher one (`TrafficControlSerialTooLow`).
    #[error("The provided serial value {serial} is too low. Latest serial used by this member is Some({latest})")]
    SerialTooLow {
        /// Serial of the call.
        serial: NonZeroU32,
        /// Serial of the member's last purchase.
        latest: u32,
    },
    /// The orderer did not take it, and why (`TrafficPurchasedRequestAsyncSendFailed`).
    #[error("{0}")]
    NotSent(String),
    /// The node could not do it.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// The traffic that a running sequencer counts.
#[async_trait]
pub trait SequencerTraffic: Debug + Send + Sync {
    /// The traffic of these members, of all when there are none. Members that are not registered are left out, and
    /// sequencers, whose traffic is not counted.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn traffic_states(
        &self,
        members: &[Member],
        time: TrafficTime,
    ) -> Result<Vec<(Member, TrafficState)>, NodeFault>;

    /// Sends this sequencer's part of a purchase: the total of a member from then on. Returns when it is sent; it takes
    /// effect when as many sequencers as their threshold have sent the same.
    ///
    /// # Errors
    /// [`PurchaseRefused`].
    async fn purchase(&self, member: &Member, serial: NonZeroU32, total: u64) -> Result<(), PurchaseRefused>;
}
