//! Traffic control (ch. 03 §5).

use std::time::Duration;

use synod_machine::traffic::TrafficBalance;
use synod_machine::{AlarmKind, BlockOutcome, EventKind, EventRecord};
use synod_testkit::requests::{Submission, TestMember, envelope};
use synod_topology::{DynamicSynchronizerParameters, TrafficControlParameters};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::{AggregationRule, SetTrafficPurchased, TypedMessage};

use crate::bench::{Bench, DELAY_MICROS, at, delivered, dropped, only, parameters, rejected, status, with_traffic};

/// 1,000 bytes in ten seconds; reading costs as much as writing.
fn control() -> TrafficControlParameters {
    TrafficControlParameters {
        max_base_traffic_amount: 1_000,
        max_base_traffic_accumulation_duration: Duration::from_secs(10),
        read_vs_write_scaling_factor: 10_000,
        ..TrafficControlParameters::default()
    }
}

/// A request to one participant: 100 bytes to write, 100 to read.
fn request(bench: &Bench) -> Submission {
    let [alice, bob] = &bench.participants;
    Submission::new(alice, "request").to(&[&bob.member().to_string()], &[7; 100])
}

fn receipt(event: &EventRecord) -> (i64, i64, i64) {
    let receipt = event.receipt.expect("a receipt");
    (receipt.consumed_cost, receipt.extra_traffic_consumed, receipt.base_traffic_remainder)
}

fn balance(bench: &Bench) -> TrafficBalance {
    bench.state.traffic().balance(bench.index(&bench.participants[0]))
}

#[test]
fn the_exact_cost_is_charged_and_base_traffic_grows_back() {
    let mut bench = Bench::with(with_traffic(control()));
    let paid = request(&bench).cost(200, None);
    assert_eq!(receipt(delivered(&bench.send_at(0, &paid))), (200, 0, 800));
    // 100 bytes in a second, less one microsecond: truncated.
    assert_eq!(receipt(delivered(&bench.send_at(999_999, &paid))), (200, 0, 699));
    let row = bench.state.traffic().consumed(bench.index(&bench.participants[0])).copied().expect("a row");
    assert_eq!((row.time, row.base_remainder, row.last_cost, row.journaled), (at(999_999), 699, 200, true));
}

#[test]
fn more_than_the_cost_is_charged_as_submitted() {
    let mut bench = Bench::with(with_traffic(control()));
    assert_eq!(receipt(delivered(&bench.send_at(0, &request(&bench).cost(201, None)))), (201, 0, 799));
}

#[test]
fn a_missing_or_too_low_cost_drops_the_request_and_still_advances_the_sender() {
    let mut bench = Bench::with(with_traffic(control()));
    bench.send_at(0, &request(&bench).cost(200, None));
    for (time, submission) in [(1_000_000, request(&bench)), (2_000_000, request(&bench).cost(199, None))] {
        let outcome = bench.send_at(time, &submission);
        dropped(&outcome, AlarmKind::IncorrectEventCost);
        let [row] = outcome.traffic_consumed.as_slice() else { panic!("{:?}", outcome.traffic_consumed) };
        assert_eq!((row.time, row.last_cost, row.journaled), (at(time), 0, false));
    }
    assert_eq!(balance(&bench).base_remainder, 1_000);
    assert_ne!(bench.state.app_hash(), [0; 32]);
}

#[test]
fn nothing_is_due_for_nothing() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    let free = bench.send_at(0, &Submission::new(&alice, "proof"));
    assert_eq!((delivered(&free).receipt, free.traffic_consumed.len()), (None, 0));
    // A cost of zero that is named is charged all the same, and has a receipt.
    let named = bench.send_at(10, &Submission::new(&alice, "proof").cost(0, None));
    assert_eq!(receipt(delivered(&named)), (0, 0, 1_000));
}

#[test]
fn every_event_costs_the_base_cost() {
    let mut bench = Bench::with(with_traffic(TrafficControlParameters { base_event_cost: 30, ..control() }));
    let alice = bench.participants[0].clone();
    dropped(&bench.send_at(0, &Submission::new(&alice, "proof")), AlarmKind::IncorrectEventCost);
    assert_eq!(receipt(delivered(&bench.send_at(10, &Submission::new(&alice, "proof").cost(30, None)))), (30, 0, 970));
    assert_eq!(receipt(delivered(&bench.send_at(20, &request(&bench).cost(230, None)))), (230, 0, 740));
}

