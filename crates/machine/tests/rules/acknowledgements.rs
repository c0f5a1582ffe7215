//! Acknowledgements (ch. 03 §3.9).

use synod_machine::{AlarmKind, OrderedKind};
use synod_testkit::requests::{Submission, acknowledgement};

use crate::bench::{Bench, DELAY_MICROS, at, participant};

#[test]
fn a_time_after_the_end_of_the_previous_block_is_refused() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    bench.send_at(100, &Submission::new(&alice, "proof"));
    // The event in the same block is later, and does not count.
    let events = vec![
        bench.send(200, &Submission::new(&alice, "proof")),
        bench.acknowledge(201, &alice, at(101)),
        bench.acknowledge(202, &bench.participants[1], at(100)),
    ];
    let outcome = bench.block(events);
    assert_eq!(outcome.acknowledgements, [(bench.index(&bench.participants[1]), at(100))]);
    assert_eq!(outcome.alarms.len(), 1);
    assert_eq!(outcome.alarms[0].kind, AlarmKind::InvalidAcknowledgementTimestamp);
}

#[test]
fn the_newest_time_counts() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    bench.send_at(100, &Submission::new(&alice, "proof"));
    let acknowledge = |bench: &Bench, micros| bench.acknowledge(200, &alice, at(micros));
    let events = vec![acknowledge(&bench, 30), acknowledge(&bench, 70), acknowledge(&bench, 50)];
    let outcome = bench.block(events);
    assert_eq!(outcome.acknowledgements, [(bench.index(&alice), at(70))]);
    assert!(outcome.events.is_empty());
    assert_eq!(bench.state.last_time(), at(100), "no event, no time");
    let events = vec![acknowledge(&bench, 60)];
    let outcome = bench.block(events);
    assert!(outcome.acknowledgements.is_empty());
    assert_eq!(bench.state.acknowledged(bench.index(&alice)), Some(at(70)));
}

#[test]
fn the_keys_are_those_of_the_acknowledged_time() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let rotated = alice.with_protocol_key("alice's second key");
    let broadcast = bench.broadcast("rotates", &[rotated.owner_to_key(2)]);
    bench.send_at(0, &broadcast);
    let effective = DELAY_MICROS;
    bench.send_at(effective + 100, &Submission::new(&rotated, "proof"));
    let now = effective + 200;
    let mut accepted = Vec::new();
    for (signer, time) in
        [(&alice, effective), (&rotated, effective), (&alice, effective + 1), (&rotated, effective + 1)]
    {
        let event = bench.acknowledge(now, signer, at(time));
        let outcome = bench.block(vec![event]);
        accepted.push(outcome.alarms.is_empty());
        assert!(outcome.alarms.iter().all(|alarm| alarm.kind == AlarmKind::InvalidAcknowledgementSignature));
    }
    assert_eq!(accepted, [true, false, false, true]);
}

#[test]
fn nobody_acknowledges_for_others_or_without_being_registered() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    bench.send_at(100, &Submission::new(&alice, "proof"));
    // A stranger with keys, but without a certificate to join.
    let stranger = participant("stranger");
    let broadcast = bench.broadcast("keys", &[stranger.root(), stranger.owner_to_key(1)]);
    bench.send_at(200, &broadcast);
    let later = 300 + DELAY_MICROS;
    bench.send_at(later, &Submission::new(&alice, "proof"));
    let forged = acknowledgement(alice.member(), at(50), &bob);
    let events = vec![
        bench.event(later + 10, OrderedKind::Acknowledge, forged),
        bench.acknowledge(later + 11, &stranger, at(later)),
    ];
    let outcome = bench.block(events);
    assert!(outcome.acknowledgements.is_empty());
    let kinds: Vec<AlarmKind> = outcome.alarms.iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [AlarmKind::InvalidAcknowledgementSignature; 2]);
}
