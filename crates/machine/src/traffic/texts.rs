//! Canton's texts of traffic errors: they are part of the bytes of a deliver error (`SequencerRateLimitError`).

use synod_types::{CantonTimestamp, Member};

use super::OutdatedCost;
use super::accrual::TrafficBalance;
use crate::TrafficPurchased;
use synod_wire::status::short_member;

/// Longest `TrafficState(…)` on one line: Canton's printer breaks lines that, with 12 characters before, are over 200.
const ONE_LINE: usize = 188;

/// The text of `AboveTrafficLimit`. `balance` is that before the event, advanced to its time but with the last cost of before.
pub(crate) fn above_limit(
    member: &Member,
    cost: i64,
    balance: &TrafficBalance,
    purchased: Option<&TrafficPurchased>,
) -> String {
    let total = purchased.map_or(0, |purchased| purchased.extra_purchased);
    let mut fields = vec![
        format!("extraTrafficLimit = {total}"),
        format!("extraTrafficConsumed = {}", balance.extra_consumed),
        format!("baseTrafficRemainder = {}", balance.base_remainder),
        format!("lastConsumedCost = {}", balance.last_cost),
        format!("timestamp = {}", balance.time),
    ];
    if let Some(purchased) = purchased {
        fields.push(format!("serial = {}", purchased.serial));
    }
    fields.push(format!("availableTraffic = {}", balance.available(total)));
    let one_line = format!("TrafficState({})", fields.join(", "));
    let state = if one_line.len() <= ONE_LINE {
        one_line
    } else {
        format!("TrafficState(\n    {}\n  )", fields.join(",\n    "))
    };
    format!(
        "AboveTrafficLimit(\n  member = {},\n  trafficCost = {cost},\n  trafficState = {state}\n)",
        short_member(member)
    )
}

/// The text of `OutdatedEventCost`. `balance` is the state after the event; none where traffic control is off.
pub(crate) fn outdated(
    member: &Member,
    error: &OutdatedCost,
    now: CantonTimestamp,
    balance: Option<&TrafficBalance>,
) -> String {
    let submitted = error.submitted.map_or_else(|| "None".to_owned(), |cost| format!("Some({cost})"));
    let receipt = balance.map_or_else(
        || "None".to_owned(),
        |balance| {
            format!(
                "Some(TrafficReceipt(consumed cost = {}, extra traffic consumed = {}, base traffic remainder = {}))",
                balance.last_cost, balance.extra_consumed, balance.base_remainder
            )
        },
    );
    format!(
        "OutdatedEventCost({},{submitted},{},{},{now},{receipt})",
        short_member(member),
        error.submission_time,
        error.correct,
    )
}
