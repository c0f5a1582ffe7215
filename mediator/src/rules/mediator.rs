//! The rules as a whole: an event in, what follows from it out (chapter 04 §3.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_crypto::SignatureVerifier;
use synod_topology::{DynamicSynchronizerParameters, Snapshot, TopologyState};
use synod_types::{CantonTimestamp, MediatorId, ParticipantId, PhysicalSynchronizerId};
use synod_wire::{Batch, SequencedEvent, SequencedEventContent};

use super::alarm::{Alarm, AlarmKind};
use super::deduplication::{Deduplication, DeduplicationEntry};
use super::known::{KnownRequest, LastDecided};
use super::opening::{MediatorEvent, Opened, ReceivedRequest, SignedResponses};
use super::output::{FinalizedRequest, Outcome};
use super::responses::Arrival;
use super::settings::RulesSettings;
use super::submissions::Sender;
use super::validation::{Candidate, Refusal};
use super::{ConfirmationRequest, ResponseAggregation, jvm_order, status};
use crate::messages::Verdict;

/// The mediator, as a function of the events that it receives. No input or output, no clock: the same events give the same
/// outcomes, wherever it is restarted in between.
///
/// It keeps the requests that are not decided, those whose time for responses is not over yet, and the ids of the requests
/// of the deduplication window.
#[derive(Debug, Clone)]
pub struct MediatorRules {
    psid: PhysicalSynchronizerId,
    mediator: MediatorId,
    settings: RulesSettings,
    verifier: Option<SignatureVerifier>,
    deduplication: Deduplication,
    /// Requests until the time for responses is over, decided ones too: late responses are judged, although they change
    /// nothing.
    requests: BTreeMap<CantonTimestamp, KnownRequest>,
    last_decided: LastDecided,
    /// Of each request when the time for responses is over.
    deadlines: BTreeSet<(CantonTimestamp, CantonTimestamp)>,
    /// The requests that are not decided, by their deadlines and by their times.
    pending: BTreeSet<CantonTimestamp>,
    pending_deadlines: BTreeSet<(CantonTimestamp, CantonTimestamp)>,
    /// Time of the first event. What was before is not known.
    beginning: Option<CantonTimestamp>,
}

/// The event at hand.
struct Now<'a> {
    time: CantonTimestamp,
    topology_timestamp: Option<CantonTimestamp>,
    topology: &'a TopologyState,
}

/// The times that follow from the parameters at the time of a request.
#[derive(Debug, Clone, Copy)]
struct Deadlines {
    response: CantonTimestamp,
    decision: CantonTimestamp,
}

impl Deadlines {
    fn of(request_id: CantonTimestamp, parameters: &DynamicSynchronizerParameters) -> Self {
        let response = request_id.saturating_add(parameters.confirmation_response_timeout);
        Self { response, decision: response.saturating_add(parameters.mediator_reaction_timeout) }
    }
}

impl MediatorRules {
    /// A mediator of a synchronizer, before its first event.
    #[must_use]
    pub fn new(psid: PhysicalSynchronizerId, mediator: MediatorId, settings: impl Into<RulesSettings>) -> Self {
        Self {
            psid,
            mediator,
            settings: settings.into(),
            verifier: None,
            deduplication: Deduplication::default(),
            requests: BTreeMap::new(),
            last_decided: LastDecided::default(),
            deadlines: BTreeSet::new(),
            pending: BTreeSet::new(),
            pending_deadlines: BTreeSet::new(),
            beginning: None,
        }
    }

    /// Takes up ids that were used before the first event that is handled. Those that are over do no harm.
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

    /// The next time after which a pending request is decided without further responses. An event at a later time has to
    /// come: one at this very time does not do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<CantonTimestamp> {
        self.pending_deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Handles the next event of the mediator. `topology` has taken it up already; it answers for all times from the
    /// oldest pending request on.
    pub fn handle(&mut self, event: &SequencedEvent, topology: &TopologyState) -> Outcome {
        let now = Now { time: event.timestamp, topology_timestamp: event.topology_timestamp, topology };
        self.beginning.get_or_insert(now.time);
        let mut outcome = Outcome::at(now.time);
        self.time_out(&now, &mut outcome);
        self.deduplication.forget_before(now.time);
        if let SequencedEventContent::Deliver { batch } = &event.content
            && !batch.is_empty()
        {
            self.handle_batch(batch, &now, &mut outcome);
        }
        outcome
    }

