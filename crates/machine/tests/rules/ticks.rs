//! Ticks at the end of a block (ch. 03 §3.10).

use synod_machine::{EventKind, EventRecipients, OrderedBlock};
use synod_testkit::requests::Submission;

use crate::bench::{Bench, DELAY_MICROS, at, message_ids, only, times};

#[test]
fn a_tick_comes_with_the_first_block_whose_base_time_is_after_the_effective_time() {
    let mut bench = Bench::new();
    let broadcast = bench.broadcast("topology", &[]);
    bench.send_at(1_000, &broadcast);
    let effective = 1_000 + DELAY_MICROS;
    assert_eq!(bench.state.pending_topology_effective(), Some(at(effective)));
    assert!(bench.block_at(at(effective - 1), Vec::new()).events.is_empty());
    assert!(bench.block_at(at(effective), Vec::new()).events.is_empty(), "the effective time has to be before");
    let outcome = bench.block_at(at(effective + 1), Vec::new());
    let tick = only(&outcome);
    assert_eq!((tick.time, tick.kind, tick.sender), (at(effective + 1), EventKind::Deliver, None));
    assert_eq!((tick.message_id.as_str(), &tick.recipients), ("topology-tick-3", &EventRecipients::All));
    assert_eq!(outcome.latest_sequencer_event, Some(at(effective + 1)));
    assert_eq!((outcome.latest_pending_topology, bench.state.pending_topology_effective()), (None, None));
    assert!(bench.block_at(at(effective + 5_000_000), Vec::new()).events.is_empty(), "one tick is enough");
}

#[test]
fn a_tick_comes_right_after_an_event_at_the_effective_time() {
    let mut bench = Bench::new();
    let broadcast = bench.broadcast("topology", &[]);
    bench.send_at(1_000, &broadcast);
    let effective = 1_000 + DELAY_MICROS;
    let proof = Submission::new(&bench.participants[0], "proof");
    // Before: the event itself is not after the effective time.
    assert_eq!(message_ids(&bench.send_at(effective - 1, &proof)), ["proof"]);
    let outcome = bench.send_at(effective, &proof);
    assert_eq!(message_ids(&outcome), ["proof", "topology-tick-2"]);
    assert_eq!(times(&outcome), [effective, effective + 1]);
}

#[test]
fn no_tick_when_the_block_before_ended_at_the_effective_time() {
    let mut bench = Bench::new();
    let broadcast = bench.broadcast("topology", &[]);
    bench.send_at(1_000, &broadcast);
    let effective = 1_000 + DELAY_MICROS;
    // A tick that ordering asks for makes the change observable, and does not count as one for it.
    let block = OrderedBlock {
        height: bench.state.next_height(),
        base_time: at(2_000),
        tick_at: Some(at(effective)),
        frames: Vec::new(),
        events: Vec::new(),
    };
    let outcome = bench.apply(&block);
    let sequencer = bench.index(&bench.sequencer);
    assert_eq!(times(&outcome), [effective]);
    assert_eq!(only(&outcome).recipients, EventRecipients::Members(vec![sequencer]));
    assert_eq!(outcome.latest_pending_topology, Some(at(1_000)));
    assert!(bench.block_at(at(effective + 1_000), Vec::new()).events.is_empty());
    assert_eq!(bench.state.pending_topology_effective(), None, "nothing waits that a tick could come for");
}

#[test]
fn only_delivered_broadcasts_to_everybody_alone_wait_for_a_tick() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let mixed = Submission::new(&alice, "mixed").to(&["ALL::All"], b"x").to(&["SOD::"], b"y");
    let outcome = bench.send_at(1_000, &mixed);
    assert_eq!(outcome.events[0].kind, EventKind::Deliver);
    assert_eq!(outcome.latest_sequencer_event, Some(at(1_000)));
    assert_eq!(outcome.latest_pending_topology, None);
}

#[test]
fn the_sequencers_see_what_addresses_them_as_a_group_or_everybody() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let to_one = Submission::new(&alice, "to one").to(&[&bench.sequencer.member().to_string()], b"x");
    assert_eq!(bench.send_at(10, &to_one).latest_sequencer_event, None);
    assert_eq!(bench.send_at(20, &Submission::new(&alice, "to none")).latest_sequencer_event, None);
    let to_all = Submission::new(&alice, "to all of them").to(&["SOD::"], b"x");
    assert_eq!(bench.send_at(30, &to_all).latest_sequencer_event, Some(at(30)));
}
