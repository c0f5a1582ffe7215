//! Who sends a verdict, when, to whom, and what happens when time is over.

use std::time::Duration;

use synod_mediator::build::approve;
use synod_mediator::messages::{Verdict, ViewType};
use synod_mediator::rules::{SendDecision, VerdictSubmission};
use synod_types::MediatorGroupIndex;
use synod_wire::AggregationRule;

use crate::bed::*;
use crate::expected::{self, assert_same, assert_silent};

/// The verdict on a request at `time` that is confirmed at once.
fn verdict(bed: &mut Bed, time: i64) -> VerdictSubmission {
    let draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    let built = bed.open(time, &draft);
    let answer =
        bed.answer((time, &built.root_hash), "p1", &[approve(built.positions[0].clone(), parties(&["alice"]))]);
    let mut outcome = bed.deliver(time + 1, vec![answer]);
    assert_eq!(outcome.finalized.len(), 1);
    assert_eq!(outcome.submissions[0].result.root_hash, built.root_hash);
    assert_eq!(outcome.submissions[0].result.view_type, ViewType::Transaction);
    outcome.submissions.remove(0)
}

#[test]
fn active_mediators_send_in_turn_and_passive_ones_never() {
    const SEVEN: &[&str] = &["m1", "m2", "m3", "m4", "m5", "m6", "m7"];
    let spare = |seconds| SendDecision::After(Duration::from_secs(seconds));
    for (name, group, time, expected) in [
        ("alone", (0, 1, &["m1"][..], &[][..]), START, SendDecision::Now),
        ("passive", (0, 1, &["m2"], &["m1"]), START, SendDecision::Never),
        // The remainder of START by seven is 1: that is the turn of the first one, then 2 to 6, 0.
        ("threshold and margin", (0, 1, SEVEN, &[]), START, SendDecision::Now),
        ("first spare", (0, 1, SEVEN, &[]), START + 3, spare(3)),
        ("second spare", (0, 1, SEVEN, &[]), START + 4, spare(4)),
        ("third spare", (0, 1, SEVEN, &[]), START + 5, spare(5)),
        ("first again", (0, 1, SEVEN, &[]), START + 6, SendDecision::Now),
        ("a higher threshold", (0, 3, SEVEN, &[]), START + 5, spare(3)),
    ] {
        assert_eq!(START % 7, 1);
        let mut bed = Bed::with_groups(&[group]);
        let submission = verdict(&mut bed, time);
        assert_eq!(submission.send, expected, "{name}");
        let group = MediatorGroupIndex::new(0).expect("a group");
        assert_eq!(submission.aggregation_rule, Some(AggregationRule::MediatorGroup(group)), "{name}");
        assert_eq!(submission.topology_timestamp, None, "{name}");
        assert_eq!(submission.max_sequencing_time, at(time + DECISION), "{name}");
    }
}

#[test]
fn a_mediator_that_becomes_active_later_does_not_send() {
    let mut bed = Bed::with_groups(&[(0, 1, &["m2"], &["m1"])]);
    let draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    let built = bed.open(START, &draft);
    let active = group(&bed.network, 2, (0, 1, &["m2", "m1"], &[]));
    bed.change(START + 1, vec![active]);
    let answer =
        bed.answer((START, &built.root_hash), "p1", &[approve(built.positions[0].clone(), parties(&["alice"]))]);
    assert_eq!(bed.deliver(START + 2, vec![answer]).submissions[0].send, SendDecision::Never);
}

#[test]
fn the_key_is_one_at_the_time_of_the_request() {
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    let built = bed.open(START, &draft);
    let before = mediator("m1").protocol_key().public_key().fingerprint().clone();
    bed.change(START + 1, vec![mediator("m1").with_protocol_key("another").owner_to_key(2)]);
    let answer =
        bed.answer((START, &built.root_hash), "p1", &[approve(built.positions[0].clone(), parties(&["alice"]))]);
    assert_eq!(bed.deliver(START + 2, vec![answer]).submissions[0].signing_keys, [before]);
}

/// Informees in the order of the request, hosts in the order of their party, observers too; each once.
#[test]
fn a_verdict_goes_to_all_participants_of_informees_in_their_order() {
    let mut bed = Bed::new();
    let views = vec![view(&["duo", "watcher", "bob"], &[(&[("bob", 1)], 1)])];
    let draft = bed.draft(views, &["p2", "p3", "p4"]);
    let built = bed.open(START, &draft);
    let answer = bed.answer((START, &built.root_hash), "p2", &[approve(built.positions[0].clone(), parties(&["bob"]))]);
    let outcome = bed.deliver(START + 1, vec![answer]);
    assert_eq!(outcome.submissions[0].recipients, ["p4", "p2", "p3"].map(participant_id));
    assert_eq!(outcome.submissions[0].result.verdict, Verdict::Approve);
}

