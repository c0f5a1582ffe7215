//! The rules as a whole: an event in, what follows from it out (chapter 04 §3.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::SignatureVerifier;
use synod_topology::{DynamicSynchronizerParameters, Snapshot, TopologyState};
use synod_types::{CantonTimestamp, MediatorId, ParticipantId, PhysicalSynchronizerId};
use synod_wire::{Batch, Recipients, SequencedEvent, SequencedEventContent};

use super::alarm::{Alarm, AlarmKind};
use super::deduplication::{Deduplication, DeduplicationEntry};
use super::opening::{AddressedRootHash, Opened, SignedResponses};
use super::output::{Output, SendingSettings, VerdictSubmission};
use super::responses::Arrival;
use super::validation::{Candidate, Refusal};
use super::{ConfirmationRequest, ResponseAggregation, UnresponsiveHost, status};
use crate::messages::Verdict;

/// A request that is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalizedRequest {
    /// When it was sequenced.
    pub request_id: CantonTimestamp,
    /// The request as it was received: versioned `EnvelopeContent`.
    pub request: Bytes,
    /// When it was decided.
    pub finalization_time: CantonTimestamp,
    /// How.
    pub verdict: Verdict,
}

/// Everything that follows from one event.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests whose ids are used from now on.
    pub deduplicated: Vec<DeduplicationEntry>,
    /// Requests that are decided now, in the order of their decision.
    pub finalized: Vec<FinalizedRequest>,
    /// What is sent, in order. Of a request that was decided before, as after a restart, the same again.
    pub submissions: Vec<VerdictSubmission>,
    /// What is worth a line in the log.
    pub alarms: Vec<Alarm>,
    /// Requests that wait for responses now.
    pub opened: usize,
    /// Parties, and participants that did not answer for them in time.
    pub unresponsive: Vec<UnresponsiveHost>,
}

/// The mediator, as a function of the events that it receives. No input or output, no clock: the same events give the same
/// outcomes, wherever it is restarted in between.
#[derive(Debug, Clone)]
pub struct MediatorRules {
    psid: PhysicalSynchronizerId,
    mediator: MediatorId,
    settings: SendingSettings,
    verifier: Option<SignatureVerifier>,
    deduplication: Deduplication,
    /// Requests until the time for responses is over, decided ones too: late responses are judged, although they change
    /// nothing.
    requests: BTreeMap<CantonTimestamp, OpenRequest>,
    /// When the time for responses is over, of each request.
    deadlines: BTreeSet<(CantonTimestamp, CantonTimestamp)>,
    /// The requests that are not decided.
    pending: BTreeSet<CantonTimestamp>,
}

#[derive(Debug, Clone)]
struct OpenRequest {
    aggregation: ResponseAggregation,
    deadline: CantonTimestamp,
    decision_time: CantonTimestamp,
    participants: Vec<ParticipantId>,
}

/// The event at hand.
struct Now<'a> {
    time: CantonTimestamp,
    topology: &'a TopologyState,
}

impl MediatorRules {
    /// A mediator of a synchronizer, before its first event.
    #[must_use]
    pub fn new(psid: PhysicalSynchronizerId, mediator: MediatorId, settings: SendingSettings) -> Self {
        Self {
            psid,
            mediator,
            settings,
            verifier: None,
            deduplication: Deduplication::default(),
            requests: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            pending: BTreeSet::new(),
        }
    }

    /// Takes up ids that were used before the first event that is handled.
    pub fn restore_deduplication(&mut self, entries: impl IntoIterator<Item = DeduplicationEntry>) {
        entries.into_iter().for_each(|entry| self.deduplication.restore(&entry));
    }

    /// The oldest request that is not decided. Everything before it is finished.
    #[must_use]
    pub fn oldest_pending(&self) -> Option<CantonTimestamp> {
        self.pending.first().copied()
    }

    /// How many requests are not decided.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The next time after which a pending request is decided without further responses. An event later than it has to
    /// come.
    #[must_use]
    pub fn next_deadline(&self) -> Option<CantonTimestamp> {
        let mut pending = self.deadlines.iter().filter(|(_, request_id)| self.pending.contains(request_id));
        pending.next().map(|(deadline, _)| *deadline)
    }

    /// Handles the next event of the mediator. `topology` has taken it up already; it answers for all times from the
    /// oldest pending request on.
    pub fn handle(&mut self, event: &SequencedEvent, topology: &TopologyState) -> Outcome {
        let now = Now { time: event.timestamp, topology };
        let mut outcome = Outcome::default();
        self.time_out(&now, &mut outcome);
        self.deduplication.forget_before(now.time);
        if let SequencedEventContent::Deliver { batch } = &event.content
            && !batch.is_empty()
        {
            self.handle_batch(batch, event.topology_timestamp, &now, &mut outcome);
        }
        outcome
    }