#[test]
fn equal_envelopes_are_charged_once() {
    let mut bench = Bench::with(with_traffic(control()));
    let [alice, bob] = bench.participants.clone();
    let to = bob.member().to_string();
    let equal = Submission::new(&alice, "equal").to(&[&to], &[7; 100]).to(&[&to], &[7; 100]);
    dropped(&bench.send_at(0, &equal.clone().cost(199, None)), AlarmKind::IncorrectEventCost);
    delivered(&bench.send_at(10, &equal.cost(200, None)));
    let other_recipient = alice.member().to_string();
    let different = Submission::new(&alice, "different").to(&[&to], &[7; 100]).to(&[&other_recipient], &[7; 100]);
    dropped(&bench.send_at(20, &different.clone().cost(399, None)), AlarmKind::IncorrectEventCost);
    delivered(&bench.send_at(30, &different.cost(400, None)));
}

#[test]
fn groups_count_with_all_their_members_and_passive_ones_too() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    let [first, second, third] = bench.mediators.clone();
    let group = bench.network.mediators(2, 0, 1, &[&first], &[&second, &third]);
    let broadcast = bench.broadcast("passive", &[group]);
    bench.send_at(0, &broadcast);
    let now = 10 + DELAY_MICROS;
    bench.block_at(at(now), Vec::new());
    let to_group = Submission::new(&alice, "to the group").to(&["MGR::0"], &[7; 100]);
    dropped(&bench.send_at(now + 10, &to_group.clone().cost(399, None)), AlarmKind::IncorrectEventCost);
    delivered(&bench.send_at(now + 20, &to_group.cost(400, None)));
}

#[test]
fn who_cannot_pay_is_rejected_and_pays_nothing() {
    let mut bench = Bench::with(with_traffic(control()));
    let paid = request(&bench).cost(200, None);
    for time in 0..5 {
        delivered(&bench.send_at(time, &paid));
    }
    let outcome = bench.send_at(1_000_000, &paid);
    let event = rejected(&outcome, "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT");
    assert_eq!(receipt(event), (0, 0, 99));
    let text = status(event);
    assert!(text.contains("trafficCost = 200,"), "{text}");
    assert!(text.contains("baseTrafficRemainder = 99, lastConsumedCost = 200,"), "{text}");
    assert!(text.contains("availableTraffic = 99"), "{text}");
}

#[test]
fn a_rejected_request_is_charged_and_a_dropped_one_is_not() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    let stranger = crate::bench::participant("stranger").member().to_string();
    let lost = Submission::new(&alice, "lost").to(&[&stranger], &[7; 100]).cost(200, None);
    let outcome = bench.send_at(0, &lost);
    assert_eq!(receipt(rejected(&outcome, "SEQUENCER_UNKNOWN_RECIPIENTS")), (200, 0, 800));
    let late = request(&bench).cost(200, None).until(at(0));
    let outcome = bench.send_at(10, &late);
    dropped(&outcome, AlarmKind::MaxSequencingTimeExceeded);
    assert!(outcome.traffic_consumed.is_empty());
    // The error of traffic takes the place of the other one.
    let dear = Submission::new(&alice, "lost").to(&[&stranger], &[7; 100]).cost(5_000, None);
    rejected(&bench.send_at(20, &dear), "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT");
}

#[test]
fn an_unpaid_part_of_an_aggregation_does_not_count() {
    let mut bench = Bench::with(with_traffic(control()));
    let rule = AggregationRule::SenderDeduplication;
    let part = request(&bench).aggregation(rule).until(at(60_000_000));
    rejected(&bench.send_at(0, &part.clone().cost(5_000, None)), "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT");
    assert_eq!(bench.state.aggregations().iter().count(), 0);
    delivered(&bench.send_at(10, &part.cost(200, None)));
}

#[test]
fn an_undelivered_event_for_the_sequencers_does_not_move_their_view() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    let dear = Submission::new(&alice, "dear").to(&["SOD::"], &[7; 100]).cost(5_000, None);
    let outcome = bench.send_at(0, &dear);
    rejected(&outcome, "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT");
    assert_eq!(outcome.latest_sequencer_event, None);
}

