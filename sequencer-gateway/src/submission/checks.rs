//! The checks in Canton's order.

use bytes::Bytes;
use synod_crypto::submission_request_hash;
use synod_machine::traffic::{TrafficRefusal, check_at_submission};
use synod_machine::{SignedSubmission, checks};
use synod_pipeline::Head;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, Member, MemberKind, ProtocolVersion};
use synod_wire::{AggregationRule, SubmissionRequestType};

use super::{RateLimits, Refused};
use crate::core::{Core, not_permitted};
use crate::texts::{short_member, signature_failure, submission_failure};

/// Everything that the checks look at.
struct Checks<'a> {
    core: &'a Core,
    head: &'a Head,
    caller: &'a Member,
    submission: SignedSubmission,
    /// The topology by which requests are judged that are not ordered yet.
    snapshot: Snapshot,
    max_request_size: usize,
    /// When the request is expected to be sequenced.
    estimate: CantonTimestamp,
}

type Checked = Result<(), Refused>;

/// Checks versioned `SignedContent` of a submission request that `caller` sends, by everything that Canton checks before it
/// orders a request, in its order.
///
/// # Errors
/// [`Refused`], the first one.
pub(crate) fn check(
    core: &Core,
    rates: &RateLimits,
    head: &Head,
    caller: &Member,
    bytes: &Bytes,
) -> Result<(), Refused> {
    let max_request_size = core.max_request_size(head);
    let version = core.version();
    let submission = SignedSubmission::parse(bytes, version, max_request_size).map_err(|error| Refused::Malformed {
        sender: String::new(),
        message_id: String::new(),
        error: submission_failure(&error, bytes, version, max_request_size),
    })?;
    let snapshot = head.state.snapshot(head.state.approximate_time());
    let estimate = core.sequencing_time(head);
    let checks = Checks { core, head, caller, submission, snapshot, max_request_size, estimate };
    checks.aggregation_rule()?;
    checks.sender_is_caller()?;
    checks.contents()?;
    let sizes = checks.sizes()?;
    checks.mediators()?;
    checks.count();
    checks.rate(rates)?;
    checks.signature()?;
    checks.sender_is_enabled()?;
    checks.max_sequencing_time()?;
    checks.aggregation_bound()?;
    checks.aggregation_is_open()?;
    checks.members_are_known()?;
    checks.before_upgrade()?;
    checks.traffic(&sizes)
}