    fn handle_batch(
        &mut self,
        batch: &Batch,
        topology_timestamp: Option<CantonTimestamp>,
        now: &Now<'_>,
        outcome: &mut Outcome,
    ) {
        let mut opened = Opened::of(batch, &self.psid);
        outcome.alarms.append(&mut opened.alarms);
        if opened.unreadable > 0 || opened.request.is_some() {
            self.handle_request(opened, topology_timestamp, now, outcome);
        } else {
            for signed in &opened.responses {
                self.handle_responses(signed, topology_timestamp, now, outcome);
            }
        }
    }

    /// A request, or what cannot be read and may have been one.
    fn handle_request(
        &mut self,
        opened: Opened,
        topology_timestamp: Option<CantonTimestamp>,
        now: &Now<'_>,
        outcome: &mut Outcome,
    ) {
        let snapshot = now.topology.snapshot(now.time);
        let Some(parameters) = snapshot.parameters().cloned() else {
            outcome.alarms.push(Alarm::new(AlarmKind::InvalidMessage, "a request before there are parameters"));
            return;
        };
        let malformed = status::malformed();
        for _ in 0..opened.unreadable {
            let output = self.output(now.time, &parameters, &snapshot);
            outcome.submissions.extend(output.reject(&opened.root_hashes, &malformed));
        }
        if let Some((request, recipients)) = opened.request {
            let arrived = Arrived {
                request,
                recipients,
                root_hashes: opened.root_hashes,
                has_topology: opened.has_topology,
                parameters,
                snapshot,
            };
            self.judge(arrived, now, outcome);
        }
        // Responses beside something that cannot be read are not lost.
        for signed in &opened.responses {
            self.handle_responses(signed, topology_timestamp, now, outcome);
        }
    }

    fn judge(&mut self, arrived: Arrived, now: &Now<'_>, outcome: &mut Outcome) {
        let entry = DeduplicationEntry {
            uuid: *arrived.request.uuid(),
            request_time: now.time,
            expire_after: now.time.saturating_add(arrived.parameters.mediator_deduplication_timeout),
        };
        if let Err(expire_after) = self.deduplication.add(&entry) {
            let cause = format!("request {}: the id {} is that of a request before", now.time, entry.uuid);
            outcome.alarms.push(Alarm::new(AlarmKind::Duplicate, cause));
            self.reject(&arrived, status::duplicate(&entry.uuid, expire_after), now, outcome);
            return;
        }
        outcome.deduplicated.push(entry);
        let verifier = self.verifier(now.topology);
        let validated = Candidate {
            request_id: now.time,
            request: &arrived.request,
            recipients: &arrived.recipients,
            root_hashes: &arrived.root_hashes,
            has_topology: arrived.has_topology,
            mediator: &self.mediator,
            verifier: &verifier,
            snapshot: &arrived.snapshot,
        }
        .validate();
        match validated {
            Ok(hosting) => {
                let aggregation = ResponseAggregation::new(Arc::clone(&arrived.request), now.time, &arrived.snapshot);
                let deadline = now.time.saturating_add(arrived.parameters.confirmation_response_timeout);
                let decision_time = now.time.saturating_add(arrived.parameters.decision_timeout());
                let participants = hosting.participants;
                let open = OpenRequest { aggregation, deadline, decision_time, participants };
                self.requests.insert(now.time, open);
                self.deadlines.insert((deadline, now.time));
                self.pending.insert(now.time);
                outcome.opened += 1;
            }
            Err(Refusal::NotMine) => {}
            Err(Refusal::Reject { verdict, cause }) => {
                let is_malformed = matches!(verdict, Verdict::MediatorReject { is_malformed: true, .. });
                let kind = if is_malformed { AlarmKind::MalformedMessage } else { AlarmKind::InvalidMessage };
                outcome.alarms.push(Alarm::new(kind, cause));
                self.reject(&arrived, verdict, now, outcome);
            }
        }
    }

    /// A request that never becomes pending.
    fn reject(&self, arrived: &Arrived, verdict: Verdict, now: &Now<'_>, outcome: &mut Outcome) {
        let output = self.output(now.time, &arrived.parameters, &arrived.snapshot);
        outcome.submissions.extend(output.reject(&arrived.root_hashes, &verdict));
        outcome.finalized.push(FinalizedRequest {
            request_id: now.time,
            request: arrived.request.bytes().clone(),
            finalization_time: now.time,
            verdict,
        });
    }