    fn handle_batch(&mut self, batch: &Batch, now: &Now<'_>, outcome: &mut Outcome) {
        let psid = self.psid.clone();
        let opened = Opened::read(batch, &psid);
        if !opened.told_of_unreadable().is_empty() {
            let snapshot = now.topology.snapshot(now.time);
            if let Some(parameters) = snapshot.parameters() {
                let sender = self.sender(now.time, Deadlines::of(now.time, parameters).decision, &snapshot);
                outcome.submissions.extend(sender.reject(opened.told_of_unreadable(), &status::malformed()));
            }
        }
        match opened.classify(&mut outcome.alarms) {
            MediatorEvent::Request(received) => self.handle_request(&received, now, outcome),
            MediatorEvent::Responses(responses) => {
                for signed in responses {
                    let arrival = Arrival {
                        signed: &signed,
                        time: now.time,
                        topology_timestamp: now.topology_timestamp,
                        version: self.psid.protocol_version(),
                    };
                    if let Err(alarm) = self.handle_responses(&arrival, now, outcome) {
                        outcome.alarms.push(alarm);
                    }
                }
            }
            MediatorEvent::Nothing => {}
        }
    }

    fn handle_request(&mut self, received: &ReceivedRequest<'_>, now: &Now<'_>, outcome: &mut Outcome) {
        let snapshot = now.topology.snapshot(now.time);
        let Some(parameters) = snapshot.parameters() else {
            outcome.alarms.push(Alarm::new(AlarmKind::MalformedMessage, "a request before there are parameters"));
            return;
        };
        let deadlines = Deadlines::of(now.time, parameters);
        let entry = DeduplicationEntry {
            uuid: *received.request.uuid(),
            request_time: now.time,
            expire_after: now.time.saturating_add(parameters.mediator_deduplication_timeout),
        };
        if let Err(expire_after) = self.deduplication.add(&entry) {
            let cause = format!("request {} has the id {} of one before it", now.time, entry.uuid);
            outcome.alarms.push(Alarm::new(AlarmKind::Duplicate, cause));
            let verdict = status::duplicate(&entry.uuid, expire_after);
            self.reject(received, verdict, (deadlines, &snapshot), outcome);
            return;
        }
        outcome.deduplicated.push(entry);
        let verifier = self.verifier(now.topology);
        let candidate = Candidate {
            request_id: now.time,
            received,
            mediator: &self.mediator,
            verifier: &verifier,
            topology: now.topology,
            topology_change_warn_delay: self.settings.topology_change_warn_delay,
        };
        match candidate.validate(&mut outcome.alarms) {
            Ok(hosting) => {
                let request = Arc::clone(&received.request);
                let aggregation = ResponseAggregation::new(request, now.time, &snapshot);
                let participants = jvm_order::set_order(hosting.participants.into_iter().collect());
                self.know(&received.request, (now.time, deadlines), Some(aggregation), participants);
                self.pending.insert(now.time);
                self.pending_deadlines.insert((deadlines.response, now.time));
                outcome.opened += 1;
            }
            Err(Refusal::NotMine) => {}
            Err(Refusal::Reject(verdict)) => self.reject(received, verdict, (deadlines, &snapshot), outcome),
        }
    }

    fn know(
        &mut self,
        request: &Arc<ConfirmationRequest>,
        (request_id, deadlines): (CantonTimestamp, Deadlines),
        aggregation: Option<ResponseAggregation>,
        participants: Vec<ParticipantId>,
    ) {
        let known = KnownRequest {
            bytes: request.bytes().clone(),
            mediator_group: request.mediator_group(),
            aggregation,
            deadline: deadlines.response,
            decision_time: deadlines.decision,
            participants,
            first_response: None,
        };
        self.requests.insert(request_id, known);
        self.deadlines.insert((deadlines.response, request_id));
    }

    /// A request that never becomes pending. Responses to it are not unexpected.
    fn reject(
        &mut self,
        received: &ReceivedRequest<'_>,
        verdict: Verdict,
        (deadlines, snapshot): (Deadlines, &Snapshot),
        outcome: &mut Outcome,
    ) {
        let request_id = outcome.time;
        let sender = self.sender(request_id, deadlines.decision, snapshot);
        outcome.submissions.extend(sender.reject(&received.root_hashes, &verdict));
        self.know(&received.request, (request_id, deadlines), None, Vec::new());
        outcome.finalized.push(FinalizedRequest {
            request_id,
            request: received.request.bytes().clone(),
            finalization_time: request_id,
            verdict,
        });
    }

