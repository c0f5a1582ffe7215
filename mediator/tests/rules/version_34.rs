//! What protocol version 34 does otherwise.

use synod_mediator::build::approve;
use synod_mediator::messages::Verdict;
use synod_mediator::rules::{AlarmKind, Outcome};
use synod_testkit::requests::session_signature;
use synod_types::{Member, ProtocolVersion};
use synod_wire::{AggregationRule, Envelope, SequencedEvent};

use crate::bed::*;
use crate::expected::{assert_silent, kinds};

const V34: ProtocolVersion = ProtocolVersion::V34;

/// A request of one view that `p1` confirms, and its response with a topology time, to these recipients.
fn run(groups: &[Group], topology_time: Option<i64>, recipients: &[&str]) -> Outcome {
    let mut bed = Bed::of_version(V34, groups);
    let draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    let built = bed.open(START, &draft);
    let response = approve(built.positions[0].clone(), parties(&["alice"]));
    let (envelope, _) = bed.answer((START, &built.root_hash), "p1", &[response]);
    let event = bed.event(START + 5, vec![(envelope, group_of(recipients))]);
    let event = SequencedEvent { topology_timestamp: topology_time.map(at), ..event };
    bed.rules.handle(&event, &bed.topology)
}

#[test]
fn responses_name_the_time_of_the_request() {
    const GROUPS: &[Group] = &[(0, 1, &["m1"], &[]), (1, 1, &["m2"], &[])];
    for (name, time, is_good) in
        [("that time", Some(START), true), ("none", None, false), ("another time", Some(START + 1), false)]
    {
        let outcome = run(GROUPS, time, &["MGR::0"]);
        assert_eq!(outcome.finalized.len(), usize::from(is_good), "{name}");
        let alarms = if is_good { Vec::new() } else { vec![AlarmKind::MalformedMessage] };
        assert_eq!(kinds(&outcome.alarms), alarms, "{name}");
    }
    let outcome = run(GROUPS, Some(START), &["MGR::0", "MGR::1"]);
    assert_eq!((outcome.finalized.len(), outcome.alarms), (1, Vec::new()), "two groups");
}

#[test]
fn mediators_name_themselves_when_several_decide() {
    let member = |name: &str| {
        Member::from(synod_types::MediatorId::try_from(mediator(name).member().clone()).expect("a mediator"))
    };
    let members = |names: &[&str], threshold| AggregationRule::Members {
        eligible: names.iter().map(|name| member(name)).collect(),
        threshold,
    };
    for (group, rule) in
        [((0, 1, &["m2", "m1"][..], &[][..]), None), ((0, 2, &["m2", "m1"], &["m3"]), Some(members(&["m2", "m1"], 2)))]
    {
        let outcome = run(&[group], Some(START), &["MGR::0"]);
        let submission = &outcome.submissions[0];
        assert_eq!(submission.result.verdict, Verdict::Approve);
        assert_eq!((&submission.aggregation_rule, submission.topology_timestamp), (&rule, Some(at(START))));
    }
}

#[test]
fn session_keys_do_not_sign() {
    let mut bed = Bed::of_version(V34, &[(0, 1, &["m1"], &[])]);
    let draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    let built = bed.open(START, &draft);
    let response = approve(built.positions[0].clone(), parties(&["alice"]));
    let (Envelope { content, .. }, recipients) = bed.answer((START, &built.root_hash), "p1", &[response]);
    let validity = synod_crypto::ValidityPeriod::new(at(START), 300).expect("a period");
    let hash = synod_crypto::protocol_message_hash(&content);
    let signature = session_signature(&participant("p1"), "session", bed.psid().logical(), validity, &hash);
    let event = bed.event(START + 5, vec![(Envelope { content, signatures: vec![signature] }, recipients)]);
    let event = SequencedEvent { topology_timestamp: Some(at(START)), ..event };
    let outcome = bed.rules.handle(&event, &bed.topology);
    assert_silent("session key", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
}