    fn handle_responses(
        &mut self,
        signed: &SignedResponses,
        topology_timestamp: Option<CantonTimestamp>,
        now: &Now<'_>,
        outcome: &mut Outcome,
    ) {
        let version = self.psid.protocol_version();
        let arrival = Arrival { signed, time: now.time, topology_timestamp, version };
        match self.count_responses(&arrival, now, outcome) {
            Ok(()) => self.finish(signed.responses.request_id, now, outcome),
            Err(alarm) => outcome.alarms.push(alarm),
        }
    }

    fn count_responses(&mut self, arrival: &Arrival<'_>, now: &Now<'_>, outcome: &mut Outcome) -> Result<(), Alarm> {
        arrival.check_envelope()?;
        let (request_id, sender) = (arrival.signed.responses.request_id, &arrival.signed.responses.sender);
        let verifier = self.verifier(now.topology);
        // A request leaves when its time for responses is over, so that one that is here has time left.
        let Some(open) = self.requests.get_mut(&request_id).filter(|open| now.time <= open.deadline) else {
            let cause = format!("response of {sender} to request {request_id}, which is unknown or over");
            return Err(Alarm::new(AlarmKind::Late, cause));
        };
        arrival.check_signatures(&verifier, &now.topology.snapshot(request_id))?;
        arrival.check_topology_timestamp()?;
        arrival.check_recipients(&open.aggregation)?;
        for response in &arrival.signed.responses.responses {
            let votes = match arrival.votes(response, &open.aggregation) {
                Ok(votes) => votes,
                Err(alarm) => {
                    outcome.alarms.push(alarm);
                    continue;
                }
            };
            for (view, parties) in votes {
                let applied = open.aggregation.respond(now.time, sender, view, &parties, &response.verdict);
                let alarms = applied.equivocations.into_iter().map(|equivocation| {
                    let party = equivocation.party;
                    let cause = format!("{sender} contradicts itself for {party} in request {request_id}");
                    Alarm::new(AlarmKind::Equivocation, cause)
                });
                outcome.alarms.extend(alarms);
            }
        }
        Ok(())
    }

    /// Decides all pending requests whose time is over.
    fn time_out(&mut self, now: &Now<'_>, outcome: &mut Outcome) {
        while let Some((deadline, request_id)) = self.deadlines.first().copied().filter(|(end, _)| *end < now.time) {
            if self.pending.contains(&request_id)
                && let Some(open) = self.requests.get_mut(&request_id)
            {
                outcome.unresponsive.extend(open.aggregation.time_out(deadline));
                self.finish(request_id, now, outcome);
            }
            self.deadlines.remove(&(deadline, request_id));
            self.requests.remove(&request_id);
        }
    }

    /// Says the verdict of a request, if there is one now.
    fn finish(&mut self, request_id: CantonTimestamp, now: &Now<'_>, outcome: &mut Outcome) {
        let Some(open) = self.requests.get(&request_id).filter(|_| self.pending.contains(&request_id)) else { return };
        let Some(finalized) = open.aggregation.finalized() else { return };
        let request = open.aggregation.request();
        let snapshot = now.topology.snapshot(request_id);
        let output = Output {
            psid: &self.psid,
            mediator: &self.mediator,
            settings: &self.settings,
            request_id,
            decision_time: open.decision_time,
            snapshot: &snapshot,
        };
        let (view_type, root_hash, group) = (request.view_type(), *request.root_hash(), request.mediator_group());
        let verdict = finalized.verdict.clone();
        outcome.submissions.extend(output.verdict(view_type, root_hash, verdict, group, open.participants.clone()));
        outcome.finalized.push(FinalizedRequest {
            request_id,
            request: request.bytes().clone(),
            finalization_time: finalized.at,
            verdict: finalized.verdict.clone(),
        });
        self.pending.remove(&request_id);
    }

    fn output<'a>(
        &'a self,
        request_id: CantonTimestamp,
        parameters: &DynamicSynchronizerParameters,
        snapshot: &'a Snapshot,
    ) -> Output<'a> {
        Output {
            psid: &self.psid,
            mediator: &self.mediator,
            settings: &self.settings,
            request_id,
            decision_time: request_id.saturating_add(parameters.decision_timeout()),
            snapshot,
        }
    }

    /// The restrictions of a synchronizer never change.
    fn verifier(&mut self, topology: &TopologyState) -> SignatureVerifier {
        let (psid, restrictions) = (&self.psid, *topology.crypto_restrictions());
        let make = || SignatureVerifier::new(psid.logical().clone(), psid.protocol_version(), restrictions);
        self.verifier.get_or_insert_with(make).clone()
    }
}

/// A request that came now.
struct Arrived {
    request: Arc<ConfirmationRequest>,
    recipients: Recipients,
    root_hashes: Vec<AddressedRootHash>,
    has_topology: bool,
    parameters: DynamicSynchronizerParameters,
    /// The topology at its time.
    snapshot: Snapshot,
}
