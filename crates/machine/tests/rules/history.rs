//! What of the topology's history is forgotten: nothing that an outcome depends on.

use synod_machine::{BlockOutcome, OrderedBlock, OrderedEvent, State};
use synod_testkit::requests::{Submission, TestMember};
use synod_topology::{DynamicSynchronizerParameters, TrafficControlParameters};
use synod_types::{CantonTimestamp, MediatorGroupIndex};

use crate::bench::{Bench, DELAY_MICROS, at, delivered, parameters, participant, rejected, with_traffic};

const SECOND: i64 = 1_000_000;
/// How long the topology of a time may be named, by the default parameters.
const TOLERANCE: i64 = 120 * SECOND;

fn bench() -> Bench {
    let traffic =
        TrafficControlParameters { max_base_traffic_amount: 1_000_000, ..TrafficControlParameters::default() };
    Bench::with(with_traffic(TrafficControlParameters { read_vs_write_scaling_factor: 10_000, ..traffic }))
}

/// Applies a block to the state that forgets, and to one that was restored with all rows just before. Both give the same.
fn apply(bench: &mut Bench, micros: i64, events: Vec<OrderedEvent>) -> BlockOutcome {
    let mut restored = State::restore(bench.state.checkpoint(bench.rows.clone())).expect("a sound checkpoint");
    let height = restored.next_height();
    let block = OrderedBlock { height, base_time: at(micros), tick_at: None, frames: Vec::new(), events };
    let expected = bench.machine.apply(&mut restored, &block).expect("the block follows");
    let outcome = bench.apply(&block);
    assert_eq!(outcome, expected, "{micros}");
    assert_eq!(restored.app_hash(), bench.state.app_hash());
    outcome
}

fn send(bench: &mut Bench, micros: i64, submission: &Submission) -> BlockOutcome {
    let event = bench.send(micros, submission);
    apply(bench, micros, vec![event])
}

/// A block by which a topology change that is effective at `micros` is observable.
fn tick(bench: &mut Bench, micros: i64) {
    apply(bench, micros + 5, Vec::new());
}

/// A request to the mediator group that costs 100 bytes to write and 100 for each mediator, as of the topology at `time`.
fn to_mediators(sender: &TestMember, mediators: i64, time: CantonTimestamp) -> Submission {
    Submission::new(sender, "request").to(&["MGR::0"], &[7; 100]).cost(100 + 100 * mediators, Some(time))
}

/// The mediator group: one mediator until a second and a bit, three from then on.
fn grow_group(bench: &mut Bench) -> i64 {
    let [first, second, third] = bench.mediators.clone();
    let small = bench.network.mediators(2, 0, 1, &[&first], &[]);
    let large = bench.network.mediators(3, 0, 2, &[&first, &second, &third], &[]);
    let small = bench.broadcast("small", &[small]);
    send(bench, 0, &small);
    let large = bench.broadcast("large", &[large]);
    send(bench, SECOND, &large);
    let end = SECOND + DELAY_MICROS;
    tick(bench, end);
    end
}

fn group_size(bench: &Bench, micros: i64) -> Option<usize> {
    let snapshot = bench.state.snapshot(at(micros));
    snapshot.mediator_group(MediatorGroupIndex::new(0).expect("not negative")).map(|group| group.active.len())
}

#[test]
fn a_topology_is_kept_as_long_as_a_request_may_name_it() {
    let mut bench = bench();
    let alice = bench.participants[0].clone();
    let end = grow_group(&mut bench);
    let cheap = to_mediators(&alice, 1, at(end));
    for wait in [10, TOLERANCE / 2, TOLERANCE - 1, TOLERANCE] {
        delivered(&send(&mut bench, end + wait, &cheap));
    }
    assert_eq!((group_size(&bench, end), group_size(&bench, end + 1)), (Some(1), Some(3)));
    rejected(&send(&mut bench, end + TOLERANCE + 1, &cheap), "OUTDATED_TRAFFIC_COST");
    assert_eq!((group_size(&bench, end), group_size(&bench, end + 1)), (None, Some(3)), "forgotten");
    rejected(&send(&mut bench, end + 2 * TOLERANCE, &cheap), "OUTDATED_TRAFFIC_COST");
}

#[test]
fn the_parameters_of_a_time_say_how_long_it_may_be_named() {
    let mut bench = bench();
    let alice = bench.participants[0].clone();
    let end = grow_group(&mut bench);
    // From 3 s on a time may be named for 2 s only; what was before keeps its two minutes.
    let before = bench.state.snapshot(at(2 * SECOND)).parameters().expect("parameters").clone();
    let second = std::time::Duration::from_secs(1);
    let short = DynamicSynchronizerParameters {
        confirmation_response_timeout: second / 2,
        mediator_reaction_timeout: second / 2,
        ..before
    };
    let short = bench.broadcast("short", &[bench.network.parameters(2, short)]);
    send(&mut bench, 3 * SECOND, &short);
    tick(&mut bench, 3 * SECOND + DELAY_MICROS);
    let now = 60 * SECOND;
    delivered(&send(&mut bench, now, &to_mediators(&alice, 1, at(end))));
    rejected(&send(&mut bench, now + 10, &to_mediators(&alice, 1, at(now - 10 * SECOND))), "OUTDATED_TRAFFIC_COST");
    let last = 3 * SECOND + DELAY_MICROS + TOLERANCE;
    delivered(&send(&mut bench, end + TOLERANCE, &to_mediators(&alice, 1, at(end))));
    send(&mut bench, last + 1, &Submission::new(&alice, "proof").cost(0, None));
    assert_eq!(group_size(&bench, end), None);
    assert_ne!(parameters(), *bench.state.snapshot(at(last)).parameters().expect("parameters"));
}

#[test]
fn old_keys_verify_acknowledgements_of_their_time_for_ever() {
    let mut bench = bench();
    let (alice, carol) = (bench.participants[0].clone(), participant("carol"));
    let rotated = alice.with_protocol_key("alice's second key");
    let joins = bench.broadcast("joins", &bench.network.participant(&carol));
    send(&mut bench, 0, &joins);
    let rotates = bench.broadcast("rotates", &[rotated.owner_to_key(2)]);
    send(&mut bench, SECOND, &rotates);
    let effective = SECOND + DELAY_MICROS;
    send(&mut bench, 1_000 * SECOND, &Submission::new(&rotated, "proof").cost(0, None));
    let now = 2_000 * SECOND;
    for (signer, time, is_valid) in [
        (&alice, effective, true),
        (&rotated, effective, false),
        (&alice, effective + 1, false),
        (&rotated, effective + 1, true),
    ] {
        let event = bench.acknowledge(now, signer, at(time));
        let outcome = apply(&mut bench, now, vec![event]);
        assert_eq!(outcome.alarms.is_empty(), is_valid, "{time}");
    }
}