    /// Handles the responses of one message.
    ///
    /// # Errors
    /// An alarm when none of them counts.
    fn handle_responses(&mut self, arrival: &Arrival<'_>, now: &Now<'_>, outcome: &mut Outcome) -> Result<(), Alarm> {
        arrival.check_envelope()?;
        let SignedResponses { responses, .. } = arrival.signed;
        let (request_id, sender) = (responses.request_id, &responses.sender);
        let snapshot = now.topology.snapshot(request_id);
        let Some(parameters) = snapshot.parameters() else {
            return Err(arrival.alarm(AlarmKind::MalformedMessage, "there were no parameters then"));
        };
        arrival.check_signatures(&self.verifier(now.topology), &snapshot)?;
        arrival.check_deadline(Deadlines::of(request_id, parameters).response)?;
        arrival.check_topology_timestamp()?;
        let Some(known) = self.requests.get_mut(&request_id) else {
            return Err(match self.beginning {
                Some(beginning) if request_id < beginning => {
                    arrival.alarm(AlarmKind::Late, "the request is from before the first event")
                }
                _ => arrival.unknown(&self.mediator, &snapshot),
            });
        };
        arrival.check_recipients(known.mediator_group)?;
        let first = *known.first_response.get_or_insert(now.time);
        outcome.response_latencies.push((sender.clone(), now.time.micros_since(first)));
        let is_pending = self.pending.contains(&request_id);
        let is_set_aside = known.aggregation.is_none();
        let Some(aggregation) = known.aggregation(request_id, &snapshot) else { return Ok(()) };
        // Of all responses without a position the views are the same.
        let mut everywhere = None;
        for response in &responses.responses {
            let cover = || aggregation.covered(&responses.root_hash, sender, response).map(Arc::new);
            let covered = match response.view_position {
                None => everywhere.get_or_insert_with(cover).clone(),
                Some(_) => cover(),
            };
            let views = match covered {
                Ok(views) if is_pending => views,
                Ok(_) => continue,
                Err(discarded) => {
                    outcome.alarms.push(arrival.alarm(AlarmKind::MalformedMessage, discarded));
                    continue;
                }
            };
            for (view, parties) in views.iter() {
                let applied = aggregation.respond(now.time, sender, *view, parties, &response.verdict);
                outcome.alarms.extend(applied.equivocations.into_iter().map(|found| {
                    let (party, view) = (&found.party, found.view.index());
                    let what = format!("view {view}: for {party} it was {:?} before", found.before);
                    arrival.alarm(AlarmKind::Equivocation, what)
                }));
            }
        }
        if is_set_aside {
            self.last_decided.add(request_id, &mut self.requests);
        }
        self.finish(request_id, &snapshot, outcome);
        Ok(())
    }

    /// Decides all pending requests whose time is over, and forgets the others.
    fn time_out(&mut self, now: &Now<'_>, outcome: &mut Outcome) {
        while let Some((deadline, request_id)) = self.deadlines.first().copied().filter(|(end, _)| *end < now.time) {
            if self.pending.contains(&request_id)
                && let Some(aggregation) =
                    self.requests.get_mut(&request_id).and_then(|known| known.aggregation.as_mut())
            {
                let unresponsive = aggregation.time_out(deadline).into_iter();
                outcome.unresponsive.extend(unresponsive.map(|found| (found.party, found.participant)));
                self.finish(request_id, &now.topology.snapshot(request_id), outcome);
            }
            self.deadlines.remove(&(deadline, request_id));
            self.requests.remove(&request_id);
        }
    }

    /// Says the verdict of a pending request, if there is one now.
    fn finish(&mut self, request_id: CantonTimestamp, snapshot: &Snapshot, outcome: &mut Outcome) {
        let Some(known) = self.requests.get_mut(&request_id).filter(|_| self.pending.contains(&request_id)) else {
            return;
        };
        let Some(aggregation) = &known.aggregation else { return };
        let Some(finalized) = aggregation.finalized() else { return };
        let (finalization_time, verdict) = (finalized.at, finalized.verdict.clone());
        let request = Arc::clone(aggregation.request());
        let (deadline, decision_time) = (known.deadline, known.decision_time);
        let participants = std::mem::take(&mut known.participants);
        self.pending.remove(&request_id);
        self.pending_deadlines.remove(&(deadline, request_id));
        let sender = self.sender(request_id, decision_time, snapshot);
        let about = (request.view_type(), *request.root_hash());
        outcome.submissions.extend(sender.verdict(about, verdict.clone(), request.mediator_group(), participants));
        outcome.finalized.push(FinalizedRequest {
            request_id,
            request: request.bytes().clone(),
            finalization_time,
            verdict,
        });
        self.last_decided.add(request_id, &mut self.requests);
    }

    const fn sender<'a>(
        &'a self,
        request_id: CantonTimestamp,
        decision_time: CantonTimestamp,
        snapshot: &'a Snapshot,
    ) -> Sender<'a> {
        Sender {
            psid: &self.psid,
            mediator: &self.mediator,
            settings: &self.settings.sending,
            request_id,
            decision_time,
            snapshot,
        }
    }

    /// What a synchronizer allows never changes.
    fn verifier(&mut self, topology: &TopologyState) -> SignatureVerifier {
        let (psid, restrictions) = (&self.psid, *topology.crypto_restrictions());
        let make = || SignatureVerifier::new(psid.logical().clone(), psid.protocol_version(), restrictions);
        self.verifier.get_or_insert_with(make).clone()
    }
}
