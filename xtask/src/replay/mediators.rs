//! The recorded mediators: what the rules make of the events that each received, against what it stored and sent.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use synod_mediator::messages::{MediatorMessage, RequestUuid};
use synod_mediator::rules::{
    DeduplicationEntry, MediatorRules, Outcome, RulesSettings, SendDecision, VerdictSubmission,
};
use synod_proto::sequencer::api::v30::SendAsyncRequest;
use synod_testkit::recordings::Recording;
use synod_testkit::{Tally, fields};
use synod_topology::broadcast::{check_broadcast, parse_transactions};
use synod_topology::{StaticSynchronizerParameters, TopologyState, init_state};
use synod_types::{CantonTimestamp, MediatorId, Member, Recipient};
use synod_wire::{
    EnvelopeContent, Recipients, SequencedEvent, SequencedEventContent, SignedContent, SubmissionRequest,
};

use super::delivery;
use super::feed::{Replayed, chain, time};
use super::node::Node;

const VERDICTS: &str = "verdicts";
const SUBMISSIONS: &str = "verdict submissions";
const DEDUPLICATION: &str = "deduplication";

/// What a mediator received, each event with the topology that follows from it.
pub(super) struct Received {
    pub(super) mediator: MediatorId,
    pub(super) events: Vec<(SequencedEvent, TopologyState)>,
}

impl Received {
    /// All events that the replay gives to a mediator, on the topology that it started with.
    pub(super) fn of(replayed: &Replayed, member: &Member) -> Result<Self, String> {
        let registration = replayed.members.iter().find(|registration| registration.member == *member);
        let registration = registration.ok_or_else(|| format!("{member} is not registered"))?;
        let mut topology = Topology::start(replayed, member)?;
        let mut events = Vec::new();
        for bytes in delivery::stream(replayed, registration, false)?.into_values() {
            let event = SequencedEvent::parse(&bytes, replayed.state.protocol_version(), usize::MAX)
                .map_err(|error| chain(&error))?;
            topology.observe(&event);
            events.push((event, topology.state.clone()));
        }
        let mediator = MediatorId::try_from(member.clone()).map_err(|error| error.to_string())?;
        Ok(Self { mediator, events })
    }

    /// Rules that have seen nothing.
    pub(super) fn rules(&self) -> Option<MediatorRules> {
        let (event, _) = self.events.first()?;
        Some(MediatorRules::new(event.psid.clone(), self.mediator.clone(), RulesSettings::default()))
    }

    /// What the rules make of all events.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let Some(mut rules) = self.rules() else { return Vec::new() };
        self.events.iter().map(|(event, topology)| rules.handle(event, topology)).collect()
    }
}

/// The topology as a member follows it.
struct Topology {
    state: TopologyState,
    applied_until: CantonTimestamp,
}

impl Topology {
    fn start(replayed: &Replayed, member: &Member) -> Result<Self, String> {
        let checkpoint = &replayed.start.checkpoint;
        let parameters =
            StaticSynchronizerParameters::parse(&checkpoint.static_parameters).map_err(|error| chain(&error))?;
        let applied_until =
            init_state::reference_time(replayed.state.topology(), member, None).map_err(|error| chain(&error))?;
        let mut state = TopologyState::new(checkpoint.psid.clone(), &parameters);
        let rows = init_state::select(replayed.topology.iter().cloned(), applied_until);
        state.load(rows).map_err(|error| chain(&error))?;
        Ok(Self { state, applied_until })
    }

    fn observe(&mut self, event: &SequencedEvent) {
        let SequencedEventContent::Deliver { batch } = &event.content else { return };
        if event.timestamp <= self.applied_until {
            return;
        }
        let psid = self.state.psid().clone();
        let mut transactions = Vec::new();
        for (index, recipients) in batch.recipients().iter().enumerate() {
            let Ok(envelope) = batch.open_envelope(index, usize::MAX) else { continue };
            let Ok(EnvelopeContent::TopologyBroadcast(broadcast)) =
                EnvelopeContent::parse(&envelope.content, psid.protocol_version())
            else {
                continue;
            };
            let counts = check_broadcast(&psid, &broadcast.psid, recipients.iter(), event.topology_timestamp).is_ok();
            let parsed = parse_transactions(&broadcast.transactions, psid.protocol_version());
            if let Some(parsed) = parsed.ok().filter(|_| counts && envelope.signatures.is_empty()) {
                transactions.extend(parsed);
            }
        }
        if !transactions.is_empty() {
            let effective = event.timestamp.saturating_add(self.state.static_parameters().topology_change_delay);
            self.state.apply(event.timestamp, effective, transactions, false);
        }
    }
}