#[test]
fn confirmation_responses_can_be_free_whatever_they_say() {
    let free = TrafficControlParameters { free_confirmation_responses: true, ..control() };
    let mut bench = Bench::with(with_traffic(free));
    let alice = bench.participants[0].clone();
    let response = Submission::new(&alice, "response").to(&["MGR::0"], &[7; 100]);
    for (time, submission) in [(0, response.clone()), (10, response.cost(1, None))] {
        let outcome = bench.send_at(time, &submission);
        assert_eq!((delivered(&outcome).receipt, outcome.traffic_consumed.len()), (None, 0));
    }
    // With a participant among the recipients it is none.
    let with_participant = Submission::new(&alice, "request").to(&["MGR::0", &alice.member().to_string()], &[7; 100]);
    dropped(&bench.send_at(20, &with_participant), AlarmKind::IncorrectEventCost);
}

#[test]
fn without_enforcement_a_named_cost_is_free_but_a_missing_one_is_wrong() {
    let mut bench = Bench::with(with_traffic(TrafficControlParameters { enforce_rate_limiting: false, ..control() }));
    let outcome = bench.send_at(0, &request(&bench).cost(1, None));
    assert_eq!((delivered(&outcome).receipt, outcome.traffic_consumed.len()), (None, 0));
    dropped(&bench.send_at(10, &request(&bench)), AlarmKind::IncorrectEventCost);
}

#[test]
fn a_cost_of_another_time_counts_if_that_time_is_recent() {
    let mut bench = Bench::with(with_traffic(control()));
    let dearer = TrafficControlParameters { base_event_cost: 50, ..control() };
    let changed = DynamicSynchronizerParameters { traffic_control: Some(dearer), ..parameters() };
    let broadcast = bench.broadcast("dearer", &[bench.network.parameters(2, changed)]);
    bench.send_at(0, &broadcast);
    let effective = DELAY_MICROS;
    let tolerance =
        i64::try_from(parameters().submission_cost_timestamp_topology_tolerance().as_micros()).expect("small");
    // The old price, with the time at which it was right.
    let old = |time: i64| request(&bench).cost(200, Some(at(time)));
    let (right, dearer_then, future) = (old(effective), old(effective + 1), old(effective + 100));
    let outcome = bench.send_at(effective + 10, &right);
    assert_eq!(outcome.events[0].kind, EventKind::Deliver);
    assert_eq!(receipt(&outcome.events[0]).0, 200);
    dropped(&bench.send_at(effective + 20, &dearer_then), AlarmKind::IncorrectEventCost);
    let outcome = bench.send_at(effective + 30, &future);
    let event = rejected(&outcome, "OUTDATED_TRAFFIC_COST");
    assert_eq!(receipt(event).0, 0);
    assert!(status(event).contains("OutdatedEventCost(PAR::alice::"), "{}", status(event));
    // Exactly as old as is allowed, and one microsecond older.
    delivered(&bench.send_at(effective + tolerance, &right));
    rejected(&bench.send_at(effective + tolerance + 1, &right), "OUTDATED_TRAFFIC_COST");
}

#[test]
fn purchased_traffic_is_used_when_base_traffic_is_gone() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    let paid = request(&bench).cost(600, None);
    delivered(&bench.send_at(0, &paid));
    rejected(&bench.send_at(1, &paid), "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT");
    let outcome = bench.send_at(2, &purchase(&bench, &alice, 1, 300, &["SOD::"]));
    let [row] = outcome.traffic_purchased.as_slice() else { panic!("{:?}", outcome.traffic_purchased) };
    assert_eq!((&row.member, row.time, row.serial, row.extra_purchased), (alice.member(), at(2), 1, 300));
    assert_eq!(receipt(delivered(&bench.send_at(3, &paid))), (600, 200, 0));
    let outcome = bench.send_at(4, &paid);
    assert!(status(rejected(&outcome, "SEQUENCER_NOT_ENOUGH")).contains("serial = 1,"));
}

#[test]
fn a_purchase_counts_for_events_after_it_only() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    bench.send_at(5, &purchase(&bench, &alice, 1, 300, &["SOD::"]));
    let traffic = bench.state.traffic();
    assert!(traffic.purchased_before(alice.member(), at(5)).is_none());
    assert_eq!(traffic.purchased_before(alice.member(), at(6)).map(|row| row.extra_purchased), Some(300));
}

