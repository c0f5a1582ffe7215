//! Aggregation (ch. 03 §3.7).

use synod_machine::{AggregationChange, AlarmKind, BlockOutcome, EventKind, EventRecord};
use synod_testkit::requests::{Submission, TestMember, envelope};
use synod_types::{CantonTimestamp, Fingerprint, MediatorGroupIndex, ProtocolVersion};
use synod_wire::{AggregationRule, Batch};

use crate::bench::{Bench, DELAY_MICROS, at, delivered, dropped, only, rejected};

/// Long after everything else in these tests, and near enough to be allowed.
fn end() -> CantonTimestamp {
    at(60_000_000)
}

fn group_rule() -> AggregationRule {
    AggregationRule::MediatorGroup(MediatorGroupIndex::new(0).expect("not negative"))
}

fn part(bench: &Bench, sender: &TestMember, rule: AggregationRule) -> Submission {
    let to = bench.participants[0].member().to_string();
    Submission::new(sender, "part").signed_to(&[&to], b"verdict").aggregation(rule).until(end())
}

/// The keys that signed the only envelope of an event, in order.
fn signers(event: &EventRecord) -> Vec<Fingerprint> {
    let batch = event.batch.as_ref().expect("a batch");
    let batch = Batch::parse_canonical_proto(batch, ProtocolVersion::V35).expect("a sound batch");
    assert_eq!(batch.len(), 1);
    let open = batch.open_envelope(0, usize::MAX).expect("a sound envelope");
    open.signatures.iter().map(|signature| signature.authorizing_key().clone()).collect()
}

fn key_of(member: &TestMember) -> Fingerprint {
    member.protocol_key().public_key().fingerprint().clone()
}

#[test]
fn the_part_that_reaches_the_threshold_delivers_all_signatures_in_the_order_of_members() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.mediators.clone();
    let waits = bench.send_at(10, &part(&bench, &second, group_rule()));
    assert_eq!(only(&waits).kind, EventKind::Receipt);
    let outcome = bench.send_at(20, &part(&bench, &first, group_rule()));
    assert_eq!(signers(delivered(&outcome)), [key_of(&first), key_of(&second)]);
    rejected(&bench.send_at(30, &part(&bench, &third, group_rule())), "SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT");
    rejected(&bench.send_at(40, &part(&bench, &first, group_rule())), "SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT");
}

#[test]
fn a_second_part_of_a_sender_is_stuffing() {
    let mut bench = Bench::new();
    let first = bench.mediators[0].clone();
    bench.send_at(10, &part(&bench, &first, group_rule()));
    rejected(&bench.send_at(20, &part(&bench, &first, group_rule())), "SEQUENCER_AGGREGATE_SUBMISSION_STUFFING");
}

#[test]
fn signatures_whose_key_is_gone_do_not_count_and_are_not_delivered() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.mediators.clone();
    bench.send_at(0, &part(&bench, &first, group_rule()));
    let rotated = first.with_protocol_key("another key");
    let broadcast = bench.broadcast("rotates", &[rotated.owner_to_key(2)]);
    bench.send_at(10, &broadcast);
    let later = 20 + DELAY_MICROS;
    let second_part = bench.send_at(later, &part(&bench, &second, group_rule()));
    assert_eq!(second_part.events[0].kind, EventKind::Receipt, "two parts, but one does not count");
    let outcome = bench.send_at(later + 10, &part(&bench, &third, group_rule()));
    assert_eq!(signers(delivered(&outcome)), [key_of(&second), key_of(&third)]);
}

#[test]
fn a_sender_that_left_the_group_does_not_count() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.mediators.clone();
    bench.send_at(0, &part(&bench, &first, group_rule()));
    let group = bench.network.mediators(2, 0, 2, &[&second, &third], &[&first]);
    let broadcast = bench.broadcast("leaves", &[group]);
    bench.send_at(10, &broadcast);
    let later = 20 + DELAY_MICROS;
    let second_part = bench.send_at(later, &part(&bench, &second, group_rule()));
    assert_eq!(second_part.events[0].kind, EventKind::Receipt);
    let outcome = bench.send_at(later + 10, &part(&bench, &third, group_rule()));
    assert_eq!(signers(delivered(&outcome)), [key_of(&second), key_of(&third)]);
}

#[test]
fn the_threshold_is_that_of_the_newest_part() {
    let mut bench = Bench::new();
    let [first, second, third] = bench.mediators.clone();
    bench.send_at(0, &part(&bench, &first, group_rule()));
    let group = bench.network.mediators(2, 0, 3, &[&first, &second, &third], &[]);
    let broadcast = bench.broadcast("all three", &[group]);
    bench.send_at(10, &broadcast);
    let later = 20 + DELAY_MICROS;
    let second_part = bench.send_at(later, &part(&bench, &second, group_rule()));
    assert_eq!(second_part.events[0].kind, EventKind::Receipt);
    delivered(&bench.send_at(later + 10, &part(&bench, &third, group_rule())));
}

