//! Responses: which ones count.

use synod_crypto::{Hash, HashPurpose};
use synod_mediator::build::{BuiltRequest, Response, approve, confirmation_responses};
use synod_mediator::messages::{LocalVerdictCode, MerkleSeqIndex, Verdict, ViewPosition};
use synod_mediator::rules::{AlarmKind, Outcome};
use synod_proto::google::rpc::Status;
use synod_testkit::requests::session_signature;
use synod_topology::mapping::ParticipantPermission;
use synod_types::CantonTimestamp;
use synod_wire::{Envelope, Recipients, SequencedEvent};

use crate::bed::*;
use crate::expected::{assert_silent, kinds};
use crate::requests::other_psid;

/// The response of `p2` for `bob`, in all that can be wrong with it.
struct Answer {
    time: i64,
    request_id: i64,
    root_hash: Hash,
    sender: &'static str,
    signers: &'static [&'static str],
    psid: synod_types::PhysicalSynchronizerId,
    recipients: Recipients,
    topology_timestamp: Option<CantonTimestamp>,
    responses: Vec<Response>,
}

impl Answer {
    fn event(&self, bed: &Bed) -> SequencedEvent {
        let content = confirmation_responses(
            &self.psid,
            at(self.request_id),
            &self.root_hash,
            &participant_id(self.sender),
            &self.responses,
        );
        let signers: Vec<_> = self.signers.iter().map(|name| participant(name)).collect();
        let envelope: Envelope = signed(&content, &signers.iter().collect::<Vec<_>>());
        let event = bed.event(self.time, vec![(envelope, self.recipients.clone())]);
        SequencedEvent { topology_timestamp: self.topology_timestamp, ..event }
    }
}

struct Row {
    name: &'static str,
    change: fn(&mut Answer),
    /// `None`: it counts.
    alarm: Option<AlarmKind>,
}

const fn counts(name: &'static str, change: fn(&mut Answer)) -> Row {
    Row { name, change, alarm: None }
}

const fn discarded(name: &'static str, alarm: AlarmKind, change: fn(&mut Answer)) -> Row {
    Row { name, change, alarm: Some(alarm) }
}

const ROWS: &[Row] = &[
    counts("as honest participants answer", |_| {}),
    discarded("signed by another", AlarmKind::MalformedMessage, |answer| answer.signers = &["p1"]),
    discarded("one of two signatures is another's", AlarmKind::MalformedMessage, |answer| {
        answer.signers = &["p2", "p1"];
    }),
    discarded("another synchronizer", AlarmKind::OtherSynchronizer, |answer| answer.psid = other_psid()),
    discarded("an unknown request", AlarmKind::InvalidMessage, |answer| answer.request_id = START + 1),
    discarded("an unknown request of another group", AlarmKind::NotForUs, |answer| {
        answer.request_id = START + 1;
        answer.recipients = group_of(&["MGR::1"]);
    }),
    discarded("a request from before the first event", AlarmKind::Late, |answer| answer.request_id = START - 1),
    discarded("a request of the future", AlarmKind::MalformedMessage, |answer| answer.request_id = answer.time + 1),
    discarded("recipients without the group", AlarmKind::MalformedMessage, |answer| {
        answer.recipients = group_of(&["MGR::1"]);
    }),
    counts("others among the recipients", |answer| {
        let other = participant("p1").member().to_string();
        answer.recipients = group_of(&["MGR::0", other.as_str()]);
    }),
    discarded("two groups among the recipients", AlarmKind::MalformedMessage, |answer| {
        answer.recipients = group_of(&["MGR::0", "MGR::1"]);
    }),
    counts("at the deadline", |answer| answer.time = START + DEADLINE),
    discarded("with a topology time", AlarmKind::MalformedMessage, |answer| {
        answer.topology_timestamp = Some(at(START));
    }),
    discarded("another root hash", AlarmKind::MalformedMessage, |answer| {
        answer.root_hash = Hash::digest(HashPurpose::of_id(3), b"another");
    }),
    discarded("an unknown view", AlarmKind::MalformedMessage, |answer| {
        answer.responses[0].view = Some(ViewPosition(vec![MerkleSeqIndex(vec![true])]));
    }),
    discarded("the root of a reassignment", AlarmKind::MalformedMessage, |answer| {
        answer.responses[0].view = Some(ViewPosition::default());
    }),
    discarded("a party that is no confirmer", AlarmKind::MalformedMessage, |answer| {
        answer.responses[0].parties = parties(&["bob", "carol"]);
    }),
    discarded("a party of another participant", AlarmKind::MalformedMessage, |answer| {
        answer.responses[0].parties = parties(&["bob", "alice"]);
    }),
    discarded("a host that may not confirm", AlarmKind::MalformedMessage, |answer| {
        answer.responses[0].parties = parties(&["half"]);
    }),
    discarded("a malformed position", AlarmKind::MalformedMessage, |answer| {
        answer.responses.push(malformed_response(Some(ViewPosition(vec![MerkleSeqIndex(vec![true])]))));
        answer.responses.remove(0);
    }),
];

