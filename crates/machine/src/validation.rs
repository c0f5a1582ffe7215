//! What can be said about a submission by itself, with the state before its chunk (ch. 03 §3.6).
//!
//! These checks change nothing, so those of a chunk run in parallel. Their order decides which of several errors the sender learns.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MemberIndex, SequencerId};
use synod_wire::{AggregationId, status};

use crate::checks::{self, InvalidEnvelope};
use crate::ordered::MAX_BYTES_TO_DECOMPRESS;
use crate::rules::{AggregationBound, TopologyTimestampRule};
use crate::{Alarm, AlarmKind, ResolvedGroup, SignedSubmission, State, groups, texts};

/// A submission with the time that it got.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed<'a> {
    pub(crate) time: CantonTimestamp,
    pub(crate) origin: &'a SequencerId,
    pub(crate) submission: &'a SignedSubmission,
}

/// A submission after the checks.
#[derive(Debug)]
pub(crate) struct Validated {
    /// The sender; none when it is not registered.
    pub(crate) sender: Option<MemberIndex>,
    /// Sizes of the envelopes' contents. `None` when that many were not opened: the request is dropped then, or is not charged.
    pub(crate) sizes: Option<Vec<usize>>,
    pub(crate) verdict: Verdict,
}

/// What becomes of a submission, as far as it can be told without the others.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass(Prepared),
    /// The sender learns why, and pays all the same. A `google.rpc.Status`.
    Reject(Bytes),
    /// Nobody learns anything, and nobody pays.
    Discard(Alarm),
}

/// What was found out about a submission that passed.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// All members that it addresses, directly or by a group, and the sender.
    pub(crate) recipients: BTreeSet<MemberIndex>,
    pub(crate) groups: Vec<ResolvedGroup>,
    pub(crate) aggregation: Option<AggregationId>,
    /// The batch as it is delivered, unless it is aggregated: compressing takes time, and this is done in parallel.
    pub(crate) batch: Option<Bytes>,
}

/// Why the checks ended early.
enum Stop {
    Reject(Bytes),
    Discard(AlarmKind, String),
}

/// Checks one submission against the state before its chunk.
pub(crate) fn validate(state: &State, timed: Timed<'_>) -> Validated {
    let request = &timed.submission.request;
    let Some(sender) = state.members().registered_at(&request.sender, timed.time) else {
        let detail = "the sender is not registered".to_owned();
        return Validated { sender: None, sizes: None, verdict: timed.discard(AlarmKind::SenderUnknown, &detail) };
    };
    let mut sizes = None;
    let verdict = match Validation::new(state, timed).run(sender, &mut sizes) {
        Ok(prepared) => Verdict::Pass(prepared),
        Err(Stop::Reject(status)) => Verdict::Reject(status),
        Err(Stop::Discard(kind, detail)) => timed.discard(kind, &detail),
    };
    Validated { sender: Some(sender), sizes, verdict }
}

impl Timed<'_> {
    pub(crate) fn discard(self, kind: AlarmKind, detail: &str) -> Verdict {
        Verdict::Discard(self.alarm(kind, detail))
    }

    pub(crate) fn alarm(self, kind: AlarmKind, detail: &str) -> Alarm {
        let request = &self.submission.request;
        let detail = format!("{} {}: {detail}", request.sender, request.message_id);
        Alarm { kind, time: self.time, origin: self.origin.clone(), detail }
    }
}

struct Validation<'a> {
    state: &'a State,
    timed: Timed<'a>,
    /// Topology at the sequencing time, or (protocol version 34) at the valid topology time of the request.
    keys: Snapshot,
    /// A topology time that is refused.
    topology_error: Option<Bytes>,
}

impl<'a> Validation<'a> {
    fn new(state: &'a State, timed: Timed<'a>) -> Self {
        let (at, topology_error) = match selected_topology(state, timed) {
            Ok(at) => (at, None),
            Err(status) => (timed.time, Some(status)),
        };
        Self { state, timed, keys: state.snapshot(at), topology_error }
    }

    fn run(&self, sender: MemberIndex, sizes: &mut Option<Vec<usize>>) -> Result<Prepared, Stop> {
        let (submission, time) = (self.timed.submission, self.timed.time);
        let request = &submission.request;
        checks::submission_signature(self.state, &self.keys, submission)
            .map_err(|error| Stop::Discard(AlarmKind::InvalidSubmissionRequestSignature, error.to_string()))?;
        if time > request.max_sequencing_time {
            return Err(Stop::Discard(AlarmKind::MaxSequencingTimeExceeded, "it came too late".to_owned()));
        }
        if !request.at_most_one_mediator() {
            let detail = "more than one mediator is addressed".to_owned();
            return Err(Stop::Discard(AlarmKind::MultipleMediatorRecipients, detail));
        }
        let envelopes = checks::envelopes(self.state, &self.keys, submission, MAX_BYTES_TO_DECOMPRESS);
        *sizes = self.sizes(&envelopes);
        self.recipients_are_known()?;
        if let Some(status) = &self.topology_error {
            return Err(Stop::Reject(status.clone()));
        }
        self.aggregation_bound(AggregationBound::BeforeEnvelopes)?;
        envelopes.map_err(|error| Stop::Discard(AlarmKind::InvalidEnvelopeSignature, error.to_string()))?;
        let groups = self.groups()?;
        self.aggregation_bound(AggregationBound::AfterGroups)?;
        let aggregation = self.aggregation()?;
        let mut recipients: BTreeSet<MemberIndex> =
            groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        let members = self.state.members();
        recipients.extend(submission.addressed.members.iter().filter_map(|member| members.registered_at(member, time)));
        recipients.insert(sender);
        let batch = aggregation.is_none().then(|| request.batch.to_compressed_proto());
        Ok(Prepared { recipients, groups, aggregation, batch })
    }