#[test]
fn passive_members_and_strangers_may_not_take_part() {
    let mut bench = Bench::new();
    let (alice, [first, second, third]) = (bench.participants[0].clone(), bench.mediators.clone());
    dropped(&bench.send_at(0, &part(&bench, &alice, group_rule())), AlarmKind::SubmissionRequestMalformed);
    let group = bench.network.mediators(2, 0, 2, &[&first, &second], &[&third]);
    let broadcast = bench.broadcast("passive", &[group]);
    bench.send_at(10, &broadcast);
    let later = 20 + DELAY_MICROS;
    bench.block_at(at(later), Vec::new());
    dropped(&bench.send_at(later + 10, &part(&bench, &third, group_rule())), AlarmKind::SubmissionRequestMalformed);
    dropped(
        &bench.send_at(later + 20, &part(&bench, &first, AggregationRule::Sequencers)),
        AlarmKind::SubmissionRequestMalformed,
    );
}

#[test]
fn lists_of_members_need_their_threshold_and_all_of_them_registered() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.participants[0].clone(), bench.participants[1].clone());
    let list = |members: &[&TestMember], threshold| AggregationRule::Members {
        eligible: members.iter().map(|member| member.member().clone()).collect(),
        threshold,
    };
    let malformed = AlarmKind::SubmissionRequestMalformed;
    dropped(&bench.send_at(0, &part(&bench, &alice, list(&[&alice, &alice], 2))), malformed);
    dropped(&bench.send_at(1, &part(&bench, &alice, list(&[&bob], 1))), malformed);
    let stranger = crate::bench::participant("stranger");
    let outcome = bench.send_at(2, &part(&bench, &alice, list(&[&alice, &stranger], 1)));
    rejected(&outcome, "Aggregation rule contains unregistered eligible members");
    assert_eq!(only(&bench.send_at(3, &part(&bench, &alice, list(&[&alice, &bob], 2)))).kind, EventKind::Receipt);
    let outcome = bench.send_at(4, &part(&bench, &bob, list(&[&alice, &bob], 2)));
    assert_eq!(signers(delivered(&outcome)), [key_of(&alice), key_of(&bob)]);
}

#[test]
fn deduplication_delivers_once_for_each_sender() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let rule = AggregationRule::SenderDeduplication;
    delivered(&bench.send_at(0, &part(&bench, &alice, rule.clone())));
    rejected(&bench.send_at(1, &part(&bench, &alice, rule.clone())), "SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT");
    delivered(&bench.send_at(2, &part(&bench, &bob, rule)));
}

#[test]
fn what_was_signed_counts_not_how_it_was_compressed() {
    // Two senders with equal contents but different signatures, and so different compressed bytes.
    let mut bench = Bench::new();
    let [first, second, _] = bench.mediators.clone();
    let to = bench.participants[0].member().to_string();
    let unsigned = |sender: &TestMember| {
        Submission::new(sender, "unsigned")
            .envelope(envelope(b"verdict", &[]), &[&to])
            .aggregation(group_rule())
            .until(end())
    };
    bench.send_at(0, &part(&bench, &first, group_rule()));
    // Whether there are signatures is part of what is aggregated.
    assert_eq!(only(&bench.send_at(1, &unsigned(&second))).kind, EventKind::Receipt);
    assert_eq!(bench.state.aggregations().iter().count(), 2);
}

#[test]
fn an_aggregation_may_end_only_before_the_bound() {
    let mut bench = Bench::new();
    let first = bench.mediators[0].clone();
    let timeout = crate::bench::parameters().sequencer_aggregate_submission_timeout;
    let until = |end| part(&bench, &first, group_rule()).until(end);
    let (at_bound, before) = (until(at(10).saturating_add(timeout)), until(at(19).saturating_add(timeout)));
    rejected(&bench.send_at(10, &at_bound), "SEQUENCER_MAX_SEQUENCING_TIME_TOO_FAR");
    assert_eq!(only(&bench.send_at(20, &before)).kind, EventKind::Receipt);
}

#[test]
fn an_aggregation_expires_at_its_end() {
    let mut bench = Bench::new();
    let (alice, first) = (bench.participants[0].clone(), bench.mediators[0].clone());
    bench.send_at(0, &part(&bench, &first, group_rule()).until(at(100)));
    let proof = Submission::new(&alice, "proof");
    assert_eq!(expired(&bench.send_at(99, &proof)), 0);
    assert_eq!(bench.state.aggregations().iter().count(), 1);
    assert_eq!(expired(&bench.send_at(100, &proof)), 1);
    assert_eq!(bench.state.aggregations().iter().count(), 0);
}

#[test]
fn the_times_of_dropped_requests_expire_too() {
    let mut bench = Bench::new();
    let (alice, first) = (bench.participants[0].clone(), bench.mediators[0].clone());
    bench.send_at(0, &part(&bench, &first, group_rule()).until(at(100)));
    let late = Submission::new(&alice, "late").until(at(50));
    let outcome = bench.send_at(100, &late);
    assert!(outcome.events.is_empty());
    assert_eq!(expired(&outcome), 1);
}

#[test]
fn ticks_expire_too() {
    let mut bench = Bench::new();
    let first = bench.mediators[0].clone();
    bench.send_at(0, &part(&bench, &first, group_rule()).until(at(DELAY_MICROS + 100)));
    let broadcast = bench.broadcast("topology", &[]);
    bench.send_at(10, &broadcast);
    let outcome = bench.block_at(at(DELAY_MICROS + 100), Vec::new());
    assert_eq!((outcome.events.len(), expired(&outcome)), (1, 1));
}

fn expired(outcome: &BlockOutcome) -> usize {
    outcome.aggregations.iter().filter(|change| matches!(change, AggregationChange::Expired { .. })).count()
}
