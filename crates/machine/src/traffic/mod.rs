//! Traffic control (ch. 03 §5).

mod accrual;
mod charge;
mod cost;
mod decision;
mod purchase;
mod state;
mod texts;

use imbl::OrdMap;
use synod_types::{CantonTimestamp, Member, MemberIndex};

pub use accrual::{TrafficBalance, base_rate};
pub(crate) use charge::{Settled, settle};
pub use charge::{TrafficRefusal, check_at_submission};
pub use cost::{WeighedEnvelope, event_cost, group_size, submission_cost};
pub use decision::{Charge, CostError, Judgement, OutdatedCost, decide, is_subject_to_traffic};
pub(crate) use purchase::purchases;
pub use state::TrafficStatus;

use crate::{TrafficConsumed, TrafficPurchased};

/// What members have used and purchased. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    consumed: OrdMap<MemberIndex, TrafficConsumed>,
    purchased: OrdMap<Member, TrafficPurchased>,
}

impl Traffic {
    /// The newest state of a member's consumption.
    #[must_use]
    pub fn consumed(&self, member: MemberIndex) -> Option<&TrafficConsumed> {
        self.consumed.get(&member)
    }

    /// The newest limit of a member.
    #[must_use]
    pub fn purchased(&self, member: &Member) -> Option<&TrafficPurchased> {
        self.purchased.get(member)
    }

    /// What was consumed, or where everybody begins.
    #[must_use]
    pub fn balance(&self, member: MemberIndex) -> TrafficBalance {
        self.consumed.get(&member).map_or(TrafficBalance::INITIAL, |row| TrafficBalance {
            time: row.time,
            extra_consumed: row.extra_consumed,
            base_remainder: row.base_remainder,
            last_cost: row.last_cost,
        })
    }

    /// The limit that counts for an event at `time`: the newest one that was sequenced before.
    #[must_use]
    pub fn purchased_before(&self, member: &Member, time: CantonTimestamp) -> Option<&TrafficPurchased> {
        self.purchased.get(member).filter(|purchased| purchased.time < time)
    }

    pub(crate) fn consume(&mut self, row: TrafficConsumed) {
        self.consumed.insert(row.member, row);
    }

    /// Takes a limit over, if its serial is higher than that of the member's newest one.
    pub(crate) fn purchase(&mut self, row: TrafficPurchased) -> bool {
        if self.purchased.get(&row.member).is_some_and(|newest| newest.serial >= row.serial) {
            return false;
        }
        self.purchased.insert(row.member.clone(), row);
        true
    }

    pub(crate) fn restore(consumed: Vec<TrafficConsumed>, purchased: Vec<TrafficPurchased>) -> Self {
        Self {
            consumed: consumed.into_iter().map(|row| (row.member, row)).collect(),
            purchased: purchased.into_iter().map(|row| (row.member.clone(), row)).collect(),
        }
    }

    pub(crate) fn rows(&self) -> (Vec<TrafficConsumed>, Vec<TrafficPurchased>) {
        (self.consumed.values().copied().collect(), self.purchased.values().cloned().collect())
    }
}