/// Compares what a mediator decided, kept and sent.
pub(super) fn compare(
    (node, replayed): (&Node<'_>, &Replayed),
    (name, member): (&str, &Member),
    tally: &mut Tally,
) -> Result<(), String> {
    let received = Received::of(replayed, member)?;
    let outcomes = received.outcomes();
    verdicts(node.recording, name, &outcomes, tally)?;
    deduplication(node.recording, name, &outcomes, tally)?;
    submissions((node.recording, replayed), member, &outcomes, tally)
}

fn verdicts(recording: &Recording, name: &str, outcomes: &[Outcome], tally: &mut Tally) -> Result<(), String> {
    let finalized = outcomes.iter().flat_map(|outcome| &outcome.finalized);
    let mut left: BTreeMap<CantonTimestamp, _> = finalized.map(|found| (found.request_id, found)).collect();
    let rows = recording.table(name, "med_response_aggregations").map_err(|error| chain(&error))?;
    for row in rows {
        let request_id = time(fields::integer(&row, "request_id")?)?;
        let result = left.remove(&request_id).ok_or_else(|| "there is no verdict".to_owned()).and_then(|found| {
            let at = fields::integer(&row, "finalization_time")?;
            fields::same("finalization_time", &at, &found.finalization_time.as_micros())?;
            fields::same_bytes("request", &fields::bytes(&row, "mediator_confirmation_request")?, &found.request)?;
            fields::same_bytes("verdict", &fields::bytes(&row, "verdict")?, &found.verdict.to_versioned_bytes())
        });
        tally.case(VERDICTS, format!("{name} {request_id}"), result);
    }
    for request_id in left.into_keys() {
        tally.case(VERDICTS, format!("{name} {request_id}"), Err("was not recorded".to_owned()));
    }
    Ok(())
}

fn deduplication(recording: &Recording, name: &str, outcomes: &[Outcome], tally: &mut Tally) -> Result<(), String> {
    let key = |entry: &DeduplicationEntry| (entry.request_time, entry.uuid);
    let entries = outcomes.iter().flat_map(|outcome| &outcome.deduplicated);
    let mut left: BTreeMap<_, _> = entries.map(|entry| (key(entry), *entry)).collect();
    for row in recording.table(name, "mediator_deduplication_store").map_err(|error| chain(&error))? {
        let uuid = RequestUuid::parse(fields::text(&row, "uuid")?).map_err(|error| chain(&error))?;
        let request_time = time(fields::integer(&row, "request_time")?)?;
        let expire_after = time(fields::integer(&row, "expire_after")?)?;
        let expected = DeduplicationEntry { uuid, request_time, expire_after };
        let found = left.remove(&key(&expected)).ok_or_else(|| "there is no such entry".to_owned());
        let result = found.and_then(|found| fields::same("entry", &expected, &found));
        tally.case(DEDUPLICATION, format!("{name} {uuid}"), result);
    }
    for (request_time, uuid) in left.into_keys() {
        let label = format!("{name} {uuid} of {request_time}");
        tally.case(DEDUPLICATION, label, Err("was not recorded".to_owned()));
    }
    Ok(())
}

/// All results that the mediator sent, against those that the rules send. The same one may be sent to several sequencers.
fn submissions(
    (recording, replayed): (&Recording, &Replayed),
    member: &Member,
    outcomes: &[Outcome],
    tally: &mut Tally,
) -> Result<(), String> {
    let submissions = outcomes.iter().flat_map(|outcome| &outcome.submissions);
    let mut expected: BTreeMap<CantonTimestamp, Vec<&VerdictSubmission>> = BTreeMap::new();
    for submission in submissions.filter(|submission| submission.send != SendDecision::Never) {
        expected.entry(submission.request_id).or_default().push(submission);
    }
    let mut sent = BTreeSet::new();
    for (label, request) in sent_by(recording, replayed, member)? {
        let result = result_id(&request).and_then(|request_id| {
            let Some(request_id) = request_id else { return Ok(()) };
            sent.insert(request_id);
            let candidates = expected.get(&request_id).map(Vec::as_slice).unwrap_or_default();
            let mut result = Err(format!("nothing is sent for {request_id}"));
            for submission in candidates {
                result = same_submission(submission, &request);
                if result.is_ok() {
                    break;
                }
            }
            result
        });
        tally.case(SUBMISSIONS, label, result);
    }
    for request_id in expected.into_keys().filter(|request_id| !sent.contains(request_id)) {
        tally.case(SUBMISSIONS, format!("{member} {request_id}"), Err("was not sent".to_owned()));
    }
    Ok(())
}

/// What the mediator sent, except for requests without a result, such as those for the time.
fn sent_by(
    recording: &Recording,
    replayed: &Replayed,
    member: &Member,
) -> Result<Vec<(String, SubmissionRequest)>, String> {
    let mut sent = Vec::new();
    for connection in recording.connections().into_iter().filter(|name| name.starts_with("mediators-")) {
        for call in recording.calls(connection).map_err(|error| chain(&error))? {
            if call.method_name() != "SendAsync" {
                continue;
            }
            let bytes =
                call.requests.first().and_then(|message| message.bytes.clone()).ok_or("a request is missing")?;
            let request = SendAsyncRequest::decode(bytes).map_err(|error| error.to_string())?;
            let signed = SignedContent::parse(&request.signed_submission_request).map_err(|error| chain(&error))?;
            let request = SubmissionRequest::parse(&signed.content, replayed.state.protocol_version(), usize::MAX)
                .map_err(|error| chain(&error))?;
            if request.sender == *member && result_id(&request)?.is_some() {
                sent.push((format!("{connection} call {}", call.rpc), request));
            }
        }
    }
    Ok(sent)
}

fn only_envelope(request: &SubmissionRequest) -> Result<Option<synod_wire::Envelope>, String> {
    match request.batch.len() {
        1 => request.batch.open_envelope(0, usize::MAX).map(Some).map_err(|error| chain(&error)),
        _ => Ok(None),
    }
}

/// The request that a submission says the result of.
fn result_id(request: &SubmissionRequest) -> Result<Option<CantonTimestamp>, String> {
    let Some(envelope) = only_envelope(request)?.filter(|envelope| !envelope.signatures.is_empty()) else {
        return Ok(None);
    };
    match MediatorMessage::parse(&envelope.content).map_err(|error| chain(&error))? {
        MediatorMessage::ConfirmationResult(result) => Ok(Some(result.request_id)),
        MediatorMessage::ConfirmationResponses(_) | MediatorMessage::Other => Ok(None),
    }
}

fn same_submission(found: &VerdictSubmission, request: &SubmissionRequest) -> Result<(), String> {
    let envelope = only_envelope(request)?.ok_or("there is no envelope")?;
    let content: Bytes = found.result.to_typed_content(found.result.psid.protocol_version());
    fields::same_bytes("content", &envelope.content, &content)?;
    let trees =
        found.recipients.iter().map(|participant| (0, BTreeSet::from([Recipient::Member(participant.member())])));
    let recipients = Recipients::from_preorder(trees).ok_or("there is nobody to send to")?;
    fields::same("recipients", &request.batch.recipients(), &&[recipients][..])?;
    fields::same("aggregation rule", &request.aggregation_rule, &found.aggregation_rule)?;
    fields::same("max_sequencing_time", &request.max_sequencing_time, &found.max_sequencing_time)?;
    fields::same("topology_timestamp", &request.topology_timestamp, &found.topology_timestamp)?;
    let signed_by = envelope.signatures.iter().map(|signature| signature.authorizing_key().clone());
    let foreign: Vec<_> = signed_by.filter(|key| !found.signing_keys.contains(key)).collect();
    fields::same("keys of others that signed", &Vec::new(), &foreign)
}
