//! Charging a sequenced event, and the check before it is ordered (ch. 03 §5.3, §5.4, §5.6).

use bytes::Bytes;
use synod_types::{CantonTimestamp, MemberIndex};
use synod_wire::{TrafficReceipt, status};
use thiserror::Error;

use super::accrual::TrafficBalance;
use super::decision::{Charge, CostError, Judgement, decide, is_subject_to_traffic};
use super::texts;
use crate::{SignedSubmission, State, TrafficConsumed};

/// What charging did.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The event stays what it is.
    Paid(Option<TrafficReceipt>),
    /// The event becomes an error with this `google.rpc.Status`.
    Rejected(Bytes, Option<TrafficReceipt>),
    /// The event is dropped.
    Incorrect(String),
}

/// How far after the time of the check the time that a sender names may be, before ordering: 5 s.
const FUTURE_TOLERANCE_MICROS: i64 = 5_000_000;

/// Charges the sender of a submission that is delivered, received or rejected at `time`. The member's state advances to `time`
/// even if it is not charged after all.
pub(crate) fn settle(
    state: &State,
    submission: &SignedSubmission,
    sender: MemberIndex,
    sizes: &[usize],
    time: CantonTimestamp,
) -> (Settled, Option<TrafficConsumed>) {
    let parameters = state.snapshot(time).parameters().and_then(|parameters| parameters.traffic_control.clone());
    if !is_subject_to_traffic(submission, parameters.as_ref()) {
        return (Settled::Paid(None), None);
    }
    let member = &submission.request.sender;
    let before = state.traffic().balance(sender);
    let row = |balance: TrafficBalance, journaled| TrafficConsumed {
        member: sender,
        time: balance.time,
        extra_consumed: balance.extra_consumed,
        base_remainder: balance.base_remainder,
        last_cost: balance.last_cost,
        journaled,
    };
    let judgement = Judgement { topology: time, now: time, future_tolerance_micros: 0 };
    match decide(submission, sizes, state.topology(), judgement) {
        Ok(Charge::Free) => (Settled::Paid(None), None),
        Ok(Charge::Cost(cost, parameters)) => {
            let purchased = state.traffic().purchased_before(member, time);
            let advanced = before.advanced(time, &parameters);
            if advanced.available(purchased.map_or(0, |row| row.extra_purchased)) >= i128::from(cost) {
                let after = before.consumed(time, &parameters, cost);
                return (Settled::Paid(Some(receipt(&after))), Some(row(after, true)));
            }
            let shown = TrafficBalance { last_cost: before.last_cost, ..advanced };
            let text = texts::above_limit(member, cost, &shown, purchased);
            (Settled::Rejected(status::traffic_credit(&text), Some(receipt(&advanced))), Some(row(advanced, true)))
        }
        Err(error) => {
            let advanced = parameters.map(|parameters| before.advanced(time, &parameters));
            match error {
                CostError::Outdated(outdated) => {
                    let text = texts::outdated(member, &outdated, time, advanced.as_ref());
                    let rejected =
                        Settled::Rejected(status::outdated_traffic_cost(&text), advanced.as_ref().map(receipt));
                    (rejected, advanced.map(|balance| row(balance, true)))
                }
                CostError::Incorrect { submitted, correct } => {
                    let detail = format!("the submission cost is {submitted:?}, the correct one {correct}");
                    (Settled::Incorrect(detail), advanced.map(|balance| row(balance, false)))
                }
            }
        }
    }
}

const fn receipt(balance: &TrafficBalance) -> TrafficReceipt {
    TrafficReceipt {
        consumed_cost: balance.last_cost,
        extra_traffic_consumed: balance.extra_consumed,
        base_traffic_remainder: balance.base_remainder,
    }
}

/// Why a request is refused for its traffic before it is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrafficRefusal {
    /// The sender cannot pay. The text is Canton's.
    #[error("{text}")]
    AboveLimit {
        /// Canton's text.
        text: String,
    },
    /// The cost was computed by a topology that is too old. The text is Canton's.
    #[error("{text}")]
    Outdated {
        /// Canton's text.
        text: String,
    },
    /// The cost is missing or too low.
    #[error("the submission cost is {submitted:?}, the correct one {correct}")]
    Incorrect {
        /// Cost in the request.
        submitted: Option<i64>,
        /// Cost by the current topology.
        correct: i64,
    },
}

/// Whether the sender could pay for the request if it was sequenced next (ch. 03 §5.6). Changes nothing. `sizes` are those that
/// [`checks::envelopes`](crate::checks::envelopes) gives.
///
/// # Errors
/// [`TrafficRefusal`].
pub fn check_at_submission(
    state: &State,
    submission: &SignedSubmission,
    sizes: &[usize],
) -> Result<(), TrafficRefusal> {
    let request = &submission.request;
    let now = state.last_time();
    let at = state.approximate_time();
    let parameters = state.snapshot(at).parameters().and_then(|parameters| parameters.traffic_control.clone());
    if !is_subject_to_traffic(submission, parameters.as_ref()) {
        return Ok(());
    }
    let judgement = Judgement { topology: at, now, future_tolerance_micros: FUTURE_TOLERANCE_MICROS };
    match decide(submission, sizes, state.topology(), judgement) {
        Ok(Charge::Free) => Ok(()),
        Ok(Charge::Cost(cost, parameters)) => {
            let before = state
                .members()
                .get(&request.sender)
                .map_or(TrafficBalance::INITIAL, |registration| state.traffic().balance(registration.index));
            let purchased_at = now.immediate_successor();
            let purchased = state.traffic().purchased_before(&request.sender, purchased_at);
            let advanced = before.advanced(purchased_at, &parameters);
            if advanced.available(purchased.map_or(0, |row| row.extra_purchased)) >= i128::from(cost) {
                return Ok(());
            }
            let shown = TrafficBalance { last_cost: before.last_cost, ..advanced };
            Err(TrafficRefusal::AboveLimit { text: texts::above_limit(&request.sender, cost, &shown, purchased) })
        }
        Err(CostError::Outdated(outdated)) => {
            Err(TrafficRefusal::Outdated { text: texts::outdated(&request.sender, &outdated, now, None) })
        }
        Err(CostError::Incorrect { submitted, correct }) => Err(TrafficRefusal::Incorrect { submitted, correct }),
    }
}
