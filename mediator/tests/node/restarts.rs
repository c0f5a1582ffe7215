//! The process ends somewhere, and starts again.

use std::collections::BTreeMap;
use std::time::Duration;

use synod_crypto::KeyUsages;
use synod_mediator::store::{DeduplicationRow, FinalizedRow};
use synod_testkit::requests::key;
use synod_types::{CantonTimestamp, MessageId};

use crate::bed::*;
use crate::script::{self, Script, Step, by_the_rules, simple};
use crate::sequencer::{Answer, Delivery};
use crate::world::{Shell, World, run};

/// What there is in the end.
#[derive(Debug, PartialEq)]
struct End {
    finalized: Vec<FinalizedRow>,
    deduplication: Vec<DeduplicationRow>,
    deliveries: BTreeMap<MessageId, Delivery>,
}

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Each when everything that follows from the one before has happened.
    Slow,
    /// Many at the same time, so that one transaction has many.
    Bursts,
}

/// Plays the script. The process ends at the point with number `first`, and then again so many points later as `further`
/// says each time. Returns what there is in the end, and all points that were passed.
async fn play(pace: Pace, first: Option<usize>, further: &[usize]) -> (End, Vec<String>) {
    let mut world = World::new();
    world.add_key(key(script::SECOND_KEY, KeyUsages::PROTOCOL));
    let script = script::interleaved(&world.bed);
    let Script { steps, requests } = if pace == Pace::Bursts { script.in_bursts() } else { script };
    let ids: Vec<i64> = requests.keys().copied().collect();
    let mut ends = first.into_iter().chain(further.iter().copied());
    let mut passed = 0;
    let mut next_end = |world: &World| {
        if let Some(points) = ends.next() {
            world.sequencer.end_at(passed + points);
            passed += points + 1;
        }
    };
    next_end(&world);
    let mut shell = world.start().await;
    for (number, step) in steps.iter().enumerate() {
        loop {
            let ended = tokio::select! {
                biased;
                () = world.sequencer.ended() => true,
                () = async {
                    world.step(&shell, step).await;
                    world.sequencer.point(format!("step {number} is done and stored")).await;
                } => false,
            };
            if !ended {
                break;
            }
            world.kill(shell).await;
            assert!(world.sequencer.take_ended());
            next_end(&world);
            shell = world.start().await;
        }
        world.check(&shell, &ids).await;
    }
    assert_eq!(shell.head.borrow().clean, world.sequencer.last());
    assert_eq!(world.sequencer.refusals(), 0, "nothing is sequenced twice");
    let (finalized, _) = by_the_rules(&world);
    let points = world.sequencer.points();
    world.stop(shell).await;
    let shell = world.start().await;
    assert_eq!(shell.resumed.submissions, [], "everything was seen sequenced");
    assert_eq!(shell.resumed.head, shell.resumed.prehead);
    let end = End {
        finalized: shell.finalized(CantonTimestamp::MAX).await,
        deduplication: shell.resumed.deduplication.clone(),
        deliveries: world.sequencer.deliveries_by_id(),
    };
    assert_eq!(end.finalized, finalized);
    (end, points)
}

/// Ends the process once at each point.
async fn everywhere(pace: Pace) {
    let (expected, _) = play(Pace::Slow, None, &[]).await;
    assert_eq!((expected.finalized.len(), expected.deliveries.len(), expected.deduplication.len()), (7, 7, 6));
    let (end, points) = play(pace, None, &[]).await;
    assert_eq!(end, expected, "{pace:?}");
    for (number, point) in points.iter().enumerate() {
        let (end, passed) = play(pace, Some(number), &[]).await;
        assert!(passed.len() > number, "the run ended at {number}");
        assert_eq!(end, expected, "{pace:?}, ended at {number}: {point}");
    }
}

#[test]
fn wherever_the_process_ends_the_verdicts_and_what_is_sequenced_are_the_same() {
    run(everywhere(Pace::Slow));
}

#[test]
fn wherever_the_process_ends_while_many_events_come_the_end_is_the_same() {
    run(everywhere(Pace::Bursts));
}

#[test]
fn a_process_that_ends_again_and_again_comes_to_the_same_end() {
    run(async {
        let (expected, points) = play(Pace::Slow, None, &[]).await;
        for (pace, number) in [(Pace::Slow, 0), (Pace::Slow, 1), (Pace::Bursts, 2), (Pace::Bursts, 3)] {
            // So many points are passed between two ends that every run comes further than the one before.
            let further: Vec<usize> = (0..12).map(|run| number + run * 3).collect();
            let (end, passed) = play(pace, Some(points.len() / 3 + number), &further).await;
            assert!(passed.len() > points.len(), "it began again");
            assert_eq!(end, expected, "{pace:?}, {number}");
        }
    });
}

#[test]
fn what_was_processed_stays_so_while_events_come_again() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        for number in 0..3 {
            let request = simple(&world.bed, START + 1_000 * i64::from(number), number);
            world.step(&shell, &Step::Event(request.at, request.envelopes)).await;
        }
        world.kill(shell).await;
        world.sequencer.pause_after(1);
        let shell = world.start().await;
        world.rest(&shell).await;
        assert_eq!((shell.resumed.head, shell.resumed.prehead), (Some(at(START + 2_000)), None));
        let head = shell.head.borrow().clone();
        assert_eq!((head.processed, head.clean, head.pending), (Some(at(START + 2_000)), None, 1));
        world.sequencer.go_on();
        world.rest(&shell).await;
        let head = shell.head.borrow().clone();
        assert_eq!((head.processed, head.clean, head.pending), (Some(at(START + 2_000)), None, 3));
    });
}