#[test]
fn serials_of_purchases_increase() {
    let mut bench = Bench::with(with_traffic(control()));
    let alice = bench.participants[0].clone();
    bench.send_at(0, &purchase(&bench, &alice, 5, 300, &["SOD::"]));
    for (time, serial) in [(1, 5), (2, 4)] {
        assert!(bench.send_at(time, &purchase(&bench, &alice, serial, 900, &["SOD::"])).traffic_purchased.is_empty());
    }
    // A total may be lowered.
    assert_eq!(bench.send_at(3, &purchase(&bench, &alice, 6, 100, &["SOD::"])).traffic_purchased.len(), 1);
}

#[test]
fn a_purchase_needs_the_sequencers_as_recipients_and_signers() {
    let mut bench = Bench::with(with_traffic(control()));
    let [alice, bob] = bench.participants.clone();
    let to_bob = bob.member().to_string();
    let unaddressed = purchase(&bench, &alice, 1, 300, &[&to_bob]);
    assert!(bench.send_at(0, &unaddressed).traffic_purchased.is_empty());
    let to_everybody = purchase(&bench, &alice, 1, 300, &["ALL::All"]);
    assert!(bench.send_at(5, &to_everybody).traffic_purchased.is_empty());
    let content = message(&bench, &alice, 1, 300);
    let by_bob = Submission::new(&bob, "forged").envelope(envelope(&content, &[&bob]), &["SOD::"]).cost(900, None);
    let outcome = bench.send_at(10, &by_bob);
    assert_eq!((only(&outcome).kind, outcome.traffic_purchased.len()), (EventKind::Deliver, 0));
    let unsigned = Submission::new(&bench.sequencer, "unsigned").envelope(envelope(&content, &[]), &["SOD::"]);
    assert!(bench.send_at(20, &unsigned).traffic_purchased.is_empty());
    assert_eq!(bench.send_at(30, &purchase(&bench, &alice, 1, 300, &["SOD::"])).traffic_purchased.len(), 1);
}

#[test]
fn sequencers_do_not_pay() {
    let mut bench = Bench::with(with_traffic(control()));
    let submission = Submission::new(&bench.sequencer, "free").to(&["SOD::"], &[7; 5_000]);
    let outcome: BlockOutcome = bench.send_at(0, &submission);
    assert_eq!((delivered(&outcome).receipt, outcome.traffic_consumed.len()), (None, 0));
}

#[test]
fn floating_point_is_part_of_the_rules() {
    // 1/3 of a byte in a microsecond, as a float, times 3: 1 as a float; an integer division would give the same here, but not
    // for each of these times.
    let third = TrafficControlParameters {
        max_base_traffic_amount: 7,
        max_base_traffic_accumulation_duration: Duration::from_micros(3),
        ..control()
    };
    let start = TrafficBalance { time: CantonTimestamp::EPOCH, ..TrafficBalance::INITIAL };
    let after = |micros| start.advanced(CantonTimestamp::EPOCH.saturating_add_micros(micros), &third).base_remainder;
    assert_eq!([1, 2, 3, 4].map(after), [2, 4, 7, 7]);
    // Half of the interval twice is not the whole one.
    let twice = start.advanced(CantonTimestamp::EPOCH.saturating_add_micros(1), &third);
    assert_eq!(twice.advanced(CantonTimestamp::EPOCH.saturating_add_micros(2), &third).base_remainder, 4);
    let large = TrafficControlParameters { max_base_traffic_amount: 9_007_199_254_740_993, ..third };
    // The amount has more bits than a float.
    assert_eq!(
        start.advanced(CantonTimestamp::EPOCH.saturating_add_micros(3), &large).base_remainder,
        9_007_199_254_740_992
    );
}

fn message(bench: &Bench, member: &TestMember, serial: u32, total: i64) -> Vec<u8> {
    let purchase = SetTrafficPurchased {
        member: member.member().clone(),
        serial,
        extra_traffic_purchased: total,
        psid: bench.network.psid().clone(),
    };
    TypedMessage::set_traffic_purchased(&purchase, ProtocolVersion::V35).to_vec()
}

fn purchase(bench: &Bench, member: &TestMember, serial: u32, total: i64, recipients: &[&str]) -> Submission {
    Submission::new(&bench.sequencer, "purchase").signed_to(recipients, &message(bench, member, serial, total))
}
