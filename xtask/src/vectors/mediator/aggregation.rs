//! `mediator_aggregation.jsonl.gz`: requests with the votes on them, until a verdict or the deadline. Traces of both
//! protocol versions are compared alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use synod_mediator::messages::{ConfirmationResponses, LfParty, LocalVerdict, LocalVerdictCode, Verdict};
use synod_mediator::rules::{
    ConfirmationRequest, ConfirmingHosts, NotApproved, PartyVotes, PendingQuorum, ResponseAggregation, ViewState,
};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, ParticipantId};

use super::super::input::Input;
use super::{same_hash, text_of, time, version};

/// The name of the verdict that was given; the response has it.
pub(in super::super) const NOT_COMPARED: &[&str] = &["trace.steps[].verdict"];

/// The hosting of the parties.
type Hosting = BTreeMap<String, ConfirmingHosts>;

/// The lines that say who hosts the parties of the traces after them.
pub(in super::super) fn is_context(case: &Case) -> bool {
    case.kind() == "setup"
}

/// Compares the file.
pub(in super::super) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut setups: BTreeMap<Option<i64>, Result<Hosting, String>> = BTreeMap::new();
    for case in input.by_ref() {
        if is_context(&case) {
            setups.insert(case.protocol_version(), hosting(&case));
            continue;
        }
        let result = match setups.get(&case.protocol_version()) {
            Some(Ok(hosting)) if case.kind() == "trace" => trace(&case, hosting),
            Some(Ok(_)) => Err(format!("unknown kind {}", case.kind())),
            Some(Err(reason)) => Err(format!("setup: {reason}")),
            None => Err("there is no setup before it".to_owned()),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

fn hosting(setup: &Case) -> Result<Hosting, String> {
    let mut parties = Hosting::new();
    for party in setup.list("parties")? {
        let mut participants = BTreeSet::new();
        for host in fields::list(party, "hosts")? {
            match fields::text(host, "permission")? {
                "S" | "C" => participants.insert(participant(fields::text(host, "participant")?)?),
                "O" => continue,
                other => return Err(format!("unknown permission {other}")),
            };
        }
        let threshold = u32::try_from(fields::integer(party, "threshold")?).map_err(text_of)?;
        let name = fields::text(party, "party")?.to_owned();
        parties.insert(name, ConfirmingHosts { threshold, participants });
    }
    Ok(parties)
}

fn participant(text: &str) -> Result<ParticipantId, String> {
    ParticipantId::parse(text).map_err(text_of)
}

fn trace(case: &Case, hosting: &Hosting) -> Result<(), String> {
    let request = ConfirmationRequest::parse(&case.bytes("request")?, version(case)?).map_err(text_of)?;
    let request = Arc::new(request.ok_or("the content is no request")?);
    same_hash(&case.value, "root_hash", request.root_hash())?;
    let request_id = time(case, "request_id")?;
    let unknown = ConfirmingHosts { threshold: 1, participants: BTreeSet::new() };
    let hosts = |party: &LfParty| hosting.get(party.as_str()).unwrap_or(&unknown).clone();
    let mut aggregation = ResponseAggregation::with_hosts(request, request_id, hosts);
    state(fields::value(&case.value, "initial_state")?, &aggregation).map_err(at("initial_state"))?;
    for (number, expected) in case.list("steps")?.iter().enumerate() {
        step(expected, &mut aggregation).map_err(at(&format!("step {number}")))?;
    }
    let is_final = aggregation.finalized().is_some();
    let before = aggregation.clone();
    aggregation.time_out(time(case, "response_timeout")?);
    match fields::optional(&case.value, "state_after_timeout") {
        Some(expected) if !is_final => state(expected, &aggregation).map_err(at("state_after_timeout")),
        None if is_final => fields::same("verdict after timeout", &before.finalized(), &aggregation.finalized()),
        _ => Err("the deadline decides what had been decided, or does not decide".to_owned()),
    }
}

fn at(place: &str) -> impl FnOnce(String) -> String {
    move |reason| format!("{place}: {reason}")
}

fn step(expected: &Value, aggregation: &mut ResponseAggregation) -> Result<(), String> {
    let responses = ConfirmationResponses::parse(&fields::bytes(expected, "responses_bytes")?).map_err(text_of)?;
    fields::same("sender", &participant(fields::text(expected, "sender")?)?, &responses.sender)?;
    let [response] = responses.responses.as_slice() else { return Err("there is more than one response".to_owned()) };
    same_parties(expected, &response.confirming_parties)?;
    let position = response.view_position.as_ref().map(|position| position.to_proto_bytes());
    fields::same("position", &fields::optional_bytes(expected, "position")?, &position)?;
    let time = CantonTimestamp::from_micros(fields::integer(expected, "timestamp")?).map_err(text_of)?;
    let answered = aggregation.answer(time, &responses);
    fields::same("outcome", &fields::text(expected, "outcome")?, &if answered.applied { "some" } else { "none" })?;
    // Canton takes the time of a response for a part of the state.
    fields::same("changed", &fields::boolean(expected, "changed")?, &answered.applied)?;
    match fields::optional(expected, "state") {
        Some(expected) => state(expected, aggregation).map_err(at("state")),
        None => fields::same("state is the same", &answered.applied, &false),
    }
}

fn state(expected: &Value, found: &ResponseAggregation) -> Result<(), String> {
    fields::same("version", &fields::integer(expected, "version")?, &found.version().as_micros())?;
    fields::same("finalized", &fields::boolean(expected, "finalized")?, &found.finalized().is_some())?;
    let Some(verdict) = found.finalized() else { return views(expected, found) };
    fields::same("time of the verdict", &found.version(), &verdict.at)?;
    let class = match verdict.verdict {
        Verdict::Approve => "MediatorApprove",
        Verdict::ParticipantReject { .. } => "ParticipantReject",
        Verdict::MediatorReject { .. } => "MediatorReject",
    };
    fields::same("verdict_class", &fields::text(expected, "verdict_class")?, &class)?;
    let bytes = fields::bytes(expected, "verdict_bytes")?;
    fields::same_bytes("verdict_bytes", &bytes, &verdict.verdict.to_versioned_bytes())
}

fn views(expected: &Value, found: &ResponseAggregation) -> Result<(), String> {
    let request = found.request();
    let numbers = request.views().iter().map(|view| request.position(view.number()).to_proto_bytes());
    // The vectors list them by the bytes of their position.
    let sorted: BTreeMap<_, _> = numbers.zip(found.views()).collect();
    let expected = fields::list(expected, "views")?;
    fields::same("number of views", &expected.len(), &sorted.len())?;
    for (expected, (position, found)) in expected.iter().zip(sorted) {
        let name = fields::text(expected, "position")?;
        fields::same_bytes("position", &fields::bytes(expected, "position")?, &position)?;
        view(expected, found).map_err(at(&format!("view {name}")))?;
    }
    Ok(())
}

fn view(expected: &Value, found: &ViewState) -> Result<(), String> {
    let quorums = fields::list(expected, "quorums")?;
    fields::same("number of quorums", &quorums.len(), &found.quorums().len())?;
    quorums.iter().zip(found.quorums()).try_for_each(|(expected, found)| quorum(expected, found))?;
    let parties = fields::value(expected, "consortium")?.as_object().ok_or("consortium is no object")?;
    let names: BTreeSet<&str> = parties.keys().map(String::as_str).collect();
    fields::same("confirmers", &names, &found.votes().keys().map(LfParty::as_str).collect())?;
    for (party, found) in found.votes() {
        votes(&parties[party.as_str()], found).map_err(at(&format!("votes for {party}")))?;
    }
    let rejections = fields::list(expected, "rejections_newest_first")?;
    fields::same("number of rejections", &rejections.len(), &found.not_approved().len())?;
    let newest_first = found.not_approved().iter().rev();
    rejections.iter().zip(newest_first).try_for_each(|(expected, found)| rejection(expected, found))
}

fn quorum(expected: &Value, found: &PendingQuorum) -> Result<(), String> {
    let confirmers = fields::value(expected, "confirmers")?.as_object().ok_or("confirmers are no object")?;
    let confirmers = confirmers.iter().map(|(party, weight)| Ok((party.as_str(), fields::as_integer(weight)?)));
    let confirmers = confirmers.collect::<Result<BTreeMap<_, _>, String>>()?;
    let weights = found.confirmers.iter().map(|(party, weight)| (party.as_str(), i64::from(*weight))).collect();
    fields::same("confirmers", &confirmers, &weights)?;
    fields::same("threshold", &fields::integer(expected, "threshold")?, &found.threshold.into())
}

fn votes(expected: &Value, found: &PartyVotes) -> Result<(), String> {
    let names = |participants: &mut dyn Iterator<Item = &ParticipantId>| -> Vec<String> {
        participants.map(|participant| participant.member().to_string()).collect()
    };
    let as_set = |field: &str, found: &BTreeSet<ParticipantId>| {
        let expected: BTreeSet<String> = fields::texts(expected, field)?.into_iter().map(str::to_owned).collect();
        fields::same(field, &expected, &names(&mut found.iter()).into_iter().collect())
    };
    fields::same("threshold", &fields::integer(expected, "threshold")?, &found.hosts().threshold.into())?;
    as_set("hosting", &found.hosts().participants)?;
    as_set("approvals", found.approvals())?;
    as_set("abstains", found.abstentions())?;
    let rejections = fields::texts(expected, "rejections_newest_first")?;
    let newest_first = names(&mut found.rejections().iter().rev().map(|(participant, _)| participant));
    fields::same("rejections", &rejections, &newest_first.iter().map(String::as_str).collect())?;
    fields::same("approved", &fields::boolean(expected, "approved")?, &found.is_approved())?;
    fields::same("rejected", &fields::boolean(expected, "rejected")?, &found.is_rejected())
}

fn rejection(expected: &Value, found: &NotApproved) -> Result<(), String> {
    same_parties(expected, &found.parties)?;
    let name = found.participant.member().to_string();
    fields::same("participant", &fields::text(expected, "participant")?, &name.as_str())?;
    fields::same("kind", &fields::text(expected, "kind")?, &kind(&found.verdict))?;
    let bytes = fields::bytes(expected, "local_verdict_proto")?;
    fields::same_bytes("local_verdict_proto", &bytes, &found.verdict.to_proto_bytes())
}

/// The vectors list them in an order of their own. That of the JVM is in the bytes of the verdicts.
fn same_parties(expected: &Value, found: &[LfParty]) -> Result<(), String> {
    let expected: BTreeSet<&str> = fields::texts(expected, "parties")?.into_iter().collect();
    fields::same("parties", &expected, &found.iter().map(LfParty::as_str).collect())?;
    fields::same("number of parties", &expected.len(), &found.len())
}

/// The class of the verdict on the JVM.
fn kind(verdict: &LocalVerdict) -> &'static str {
    match verdict.code() {
        LocalVerdictCode::Approve => "LocalApprove",
        LocalVerdictCode::Reject | LocalVerdictCode::Malformed => "LocalReject",
        LocalVerdictCode::Abstain => "LocalAbstain",
    }
}
