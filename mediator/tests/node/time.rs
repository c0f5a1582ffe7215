//! Deadlines in silence, and acknowledgements.

use std::time::Duration;

use synod_mediator::messages::Verdict;
use synod_types::CantonTimestamp;

use crate::bed::*;
use crate::expected::{assert_same, timeout};
use crate::script::{Step, simple};
use crate::sequencer::Answer;
use crate::world::{Shell, World, run};

/// A request that nobody answers.
async fn silent(world: &World, shell: &Shell) {
    let request = simple(&world.bed, START, 1);
    world.step(shell, &Step::Event(START, request.envelopes.clone())).await;
}

async fn assert_timed_out(world: &mut World, shell: &Shell) {
    let stored = shell.finalized(CantonTimestamp::MAX).await;
    assert_eq!(stored.len(), 1);
    assert_same(
        "silence",
        &Verdict::parse(&stored[0].verdict).expect("a verdict"),
        &timeout(&[party("alice").to_string()]),
    );
    assert_eq!(stored[0].finalization_time, at(START + DEADLINE + 1));
    assert_eq!(world.sequencer.deliveries().len(), 1);
    world.check(shell, &[START]).await;
}

#[test]
fn a_deadline_in_silence_is_decided_by_one_request_for_the_time() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        silent(&world, &shell).await;
        // Observation latency after the deadline.
        world.until(&shell, START + DEADLINE + 249_000).await;
        assert_eq!(world.sequencer.ticks(), []);
        world.until(&shell, START + DEADLINE + 251_000).await;
        let ticks = world.sequencer.ticks();
        assert_eq!(ticks.len(), 1);
        assert!(ticks[0].message_id.as_str().starts_with("tick-"), "sequencers know it by that");
        assert_timed_out(&mut world, &shell).await;
        world.pass(&shell, Duration::from_secs(60)).await;
        assert_eq!(world.sequencer.ticks().len(), 1, "there is no other deadline");
    });
}

#[test]
fn the_time_is_not_asked_for_while_events_come() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        silent(&world, &shell).await;
        // The sequencer is behind: its events come, and are from before the deadline.
        world.until(&shell, START + DEADLINE - 100_000).await;
        for number in 0..10 {
            world.sequencer.sequence(at(START + DEADLINE - 100_000 + number), Vec::new());
            world.rest(&shell).await;
            world.pass(&shell, Duration::from_millis(400)).await;
            assert_eq!(world.sequencer.ticks(), [], "{number}");
        }
        world.pass(&shell, Duration::from_millis(101)).await;
        assert_eq!(world.sequencer.ticks().len(), 1, "patience is over");
        assert_timed_out(&mut world, &shell).await;
    });
}

#[test]
fn an_event_after_the_deadline_needs_no_request_for_the_time() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        silent(&world, &shell).await;
        world.step(&shell, &Step::Event(START + DEADLINE + 1_000, Vec::new())).await;
        assert_timed_out(&mut world, &shell).await;
        world.pass(&shell, Duration::from_secs(10)).await;
        assert_eq!(world.sequencer.ticks(), []);
    });
}

#[test]
fn the_time_is_asked_for_with_growing_pauses_until_it_comes() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        silent(&world, &shell).await;
        world.sequencer.answer_ticks([Answer::Lost, Answer::Overloaded, Answer::Refused, Answer::Silence]);
        world.sequencer.answer_ticks([Answer::Lost; 3]);
        world.until(&shell, START + DEADLINE + 20_000_000).await;
        let ticks = world.sequencer.ticks();
        let pauses: Vec<i64> = ticks.windows(2).map(|two| two[1].at.micros_since(two[0].at) / 100_000).collect();
        // Of the one without an answer five seconds more.
        assert_eq!(pauses, [2, 4, 8, 66, 32, 50], "tenths of a second");
        assert!(shell.finalized(CantonTimestamp::MAX).await.is_empty());
        world.pass(&shell, Duration::from_secs(10)).await;
        assert_eq!(world.sequencer.ticks().len(), 8);
        assert_timed_out(&mut world, &shell).await;
    });
}

#[test]
fn a_deadline_that_passed_while_the_process_was_down_is_decided_after_the_restart() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        silent(&world, &shell).await;
        world.kill(shell).await;
        tokio::time::advance(Duration::from_secs(40)).await;
        let shell = world.start().await;
        world.pass(&shell, Duration::from_millis(450)).await;
        assert_eq!(world.sequencer.ticks(), [], "the event that came again is patience's beginning");
        world.pass(&shell, Duration::from_millis(100)).await;
        assert_eq!(world.sequencer.ticks().len(), 1);
        assert_timed_out(&mut world, &shell).await;
    });
}

#[test]
fn only_what_is_finished_is_acknowledged() {
    run(async {
        let mut world = World::new();
        world.settings.acknowledgement_interval = Duration::from_secs(10);
        let shell = world.start().await;
        world.step(&shell, &Step::Event(START - 1_000, Vec::new())).await;
        silent(&world, &shell).await;
        world.until(&shell, START + DEADLINE - 1_000).await;
        assert_eq!(world.sequencer.acknowledged(), [at(START - 1_000)], "the request is open");
        world.until(&shell, START + 45_000_000).await;
        let clean = world.sequencer.last().expect("events");
        assert_eq!(world.sequencer.acknowledged(), [at(START - 1_000), clean]);
        world.pass(&shell, Duration::from_secs(60)).await;
        assert_eq!(world.sequencer.acknowledged(), [at(START - 1_000), clean], "once");
    });
}