    /// The sizes that the cost is computed from. A bad signature does not change them.
    fn sizes(&self, envelopes: &Result<Vec<usize>, InvalidEnvelope>) -> Option<Vec<usize>> {
        match envelopes {
            Ok(sizes) => Some(sizes.clone()),
            Err(InvalidEnvelope::Signature { .. }) => {
                let batch = &self.timed.submission.request.batch;
                (0..batch.len())
                    .map(|index| {
                        batch.open_envelope(index, MAX_BYTES_TO_DECOMPRESS).ok().map(|open| open.content.len())
                    })
                    .collect()
            }
            Err(InvalidEnvelope::Closed { .. }) => None,
        }
    }

    fn recipients_are_known(&self) -> Result<(), Stop> {
        let unknown =
            checks::unregistered(self.state.members(), &self.timed.submission.addressed.members, self.timed.time);
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<_> = unknown.into_iter().cloned().collect();
        Err(Stop::Reject(status::unknown_recipients(&unknown)))
    }

    fn aggregation_bound(&self, stage: AggregationBound) -> Result<(), Stop> {
        let request = &self.timed.submission.request;
        if self.state.rules().aggregation_bound != stage || request.aggregation_rule.is_none() {
            return Ok(());
        }
        let Some(bound) = checks::aggregation_bound(&self.keys, self.timed.time) else {
            let cause = "Could not fetch dynamic synchronizer parameters";
            return Err(Stop::Reject(status::submission_request_refused(cause)));
        };
        if request.max_sequencing_time < bound {
            return Ok(());
        }
        let status = status::max_sequencing_time_too_far(&request.message_id, request.max_sequencing_time, bound);
        Err(Stop::Reject(status))
    }

    fn groups(&self) -> Result<Vec<ResolvedGroup>, Stop> {
        let addressed = &self.timed.submission.addressed.groups;
        let resolved: Vec<_> = addressed.iter().map(|group| (group, groups::members_of(&self.keys, group))).collect();
        let refused = |cause: String| Err(Stop::Reject(status::submission_request_refused(&cause)));
        let mut missing: Vec<i32> = resolved
            .iter()
            .filter(|(_, members)| members.is_none())
            .filter_map(|(group, _)| {
                if let synod_types::Recipient::MediatorGroup(index) = group { Some(index.as_i32()) } else { None }
            })
            .collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return refused(format!("The following mediator groups do not exist List({})", missing.join(", ")));
        }
        let mut groups = Vec::with_capacity(resolved.len());
        for (group, members) in resolved {
            let Some(members) = members else { return refused("No sequencer group found".to_owned()) };
            if let synod_types::Recipient::MediatorGroup(index) = group {
                let unregistered = checks::unregistered(self.state.members(), &members, self.timed.time);
                if !unregistered.is_empty() {
                    let (index, unregistered) = (index.as_i32(), texts::list(unregistered));
                    return refused(format!(
                        "The mediator group {index} contains non registered mediators {unregistered}"
                    ));
                }
            }
            let members = members.iter().filter_map(|member| self.state.members().get(member));
            let mut members: Vec<MemberIndex> = members.map(|registration| registration.index).collect();
            members.sort_unstable();
            groups.push(ResolvedGroup { recipient: group.clone(), members });
        }
        Ok(groups)
    }

    fn aggregation(&self) -> Result<Option<AggregationId>, Stop> {
        let request = &self.timed.submission.request;
        let Some(rule) = &request.aggregation_rule else { return Ok(None) };
        let malformed = |detail: String| Stop::Discard(AlarmKind::SubmissionRequestMalformed, detail);
        let id = request.aggregation_id(MAX_BYTES_TO_DECOMPRESS).map_err(|error| malformed(error.to_string()))?;
        checks::may_aggregate(&self.keys, &request.sender, rule).map_err(|error| malformed(error.to_string()))?;
        if let (synod_wire::AggregationRule::Members { eligible, .. }, Some(id)) = (rule, &id)
            && self.state.aggregations().get(id).is_none()
        {
            let unregistered = checks::unregistered(self.state.members(), eligible, self.timed.time);
            if !unregistered.is_empty() {
                let unregistered = texts::list(unregistered);
                let cause = format!("Aggregation rule contains unregistered eligible members: {unregistered}");
                return Err(Stop::Reject(status::submission_request_refused(&cause)));
            }
        }
        Ok(id)
    }
}

/// The time of the topology that judges a submission, or why the topology time in the request is refused.
fn selected_topology(state: &State, timed: Timed<'_>) -> Result<CantonTimestamp, Bytes> {
    let Some(asked) = timed.submission.request.topology_timestamp else { return Ok(timed.time) };
    if state.rules().topology_timestamp == TopologyTimestampRule::Unsupported {
        return Err(status::unsupported_feature());
    }
    if asked > timed.time {
        return Err(status::topology_timestamp_after_sequencing_timestamp(asked, timed.time));
    }
    let is_recent = asked == timed.time
        || state.snapshot(asked).parameters().is_some_and(|parameters| {
            asked.saturating_add(parameters.sequencer_topology_timestamp_tolerance()) >= timed.time
        });
    if is_recent { Ok(asked) } else { Err(status::topology_timestamp_too_early(asked, timed.time)) }
}
