//! How base traffic grows and how a cost is taken (ch. 03 §5.3, `TrafficConsumed`).
//!
//! The rate is a 64-bit float, and what accrued is truncated at each event. So an interval that is split gives less than the whole
//! one: the state is advanced at exactly the events at which Canton advances it.

use synod_topology::TrafficControlParameters;
use synod_types::CantonTimestamp;

/// Traffic of one member after its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficBalance {
    /// Time of that event.
    pub time: CantonTimestamp,
    /// Bytes of purchased traffic used so far; not negative.
    pub extra_consumed: i64,
    /// Bytes of base traffic left; not negative.
    pub base_remainder: i64,
    /// Cost of that event.
    pub last_cost: i64,
}

impl TrafficBalance {
    /// Before the first event of a member. The minimum as time makes the first accrual the full amount.
    pub const INITIAL: Self = Self { time: CantonTimestamp::MIN, extra_consumed: 0, base_remainder: 0, last_cost: 0 };

    /// The balance at `now`, without cost. A time before the balance's own accrues nothing.
    #[must_use]
    pub fn advanced(self, now: CantonTimestamp, parameters: &TrafficControlParameters) -> Self {
        Self {
            time: now.max(self.time),
            base_remainder: base_traffic_at(self, now, parameters),
            last_cost: 0,
            extra_consumed: self.extra_consumed,
        }
    }

    /// The balance after an event at `now` that costs `cost`: base traffic is used first, then purchased.
    #[must_use]
    pub fn consumed(self, now: CantonTimestamp, parameters: &TrafficControlParameters, cost: i64) -> Self {
        let advanced = self.advanced(now, parameters);
        let from_base = advanced.base_remainder.min(cost);
        Self {
            base_remainder: advanced.base_remainder - from_base,
            extra_consumed: advanced.extra_consumed.saturating_add(cost - from_base),
            last_cost: cost,
            time: advanced.time,
        }
    }

    /// Bytes that can be spent now, when `purchased` were purchased in total. Negative when the total was lowered.
    #[must_use]
    pub fn available(&self, purchased: i64) -> i128 {
        i128::from(self.base_remainder) + i128::from(purchased) - i128::from(self.extra_consumed)
    }
}

/// Base traffic in bytes per microsecond (`TrafficControlParameters.baseRate`). IEEE 754, no fused operations.
#[must_use]
pub fn base_rate(parameters: &TrafficControlParameters) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "the protocol rounds here")]
    {
        parameters.max_base_traffic_amount as f64 / parameters.accumulation_micros().max(1) as f64
    }
}

fn base_traffic_at(balance: TrafficBalance, now: CantonTimestamp, parameters: &TrafficControlParameters) -> i64 {
    let micros = now.micros_since(balance.time).max(0);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the protocol rounds and truncates here"
    )]
    let accrued = (base_rate(parameters) * micros as f64) as i64;
    accrued.saturating_add(balance.base_remainder).min(parameters.max_base_traffic_amount)
}