/// From five recipients on the order is that of the JVM's hash codes, for rejections too.
#[test]
fn many_recipients_are_in_the_order_of_the_jvm() {
    use synod_mediator::rules::jvm_order::{ParticipantRecipient, set_order};
    let names = ["p1", "p2", "p3", "p4", "p5"];
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["five"])], &names);
    let built = bed.open(START, &draft);
    let ids = names.map(participant_id).to_vec();
    let outcome = bed.tick(START + DEADLINE + 1);
    assert_eq!(outcome.submissions[0].recipients, set_order(ids.clone()));
    assert_ne!(outcome.submissions[0].recipients, ids);
    let repeated = bed.deliver(START + DEADLINE + 2, draft.envelopes(&built));
    let recipients = set_order(ids.iter().cloned().map(ParticipantRecipient).collect());
    let recipients: Vec<_> = recipients.into_iter().map(|recipient| recipient.0).collect();
    assert_eq!(repeated.submissions[0].recipients, recipients);
}

#[test]
fn time_decides_what_nobody_does() {
    struct Row {
        name: &'static str,
        answers: &'static [(&'static str, &'static [&'static str])],
        unresponsive: &'static [&'static str],
        hosts: &'static [(&'static str, &'static str)],
    }
    let rows = [
        Row {
            name: "nobody answers",
            answers: &[],
            unresponsive: &["alice", "bob", "trio2"],
            hosts: &[("alice", "p1"), ("bob", "p2"), ("trio2", "p1"), ("trio2", "p2"), ("trio2", "p3")],
        },
        Row {
            name: "one answers for all that it can",
            answers: &[("p1", &["alice", "trio2"])],
            unresponsive: &["bob", "trio2"],
            hosts: &[("bob", "p2"), ("trio2", "p2"), ("trio2", "p3")],
        },
        Row {
            name: "only one party is left",
            answers: &[("p1", &["alice", "trio2"]), ("p3", &["trio2"])],
            unresponsive: &["bob"],
            hosts: &[("bob", "p2")],
        },
    ];
    for row in rows {
        let mut bed = Bed::new();
        let draft = bed.draft(vec![of_all(&["trio2", "bob", "alice"])], &["p1", "p2", "p3"]);
        let built = bed.open(START, &draft);
        for (delay, (sender, names)) in (1..).zip(row.answers) {
            let answer = approve(built.positions[0].clone(), parties(names));
            let answer = bed.answer((START, &built.root_hash), sender, &[answer]);
            assert_silent(row.name, &bed.deliver(START + delay, vec![answer]));
        }
        // An event at the deadline itself is not enough.
        assert_silent(row.name, &bed.tick(START + DEADLINE));
        assert_eq!(bed.rules.next_deadline(), Some(at(START + DEADLINE)), "{}", row.name);
        let outcome = bed.tick(START + DEADLINE + 5_000);
        let texts: Vec<String> = parties(row.unresponsive).iter().map(ToString::to_string).collect();
        let verdict = expected::timeout(&texts);
        assert_same(row.name, &outcome.finalized[0].verdict, &verdict);
        assert!(outcome.finalized[0].verdict.is_timeout(), "{}", row.name);
        assert_eq!(outcome.finalized[0].finalization_time, at(START + DEADLINE + 1), "{}", row.name);
        assert_same(row.name, &outcome.submissions[0].result.verdict, &verdict);
        assert_eq!(outcome.submissions[0].max_sequencing_time, at(START + DECISION), "{}", row.name);
        let hosts: Vec<_> = row.hosts.iter().map(|(name, host)| (party(name), participant_id(host))).collect();
        assert_eq!(outcome.unresponsive, hosts, "{}", row.name);
        assert_silent(row.name, &bed.tick(START + 2 * DEADLINE));
    }
}

#[test]
fn requests_time_out_in_the_order_of_their_deadlines_before_the_event_itself() {
    use synod_mediator::messages::RequestUuid;
    let mut bed = Bed::new();
    let mut draft = bed.draft(vec![of_all(&["alice"])], &["p1"]);
    for number in 0..3 {
        draft.request.uuid = RequestUuid::parse(&format!("0-0-0-0-{number}")).expect("an id");
        bed.open(START + number, &draft);
    }
    assert_eq!((bed.rules.pending_count(), bed.rules.oldest_pending()), (3, Some(at(START))));
    draft.request.uuid = RequestUuid::parse("0-0-0-0-4").expect("an id");
    let outcome = bed.deliver(START + DEADLINE + 2, draft.envelopes(&draft.build()));
    let decided: Vec<_> = outcome.finalized.iter().map(|finalized| finalized.request_id).collect();
    assert_eq!(decided, [at(START), at(START + 1)]);
    assert_eq!((outcome.opened, bed.rules.pending_count()), (1, 2));
    assert_eq!(bed.rules.oldest_pending(), Some(at(START + 2)));
    assert_eq!(bed.rules.next_deadline(), Some(at(START + 2 + DEADLINE)));
}
