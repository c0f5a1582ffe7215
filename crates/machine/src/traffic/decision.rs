//! What a request has to pay (ch. 03 §5.4, `SequencerRateLimitManagerImpl.validateRequest`).

use synod_topology::{Snapshot, TopologyState, TrafficControlParameters};
use synod_types::{CantonTimestamp, MemberKind};
use synod_wire::SubmissionRequestType;

use super::cost::batch_cost;
use crate::SignedSubmission;

/// What is asked of the sender.
#[derive(Debug, Clone, PartialEq)]
pub enum Charge {
    /// Nothing, and no receipt is given.
    Free,
    /// So many bytes, by these parameters. May be none: a receipt is given all the same.
    Cost(i64, TrafficControlParameters),
}

/// Why a request cannot be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CostError {
    /// The cost is missing or too low, but the sender may have computed it by a topology that is too old (or too new) to tell.
    Outdated(OutdatedCost),
    /// The cost is missing or too low, even by the topology that the sender names.
    Incorrect {
        /// Cost in the request.
        submitted: Option<i64>,
        /// Cost by the topology at the time of the check.
        correct: i64,
    },
}

/// Details of [`CostError::Outdated`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutdatedCost {
    /// Cost in the request.
    pub submitted: Option<i64>,
    /// Cost by the topology at the time of the check.
    pub correct: i64,
    /// Time of the topology that the sender names.
    pub submission_time: CantonTimestamp,
}

/// Whether the sender pays at all: sequencers never do, and confirmation responses may be free.
#[must_use]
pub fn is_subject_to_traffic(submission: &SignedSubmission, parameters: Option<&TrafficControlParameters>) -> bool {
    let is_free = submission.request.request_type() == SubmissionRequestType::ConfirmationResponse
        && parameters.is_some_and(|parameters| parameters.free_confirmation_responses);
    submission.request.sender.kind() != MemberKind::Sequencer && !is_free
}

/// When and by what a cost is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Time of the topology that the cost has to be right by.
    pub topology: CantonTimestamp,
    /// The newest time known: after ordering that of the event, before that of the last event.
    pub now: CantonTimestamp,
    /// How far after `now` the topology that the sender names may be: nothing after ordering, 5 s before (a node may lag behind its
    /// sender).
    pub future_tolerance_micros: i64,
}

/// Decides what a request has to pay. `sizes` are the sizes of its envelopes' contents.
///
/// # Errors
/// [`CostError`] when it says too little, or nothing where something is due.
pub fn decide(
    submission: &SignedSubmission,
    sizes: &[usize],
    topology: &TopologyState,
    judgement: Judgement,
) -> Result<Charge, CostError> {
    let submitted = submission.request.submission_cost;
    let snapshot = topology.snapshot(judgement.topology);
    let correct = match compare(submission, sizes, &snapshot) {
        Comparison::Fits(charge) => return Ok(charge),
        // Control is off here, but the sender saw it on: let it pass.
        Comparison::Disabled => return Ok(Charge::Free),
        Comparison::Differs { correct, parameters } => match submitted {
            Some(more) if more > correct => return Ok(Charge::Cost(more, parameters)),
            _ => correct,
        },
    };
    let incorrect = CostError::Incorrect { submitted, correct };
    let Some(submission_time) = submission.timestamp_of_signing_key else { return Err(incorrect) };
    if !is_recent_enough(topology, submission_time, judgement) {
        return Err(CostError::Outdated(OutdatedCost { submitted, correct, submission_time }));
    }
    match compare(submission, sizes, &topology.snapshot(submission_time)) {
        Comparison::Fits(charge) => Ok(charge),
        Comparison::Disabled | Comparison::Differs { .. } => Err(incorrect),
    }
}

enum Comparison {
    /// The cost is right, or none is given and none is due.
    Fits(Charge),
    /// A cost is given where traffic control is off or not enforced.
    Disabled,
    Differs {
        correct: i64,
        parameters: TrafficControlParameters,
    },
}

fn compare(submission: &SignedSubmission, sizes: &[usize], snapshot: &Snapshot) -> Comparison {
    let parameters = snapshot.parameters().and_then(|parameters| parameters.traffic_control.clone());
    let Some(parameters) = parameters else {
        return if submission.request.submission_cost.is_some() {
            Comparison::Disabled
        } else {
            Comparison::Fits(Charge::Free)
        };
    };
    let correct = batch_cost(&submission.request.batch, sizes, snapshot, &parameters);
    match submission.request.submission_cost {
        Some(_) if !parameters.enforce_rate_limiting => Comparison::Disabled,
        Some(submitted) if submitted == correct => Comparison::Fits(Charge::Cost(correct, parameters)),
        None if correct == 0 => Comparison::Fits(Charge::Free),
        _ => Comparison::Differs { correct, parameters },
    }
}

/// Whether the topology at `submission_time` may judge a cost: it is not in the future, except by the tolerance, and not older
/// than its own parameters allow (`SequencedEventValidator.validateTopologyTimestamp`).
fn is_recent_enough(topology: &TopologyState, submission_time: CantonTimestamp, judgement: Judgement) -> bool {
    let now = judgement.now;
    if submission_time > now {
        return submission_time < now.saturating_add_micros(judgement.future_tolerance_micros);
    }
    if submission_time == now {
        return true;
    }
    topology.snapshot(submission_time).parameters().is_some_and(|parameters| {
        let tolerance = parameters.submission_cost_timestamp_topology_tolerance();
        submission_time.saturating_add(tolerance) >= now
    })
}