impl Checks<'_> {
    fn sender(&self) -> &Member {
        &self.submission.request.sender
    }

    fn malformed(&self, sender: String, error: impl Into<String>) -> Refused {
        let message_id = self.submission.request.message_id.as_str().to_owned();
        Refused::Malformed { sender, message_id, error: error.into() }
    }

    fn refused(&self, why: &str) -> Refused {
        Refused::request(self.sender(), &self.submission.request.message_id, why)
    }

    fn aggregation_rule(&self) -> Checked {
        let Some(rule) = &self.submission.request.aggregation_rule else { return Ok(()) };
        checks::may_aggregate(&self.snapshot, self.sender(), rule)
            .map_err(|invalid| self.malformed(self.sender().to_string(), invalid.to_string()))
    }

    fn sender_is_caller(&self) -> Checked {
        if self.sender() == self.caller {
            return Ok(());
        }
        let why = not_permitted(self.caller, self.sender());
        Err(self.refused(&format!("{} is not authorized to send: {why}", short_member(self.sender()))))
    }

    /// Recipients are never missing: no parser lets that pass.
    fn contents(&self) -> Checked {
        if self.submission.request.batch.has_blank_envelope() {
            return Err(self.malformed(self.sender().to_string(), "Batch contains envelope without content."));
        }
        Ok(())
    }

    /// The sizes of the contents of all envelopes. Each is opened to see that it can be, and that it is not too large.
    fn sizes(&self) -> Result<Vec<usize>, Refused> {
        let (batch, limit) = (&self.submission.request.batch, self.max_request_size);
        let size = |index| batch.open_envelope(index, limit).map(|envelope| envelope.content.len());
        (0..batch.len()).map(size).collect::<Result<_, _>>().map_err(|_| {
            let error = format!("Batch contains envelope with max bytes exceeded. The limit is {limit} bytes.");
            self.malformed(short_member(self.sender()), error)
        })
    }

    fn mediators(&self) -> Checked {
        if self.submission.request.at_most_one_mediator() {
            return Ok(());
        }
        Err(self.refused("Batch contains multiple mediators as recipients."))
    }

    /// What Canton counts is counted where Canton counts it.
    fn count(&self) {
        let metrics = &self.core.metrics;
        metrics.processed.inc();
        if self.submission.request.is_time_proof() {
            metrics.time_requests.inc();
        }
    }

    fn rate(&self, rates: &RateLimits) -> Checked {
        let is_limited = self.sender().kind() == MemberKind::Participant
            && self.submission.request.request_type() == SubmissionRequestType::ConfirmationRequest;
        let Some(parameters) = self.snapshot.parameters().filter(|_| is_limited) else { return Ok(()) };
        let rate = parameters.confirmation_requests_max_rate;
        if rates.admit(self.sender(), rate, self.core.clock.now()) {
            return Ok(());
        }
        Err(Refused::Overloaded(format!("Submission rate exceeds rate limit of {rate}/s.")))
    }

    /// By the keys that are in force when the request is sequenced next, or at this node's clock if that is later: a member
    /// with short-lived keys signs for its own clock.
    fn signature(&self) -> Checked {
        let state = &self.head.state;
        let at = self.core.latest_time(self.head).immediate_successor();
        let snapshot = state.snapshot(at);
        checks::submission_signature(state, &snapshot, &self.submission).map_err(|error| {
            let submission = &self.submission;
            let hash = submission_request_hash(&submission.request.bytes);
            let keys = snapshot.signing_keys(self.sender());
            let why = signature_failure(&error, &submission.signature, &hash, self.sender(), keys);
            let signed_at = submission.timestamp_of_signing_key.map_or_else(String::new, |at| format!("at {at} "));
            let known = topology_time(self.head);
            Refused::NotAllowed(format!(
                "Sequencer could not verify client's signature {signed_at}on [SubmissionRequest] with sequencer's {}. \
                 Error: {why}",
                named_snapshot(known, at)
            ))
        })
    }

    fn sender_is_enabled(&self) -> Checked {
        let index = self.head.state.members().registered_at(self.sender(), self.core.latest_time(self.head));
        if index.is_some_and(|index| !self.core.disabled.contains(index)) {
            return Ok(());
        }
        Err(Refused::NotAllowed(format!("Member {} is disabled at the sequencer", short_member(self.sender()))))
    }

    fn max_sequencing_time(&self) -> Checked {
        let request = &self.submission.request;
        let (now, max) = (self.estimate, request.max_sequencing_time);
        if max > now { Ok(()) } else { Err(Refused::TooLate { now, max, message_id: request.message_id.clone() }) }
    }

    fn aggregation_bound(&self) -> Checked {
        let request = &self.submission.request;
        if request.aggregation_rule.is_none() {
            return Ok(());
        }
        let approximate = self.head.state.approximate_time();
        let at = request.topology_timestamp.map_or(approximate, |topology| topology.min(approximate));
        let bound = checks::aggregation_bound(&self.head.state.snapshot(at), self.estimate)
            .ok_or(Refused::Fault("there are no synchronizer parameters"))?;
        let max = request.max_sequencing_time;
        if max < bound { Ok(()) } else { Err(Refused::TooFar { max, bound, message_id: request.message_id.clone() }) }
    }

    fn aggregation_is_open(&self) -> Checked {
        let is_watched = self.core.version() >= ProtocolVersion::V35
            && self.core.settings.reject_delivered_aggregations_of.contains(&self.sender().kind());
        if !is_watched {
            return Ok(());
        }
        let request = &self.submission.request;
        let id = request.aggregation_id(self.max_request_size).map_err(|error| {
            let id = &request.message_id;
            Refused::InvalidAggregation(format!(
                "Failed to compute aggregation ID for submission with id {id}: {error}"
            ))
        })?;
        let Some(id) = id else { return Ok(()) };
        let aggregation = self.head.state.aggregations().get(&id);
        if aggregation.is_some_and(|aggregation| aggregation.delivered_at().is_some()) {
            return Err(Refused::AlreadyDelivered(format!(
                "Not accepting submission as aggregation ID {} is already marked as delivered",
                id.hash().to_short_text()
            )));
        }
        Ok(())
    }

    /// Members that are named; groups are looked at only after ordering.
    fn members_are_known(&self) -> Checked {
        let is_unknown = |member: &&Member| !self.snapshot.is_known(member);
        let recipients: Vec<Member> = self.submission.addressed.members.iter().filter(is_unknown).cloned().collect();
        if !recipients.is_empty() {
            return Err(Refused::UnknownRecipients(recipients));
        }
        let eligible = match &self.submission.request.aggregation_rule {
            Some(AggregationRule::Members { eligible, .. }) => eligible.as_slice(),
            _ => &[],
        };
        let mut senders: Vec<Member> = eligible.iter().chain([self.sender()]).filter(is_unknown).cloned().collect();
        if senders.is_empty() {
            return Ok(());
        }
        senders.sort();
        senders.dedup();
        Err(Refused::UnknownSenders(senders))
    }

    /// Requests for time proofs pass.
    fn before_upgrade(&self) -> Checked {
        let now = self.snapshot.timestamp();
        let announced = self.snapshot.announced_lsu().filter(|_| !self.submission.request.batch.is_empty());
        match announced {
            Some(lsu) if now >= lsu.upgrade_time => Err(Refused::AfterUpgrade(format!(
                "Submission request was refused because the sequencer can no longer accept transactions on {} as \
                 sequencing time of {now} exceeds the upgrade time of {}",
                crate::texts::short_synchronizer(&self.core.psid),
                lsu.upgrade_time
            ))),
            _ => Ok(()),
        }
    }

    fn traffic(&self, sizes: &[usize]) -> Checked {
        check_at_submission(&self.head.state, &self.submission, sizes).map_err(|refusal| match refusal {
            TrafficRefusal::AboveLimit { text } => {
                Refused::NoTraffic(format!("Submission was rejected because no traffic is available: {text}"))
            }
            TrafficRefusal::Outdated { text } => Refused::OutdatedCost(format!(
                "Submission was refused because traffic cost was outdated. Re-submit after having observed the validation \
                 timestamp and processed its topology state: {text}"
            )),
            incorrect @ TrafficRefusal::Incorrect { .. } => Refused::NotAllowed(format!(
                "Submission was refused because traffic control validation failed: {incorrect}"
            )),
        })
    }
}

/// The time up to which the topology is known.
pub(crate) fn topology_time(head: &Head) -> CantonTimestamp {
    let known = head.state.topology().latest_change().map(CantonTimestamp::immediate_successor);
    known.map_or(head.state.approximate_time(), |known| known.max(head.state.approximate_time()))
}

/// How Canton names the topology by which it verifies a signature at `at`, when it knows it up to `known`.
pub(crate) fn named_snapshot(known: CantonTimestamp, at: CantonTimestamp) -> String {
    if at > known {
        format!("hypothetical snapshot (timestamp = {known}, desiredTimestamp ={at})")
    } else {
        format!("current snapshot at {at}")
    }
}
