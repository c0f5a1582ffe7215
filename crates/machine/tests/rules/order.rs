//! Order and times within a block (ch. 03 §3.2 and §3.3).

use std::time::Duration;

use synod_machine::{AlarmKind, OrderedKind};
use synod_testkit::requests::Submission;

use crate::bench::{Bench, Setup, at, message_ids, participant, times};

#[test]
fn a_block_is_sorted_by_kind_and_stamped_anew() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let to_bob = bob.member().to_string();
    let from_mediator = Submission::new(&bench.mediators[0], "verdict").to(&[&to_bob], b"verdict");
    let submissions = [
        (70, Submission::new(&alice, "time proof")),
        (60, bench.broadcast("topology", &[])),
        (50, Submission::new(&alice, "commitment").to(&[&to_bob], b"commitment")),
        (40, Submission::new(&alice, "request").to(&[&to_bob, "MGR::0"], b"request")),
        (30, Submission::new(&alice, "response").to(&["MGR::0"], b"response")),
        (35, Submission::new(&bob, "earlier by place").to(&["MGR::0"], b"response")),
        (30, Submission::new(&bob, "same time, later place").to(&["MGR::0"], b"response")),
        (90, from_mediator),
        (80, Submission::new(&alice, "unexpected").to(&["SOD::"], b"unexpected")),
    ];
    let events = submissions.iter().map(|(time, submission)| bench.send(*time, submission)).collect();
    let outcome = bench.block(events);
    let expected = [
        "unexpected",
        "verdict",
        "response",
        "same time, later place",
        "earlier by place",
        "request",
        "commitment",
        "topology",
        "time proof",
    ];
    assert_eq!(message_ids(&outcome), expected);
    assert_eq!(times(&outcome), [30, 31, 32, 33, 34, 35, 36, 37, 38]);
}

#[test]
fn acknowledgements_count_for_the_minimum_and_come_last() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let first = bench.send_at(10, &Submission::new(&alice, "first"));
    let acknowledged = first.last_time;
    let events = vec![
        bench.acknowledge(20, &alice, acknowledged),
        bench.send(25, &Submission::new(&alice, "second")),
        bench.send(40, &Submission::new(&alice, "third")),
    ];
    let outcome = bench.block(events);
    // The smallest time is that of the acknowledgement, which itself takes the last number.
    assert_eq!(times(&outcome), [20, 21]);
    assert_eq!(outcome.acknowledgements, [(bench.index(&alice), acknowledged)]);
}

#[test]
fn what_does_not_parse_does_not_count() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let garbage = bench.event(5, OrderedKind::Send, bytes::Bytes::from_static(b"garbage"));
    let events = vec![garbage, bench.send(9, &Submission::new(&alice, "proof"))];
    let outcome = bench.block(events);
    assert_eq!(times(&outcome), [9]);
    assert_eq!(outcome.alarms[0].kind, AlarmKind::InvalidLedgerEvent);
}

#[test]
fn an_event_to_everybody_ends_a_chunk() {
    // Topology changes are effective at once here: what comes later in the same block sees them.
    let mut bench = Bench::with(Setup { delay: Duration::ZERO, ..Setup::default() });
    let carol = participant("carol");
    let joins = bench.broadcast("joins", &bench.network.participant(&carol));
    let events = vec![bench.send(10, &joins), bench.send(10, &Submission::new(&carol, "proof"))];
    let outcome = bench.block_at(at(10), events);
    assert_eq!(message_ids(&outcome)[..2], ["joins", "proof"], "{:?}", outcome.alarms);
    assert_eq!(times(&outcome)[..2], [10, 11]);
}
