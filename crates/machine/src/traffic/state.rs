//! The traffic of a member as a sequencer tells it (ch. 03 §5.7, `SequencerRateLimitManagerImpl.getTrafficState`).

use synod_types::{CantonTimestamp, MemberIndex};

use crate::traffic::TrafficBalance;
use crate::{State, TrafficPurchased};

/// Traffic of a member at a time (`TrafficState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficStatus {
    /// Bytes that it ever purchased.
    pub extra_purchased: i64,
    /// Bytes of them that it has used.
    pub extra_consumed: i64,
    /// Bytes of base traffic left.
    pub base_remainder: i64,
    /// Cost of its last event, 0 when something accrued since.
    pub last_cost: i64,
    /// Time of the balance or of the purchase, whichever is later.
    pub time: CantonTimestamp,
    /// Serial of the purchase.
    pub serial: Option<u32>,
}

impl TrafficStatus {
    /// A balance, and the purchase that counts at its time (`TrafficConsumed.toTrafficState`).
    #[must_use]
    pub fn new(balance: TrafficBalance, purchased: Option<&TrafficPurchased>) -> Self {
        Self {
            extra_purchased: purchased.map_or(0, |purchased| purchased.extra_purchased),
            extra_consumed: balance.extra_consumed,
            base_remainder: balance.base_remainder,
            last_cost: balance.last_cost,
            time: purchased.map_or(balance.time, |purchased| purchased.time.max(balance.time)),
            serial: purchased.map(|purchased| purchased.serial),
        }
    }
}

impl State {
    /// What a member has used, with what has accrued up to `time`, and the time before which its purchases count. A member
    /// that has used something after `time` is told as it is now, and so is everybody without traffic control.
    #[must_use]
    pub fn traffic_balance_at(
        &self,
        member: MemberIndex,
        time: Option<CantonTimestamp>,
    ) -> (TrafficBalance, CantonTimestamp) {
        let balance = self.traffic().balance(member);
        let Some(time) = time.filter(|time| *time > balance.time) else { return (balance, balance.time) };
        let snapshot = self.snapshot(time);
        let parameters = snapshot.parameters().and_then(|parameters| parameters.traffic_control.as_ref());
        (parameters.map_or(balance, |parameters| balance.advanced(time, parameters)), time)
    }
}