/// A verdict that is stored and lost on its way; nothing else.
async fn lost_verdict(world: &mut World) -> Shell {
    let shell = world.start().await;
    let request = simple(&world.bed, START, 1);
    world.sequencer.answer_verdicts([Answer::Lost]);
    world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
    let answer = request.approved(&world.bed, "p1", &["alice"]);
    world.step(&shell, &Step::Event(START + 1_000, answer)).await;
    assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries().len()), (1, 0));
    shell
}

#[test]
fn a_verdict_of_before_the_restart_is_sent_when_everything_of_before_is_drained() {
    run(async {
        let mut world = World::new();
        let shell = lost_verdict(&mut world).await;
        world.kill(shell).await;
        // The tick after the restart, and nothing of before, is still on its way.
        world.sequencer.pause_after(world.sequencer.events().len());
        let shell = world.start().await;
        assert_eq!(shell.resumed.submissions.len(), 1);
        world.rest(&shell).await;
        let ticks = world.sequencer.ticks();
        assert_eq!(ticks.len(), 1, "the time is asked for at once");
        assert!(ticks[0].message_id.as_str().starts_with("tick-restart-"));
        world.pass(&shell, Duration::from_millis(900)).await;
        assert_eq!(world.sequencer.verdicts().len(), 1, "nothing is sent before the time has come");
        world.sequencer.go_on();
        world.rest(&shell).await;
        let calls = world.sequencer.verdicts();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].bytes, calls[1].bytes, "the same bytes again");
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (1, 0));
        world.pass(&shell, Duration::from_secs(20)).await;
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.ticks().len()), (2, 1));
        world.check(&shell, &[START]).await;
    });
}

#[test]
fn a_verdict_whose_receipt_is_among_the_drained_events_is_not_sent_again() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        // The answer comes, and then all that follows is held back: the receipt.
        let answer = request.approved(&world.bed, "p1", &["alice"]);
        world.sequencer.end_at(world.sequencer.points().len() + 3);
        let step = Step::Event(START + 1_000, answer);
        tokio::select! {
            biased;
            () = world.sequencer.ended() => {}
            () = world.step(&shell, &step) => panic!("it goes on: {:?}", world.sequencer.points()),
        }
        assert!(world.sequencer.take_ended());
        assert_eq!(world.sequencer.deliveries().len(), 1, "it is sequenced");
        world.kill(shell).await;
        let shell = world.start().await;
        assert_eq!(shell.resumed.submissions.len(), 1, "its receipt was not seen");
        world.rest(&shell).await;
        world.pass(&shell, Duration::from_secs(10)).await;
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.refusals()), (1, 0));
        world.kill(shell).await;
        assert_eq!(world.start().await.resumed.submissions, []);
    });
}

#[test]
fn the_time_after_a_restart_is_asked_for_until_it_comes() {
    run(async {
        let mut world = World::new();
        let shell = lost_verdict(&mut world).await;
        world.kill(shell).await;
        world.sequencer.answer_ticks([Answer::Overloaded, Answer::Lost, Answer::Silence]);
        let shell = world.start().await;
        world.pass(&shell, Duration::from_secs(14)).await;
        assert_eq!(world.sequencer.ticks().len(), 3, "every five seconds");
        assert_eq!(world.sequencer.verdicts().len(), 1);
        // While a call hangs, events are handled.
        let next = simple(&world.bed, START + 15_000_000, 2);
        world.step(&shell, &Step::Event(next.at, next.envelopes.clone())).await;
        let answer = next.approved(&world.bed, "p1", &["alice"]);
        world.step(&shell, &Step::Event(next.at + 1_000, answer)).await;
        assert_eq!(shell.finalized(CantonTimestamp::MAX).await.len(), 2);
        assert_eq!(world.sequencer.deliveries().len(), 1, "what is new is sent at once");
        world.pass(&shell, Duration::from_secs(10)).await;
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (2, 0));
    });
}

#[test]
fn a_verdict_of_before_the_restart_is_not_sent_after_its_decision_time() {
    run(async {
        for (passes, is_sent) in [(DECISION - 1_000_000, true), (DECISION + 1_000, false)] {
            let mut world = World::new();
            let shell = lost_verdict(&mut world).await;
            world.kill(shell).await;
            // Two milliseconds are over.
            tokio::time::advance(Duration::from_micros((passes - 2_000).unsigned_abs())).await;
            let shell = world.start().await;
            assert_eq!(shell.resumed.submissions.len(), 1);
            world.rest(&shell).await;
            world.pass(&shell, Duration::from_secs(10)).await;
            assert_eq!(world.sequencer.verdicts().len(), 1 + usize::from(is_sent));
            assert_eq!(world.sequencer.deliveries().len(), usize::from(is_sent));
            let outcome = if is_sent { "sequenced" } else { "too_late" };
            assert_eq!(shell.submissions(), [(outcome.to_owned(), 1)].into());
        }
    });
}
