//! A restart at any block, and any number of threads, change nothing.

use std::num::NonZeroUsize;

use synod_machine::{BlockOutcome, FrameStamp, Machine, OrderedBlock, OrderedEvent, State};
use synod_testkit::requests::Submission;
use synod_topology::TrafficControlParameters;
use synod_types::MediatorGroupIndex;
use synod_wire::AggregationRule;

use crate::bench::{Bench, at, participant, with_traffic};

/// Blocks in which everything happens that the state remembers.
fn blocks(bench: &Bench) -> Vec<OrderedBlock> {
    let (alice, bob) = (&bench.participants[0], &bench.participants[1]);
    let carol = participant("carol");
    let to_bob = bob.member().to_string();
    let rule = AggregationRule::MediatorGroup(MediatorGroupIndex::new(0).expect("not negative"));
    let verdict = |mediator: usize, end: i64| {
        let sender = &bench.mediators[mediator];
        Submission::new(sender, "verdict").signed_to(&[&to_bob], b"verdict").aggregation(rule.clone()).until(at(end))
    };
    let paid = Submission::new(alice, "request").to(&[&to_bob], &[7; 100]).cost(150, None);
    let unpaid = Submission::new(alice, "unpaid").to(&[&to_bob], &[7; 100]);
    let many: Vec<OrderedEvent> = (0..40)
        .map(|number| {
            bench.send(2_000_000 + number, &Submission::new(alice, &format!("request {number}")).cost(0, None))
        })
        .collect();
    let blocks = vec![
        (0, vec![bench.send(0, &paid), bench.send(1, &verdict(0, 900_000)), bench.send(2, &verdict(0, 9_000_000))]),
        (10, vec![bench.send(10, &bench.broadcast("joins", &bench.network.participant(&carol)))]),
        (20, vec![bench.send(20, &unpaid), bench.acknowledge(21, bob, at(2))]),
        (300_000, Vec::new()),
        (
            400_000,
            vec![bench.send(400_000, &Submission::new(&carol, "proof")), bench.send(400_001, &verdict(1, 900_000))],
        ),
        (1_000_000, vec![bench.send(1_000_000, &paid), bench.acknowledge(1_000_001, bob, at(1))]),
        (2_000_000, many),
        (3_000_000, vec![bench.send(3_000_000, &verdict(2, 9_000_000)), bench.send(3_000_001, &paid)]),
    ];
    let block = |(height, (base, events)): (u64, (i64, Vec<OrderedEvent>))| OrderedBlock {
        height,
        base_time: at(base),
        tick_at: None,
        frames: vec![FrameStamp { id: [height.to_le_bytes()[0]; 32], valid_until: at(base + 1_500_000) }],
        events,
    };
    (0..).zip(blocks).map(block).collect()
}

fn bench() -> Bench {
    let traffic = TrafficControlParameters { max_base_traffic_amount: 1_000, ..TrafficControlParameters::default() };
    Bench::with(with_traffic(TrafficControlParameters { read_vs_write_scaling_factor: 5_000, ..traffic }))
}

fn outcomes(bench: &mut Bench, blocks: &[OrderedBlock]) -> Vec<BlockOutcome> {
    blocks.iter().map(|block| bench.apply(block)).collect()
}

#[test]
fn a_restart_at_any_block_gives_the_same_outcomes() {
    let mut whole = bench();
    let blocks = blocks(&whole);
    let expected = outcomes(&mut whole, &blocks);
    assert!(expected.iter().all(|outcome| !outcome.frames.is_empty()));
    for restart in 0..blocks.len() {
        let mut before = bench();
        assert_eq!(outcomes(&mut before, &blocks[..restart]), expected[..restart]);
        let checkpoint = before.state.checkpoint(before.rows.clone());
        before.state = State::restore(checkpoint.clone()).expect("a sound checkpoint");
        assert_eq!(before.state.checkpoint(before.rows.clone()), checkpoint);
        assert_eq!(outcomes(&mut before, &blocks[restart..]), expected[restart..], "restart before block {restart}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut one = bench();
    let blocks = blocks(&one);
    let expected = outcomes(&mut one, &blocks);
    for threads in [2, 5] {
        let mut many = bench();
        many.machine = Machine::new(NonZeroUsize::new(threads).expect("not zero"));
        assert_eq!(outcomes(&mut many, &blocks), expected);
        assert_eq!(many.state.app_hash(), one.state.app_hash());
    }
}

#[test]
fn frames_are_remembered_as_long_as_they_can_come_again() {
    let mut bench = bench();
    let frame = FrameStamp { id: [9; 32], valid_until: at(100) };
    let block = |height, base| OrderedBlock {
        height,
        base_time: at(base),
        tick_at: None,
        frames: vec![frame],
        events: Vec::new(),
    };
    let outcome = bench.apply(&block(0, 50));
    assert_eq!(outcome.frames, [frame]);
    let hash = bench.state.app_hash();
    assert!(bench.state.has_frame(&frame.id));
    // Again: nothing is new.
    let outcome = bench.apply(&block(1, 60));
    assert!(outcome.frames.is_empty());
    bench.block_at(at(100), Vec::new());
    assert!(bench.state.has_frame(&frame.id));
    bench.block_at(at(101), Vec::new());
    assert!(!bench.state.has_frame(&frame.id));
    assert_eq!(bench.state.app_hash(), hash, "forgetting changes nothing that nodes agree in");
}

#[test]
fn a_block_that_does_not_follow_is_a_fault_and_changes_nothing() {
    let mut bench = bench();
    let block = OrderedBlock { height: 7, base_time: at(0), tick_at: None, frames: Vec::new(), events: Vec::new() };
    assert!(bench.machine.apply(&mut bench.state, &block).is_err());
    assert_eq!(bench.state.height(), None);
}
