//! Traffic control (ch. 02 §5.2, `TrafficControlParameters`).

use std::time::Duration;

use synod_proto::protocol::v30;

use super::duration;
use crate::InvalidMessage;
use crate::number::{non_negative_i64, positive_u32};

/// What members may send, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficControlParameters {
    /// Most base traffic of a member, in bytes; not negative.
    pub max_base_traffic_amount: i64,
    /// How long it takes until a member has that much; above zero.
    pub max_base_traffic_accumulation_duration: Duration,
    /// Cost of a recipient in ten-thousandths of the cost of the bytes; above zero.
    pub read_vs_write_scaling_factor: u32,
    /// Time in which a purchase is sequenced; above zero.
    pub set_balance_request_submission_window_size: Duration,
    /// Whether what exceeds a member's traffic is refused.
    pub enforce_rate_limiting: bool,
    /// Cost of every event, in bytes; not negative.
    pub base_event_cost: i64,
    /// Whether confirmation responses cost nothing.
    pub free_confirmation_responses: bool,
}

/// Canton's defaults.
impl Default for TrafficControlParameters {
    fn default() -> Self {
        Self {
            max_base_traffic_amount: 10 * 20 * 1_024,
            max_base_traffic_accumulation_duration: Duration::from_mins(10),
            read_vs_write_scaling_factor: 200,
            set_balance_request_submission_window_size: Duration::from_mins(2),
            enforce_rate_limiting: true,
            base_event_cost: 0,
            free_confirmation_responses: false,
        }
    }
}

impl TrafficControlParameters {
    /// [`Self::max_base_traffic_accumulation_duration`] in microseconds, rounded down.
    #[must_use]
    pub fn accumulation_micros(&self) -> i64 {
        i64::try_from(self.max_base_traffic_accumulation_duration.as_micros()).unwrap_or(i64::MAX)
    }

    pub(crate) fn from_proto(proto: &v30::TrafficControlParameters) -> Result<Self, InvalidMessage> {
        Ok(Self {
            max_base_traffic_amount: non_negative_i64("max_base_traffic_amount", proto.max_base_traffic_amount)?,
            max_base_traffic_accumulation_duration: duration::positive(
                "max_base_traffic_accumulation_duration",
                proto.max_base_traffic_accumulation_duration,
            )?,
            set_balance_request_submission_window_size: duration::positive(
                "set_balance_request_submission_window_size",
                proto.set_balance_request_submission_window_size,
            )?,
            read_vs_write_scaling_factor: positive_u32(
                "read_vs_write_scaling_factor",
                proto.read_vs_write_scaling_factor,
            )?,
            enforce_rate_limiting: proto.enforce_rate_limiting,
            base_event_cost: non_negative_i64("base_event_cost", proto.base_event_cost.unwrap_or(0))?,
            free_confirmation_responses: proto.free_confirmation_responses,
        })
    }

    pub(crate) fn to_proto(&self) -> v30::TrafficControlParameters {
        v30::TrafficControlParameters {
            max_base_traffic_amount: self.max_base_traffic_amount.cast_unsigned(),
            max_base_traffic_accumulation_duration: duration::to_proto(self.max_base_traffic_accumulation_duration),
            read_vs_write_scaling_factor: self.read_vs_write_scaling_factor,
            set_balance_request_submission_window_size: duration::to_proto(
                self.set_balance_request_submission_window_size,
            ),
            enforce_rate_limiting: self.enforce_rate_limiting,
            base_event_cost: (self.base_event_cost != 0).then(|| self.base_event_cost.cast_unsigned()),
            free_confirmation_responses: self.free_confirmation_responses,
        }
    }
}