fn malformed_response(view: Option<ViewPosition>) -> Response {
    let reason = Status { code: 3, message: "malformed".to_owned(), details: Vec::new() };
    Response { code: LocalVerdictCode::Malformed, reason, parties: Vec::new(), view }
}

fn opened() -> (Bed, BuiltRequest) {
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice", "bob", "half"])], &["p1", "p2", "p3"]);
    let built = bed.open(START, &draft);
    (bed, built)
}

fn good(bed: &Bed, built: &BuiltRequest) -> Answer {
    Answer {
        time: START + 5_000,
        request_id: START,
        root_hash: built.root_hash,
        sender: "p2",
        signers: &["p2"],
        psid: bed.psid().clone(),
        recipients: group_of(&["MGR::0"]),
        topology_timestamp: None,
        responses: vec![approve(built.positions[0].clone(), parties(&["bob"]))],
    }
}

/// The others confirm: it is approved exactly when `bob` was confirmed before.
fn others_confirm(bed: &mut Bed, built: &BuiltRequest, time: i64) -> Outcome {
    let mut last = None;
    for (delay, sender, name) in [(0, "p1", "alice"), (1, "p3", "half")] {
        let answer =
            bed.answer((START, &built.root_hash), sender, &[approve(built.positions[0].clone(), parties(&[name]))]);
        let time = (time + delay).min(START + DEADLINE);
        let outcome = bed.deliver(time, vec![answer]);
        assert_eq!(outcome.alarms, []);
        last = Some(outcome);
    }
    last.expect("two outcomes")
}

#[test]
fn responses_are_judged() {
    for row in ROWS {
        let (mut bed, built) = opened();
        let mut answer = good(&bed, &built);
        (row.change)(&mut answer);
        let event = answer.event(&bed);
        let outcome = bed.rules.handle(&event, &bed.topology);
        assert_silent(row.name, &outcome);
        let alarms: Vec<AlarmKind> = row.alarm.into_iter().collect();
        assert_eq!(kinds(&outcome.alarms), alarms, "{}: {:?}", row.name, outcome.alarms);
        let outcome = others_confirm(&mut bed, &built, answer.time + 10);
        assert_eq!(outcome.finalized.len(), usize::from(row.alarm.is_none()), "{}", row.name);
        assert_eq!(bed.rules.pending_count(), usize::from(row.alarm.is_some()), "{}", row.name);
        for finalized in &outcome.finalized {
            assert_eq!(
                (&finalized.verdict, finalized.finalization_time),
                (&Verdict::Approve, outcome.time),
                "{}",
                row.name
            );
        }
    }
}

#[test]
fn the_deadline_is_over_one_microsecond_later() {
    let (mut bed, built) = opened();
    let mut answer = good(&bed, &built);
    answer.time = START + DEADLINE + 1;
    let outcome = bed.rules.handle(&answer.event(&bed), &bed.topology);
    // The time is checked before the response is looked at.
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::Late]);
    assert_eq!(outcome.finalized.len(), 1);
    assert_eq!(outcome.finalized[0].finalization_time, at(START + DEADLINE + 1));
    assert_eq!(bed.rules.pending_count(), 0);
}

#[test]
fn a_response_that_does_not_count_leaves_its_siblings_alone() {
    let (mut bed, built) = opened();
    let mut answer = good(&bed, &built);
    let unknown = approve(ViewPosition(Vec::new()), parties(&["bob"]));
    answer.responses.insert(0, unknown);
    let outcome = bed.rules.handle(&answer.event(&bed), &bed.topology);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
    assert_eq!(others_confirm(&mut bed, &built, START + 6_000).finalized.len(), 1);
}

#[test]
fn several_messages_in_one_batch_count_in_their_order() {
    let (mut bed, built) = opened();
    let position = &built.positions[0];
    let answers = [("p1", "alice"), ("p2", "bob"), ("p3", "half")].map(|(sender, name)| {
        bed.answer((START, &built.root_hash), sender, &[approve(position.clone(), parties(&[name]))])
    });
    let outcome = bed.deliver(START + 1, answers.to_vec());
    assert_eq!(outcome.finalized[0].verdict, Verdict::Approve);
    assert_eq!(outcome.response_latencies.len(), 3);
}

#[test]
fn responses_after_the_verdict_are_still_judged() {
    let (mut bed, built) = opened();
    let answer = good(&bed, &built);
    assert_silent("first", &bed.rules.handle(&answer.event(&bed), &bed.topology));
    assert_eq!(others_confirm(&mut bed, &built, START + 6_000).finalized.len(), 1);
    let late = Answer { time: START + 7_000, ..good(&bed, &built) };
    let outcome = bed.rules.handle(&late.event(&bed), &bed.topology);
    assert_silent("after the verdict", &outcome);
    assert_eq!(outcome.alarms, []);
    let mut wrong = Answer { time: START + 8_000, ..good(&bed, &built) };
    wrong.responses[0].parties = parties(&["alice"]);
    let outcome = bed.rules.handle(&wrong.event(&bed), &bed.topology);
    assert_silent("wrong after the verdict", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
    // Once the time is over, nothing is left of it.
    let over = Answer { time: START + DEADLINE + 1, ..good(&bed, &built) };
    assert_eq!(kinds(&bed.rules.handle(&over.event(&bed), &bed.topology).alarms), [AlarmKind::Late]);
}

#[test]
fn a_party_confirms_only_the_views_that_it_is_asked_for() {
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice", "bob"]), of_all(&["alice"])], &["p1", "p2"]);
    let built = bed.open(START, &draft);
    let elsewhere = approve(built.positions[1].clone(), parties(&["bob"]));
    let outcome = bed.deliver(START + 1, vec![bed.answer((START, &built.root_hash), "p2", &[elsewhere])]);
    assert_silent("another view", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
}

#[test]
fn a_response_to_a_rejected_request_is_no_surprise() {
    let mut bed = Bed::new();
    let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    draft.signer = participant("p3");
    let built = draft.build();
    assert_eq!(bed.deliver(START, draft.envelopes(&built)).finalized.len(), 1);
    let honest = approve(built.positions[0].clone(), parties(&["bob"]));
    let outcome = bed.deliver(START + 1, vec![bed.answer((START, &built.root_hash), "p2", &[honest])]);
    assert_silent("honest", &outcome);
    assert_eq!(outcome.alarms, []);
    let wrong = approve(built.positions[0].clone(), parties(&["alice"]));
    let outcome = bed.deliver(START + 2, vec![bed.answer((START, &built.root_hash), "p2", &[wrong])]);
    assert_silent("wrong", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
}

#[test]
fn only_the_topology_at_the_time_of_the_request_counts() {
    let (mut bed, built) = opened();
    // `bob` moves to another participant, which changes nothing for requests before.
    bed.change(START + 1_000, vec![hosting("bob", 2, 1, &[("p4", ParticipantPermission::Submission, false)])]);
    let mut foreign = good(&bed, &built);
    (foreign.sender, foreign.signers, foreign.time) = ("p4", &["p4"], START + 2_000);
    assert_eq!(kinds(&bed.rules.handle(&foreign.event(&bed), &bed.topology).alarms), [AlarmKind::MalformedMessage]);
    let answer = good(&bed, &built);
    assert_eq!(bed.rules.handle(&answer.event(&bed), &bed.topology).alarms, []);
    assert_eq!(others_confirm(&mut bed, &built, START + 6_000).finalized.len(), 1);
}

#[test]
fn session_keys_sign_responses_if_they_are_valid_at_the_time_of_the_request() {
    for (from, is_valid) in
        [(START, true), (START - 299_999_999, true), (START + 1, false), (START - 300_000_000, false)]
    {
        let (mut bed, built) = opened();
        let content = confirmation_responses(
            bed.psid(),
            at(START),
            &built.root_hash,
            &participant_id("p2"),
            &[approve(built.positions[0].clone(), parties(&["bob"]))],
        );
        let validity = synod_crypto::ValidityPeriod::new(at(from), 300).expect("a period");
        let hash = synod_crypto::protocol_message_hash(&content);
        let signature = session_signature(&participant("p2"), "session", bed.psid().logical(), validity, &hash);
        let envelope = Envelope { content, signatures: vec![signature] };
        let outcome = bed.deliver(START + 5_000, vec![(envelope, group_of(&["MGR::0"]))]);
        assert_eq!(outcome.alarms.is_empty(), is_valid, "{from}: {:?}", outcome.alarms);
        assert_eq!(others_confirm(&mut bed, &built, START + 6_000).finalized.len(), usize::from(is_valid));
    }
}
