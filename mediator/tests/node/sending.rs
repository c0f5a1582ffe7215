//! Verdicts on their way.

use std::collections::BTreeSet;
use std::time::Duration;

use synod_ordering::Clock as _;
use synod_types::CantonTimestamp;

use crate::bed::*;
use crate::script::{Sent, Step, simple};
use crate::sequencer::{Answer, Call};
use crate::world::{Shell, World, run, yields};

/// A request that is decided after a millisecond.
async fn decided(world: &World, shell: &Shell, at: i64, number: u8) -> Sent {
    let request = simple(&world.bed, at, number);
    world.step(shell, &Step::Event(at, request.envelopes.clone())).await;
    let answer = request.approved(&world.bed, "p1", &["alice"]);
    world.step(shell, &Step::Event(at + 1_000, answer)).await;
    request
}

fn seconds_after(calls: &[Call], time: CantonTimestamp) -> Vec<i64> {
    calls.iter().map(|call| call.at.micros_since(time) / 1_000_000).collect()
}

/// One thing is counted, once.
fn once(outcome: &str) -> std::collections::BTreeMap<String, u64> {
    [(outcome.to_owned(), 1)].into()
}

#[test]
fn nothing_is_sent_before_it_is_stored() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        let transaction = shell.store.database().begin_write().await.expect("the connection that writes");
        world.sequencer.sequence(at(START + 1_000), request.approved(&world.bed, "p1", &["alice"]));
        yields().await;
        assert_eq!((world.sequencer.handed(), world.sequencer.verdicts().len()), (2, 0));
        assert_eq!(shell.head.borrow().processed, Some(at(START)), "nothing is shown before it is stored");
        transaction.commit().await.expect("nothing is committed");
        world.rest(&shell).await;
        assert_eq!(world.sequencer.deliveries().len(), 1);
    });
}

#[test]
fn an_overloaded_sequencer_is_asked_again_with_growing_pauses_until_it_takes_the_verdict() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::Overloaded; 8]);
        decided(&world, &shell, START, 1).await;
        world.pass(&shell, Duration::from_secs(40)).await;
        let calls = world.sequencer.verdicts();
        assert_eq!(calls.len(), 9);
        assert_eq!(calls.iter().map(|call| &call.bytes).collect::<BTreeSet<_>>().len(), 1, "the same bytes each time");
        let pauses: Vec<i64> = calls.windows(2).map(|two| two[1].at.micros_since(two[0].at) / 100_000).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 50, 50, 50], "tenths of a second");
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (1, 0));
        assert_eq!(shell.submissions(), once("sequenced"));
    });
}

#[test]
fn a_verdict_that_was_sequenced_without_an_answer_is_not_sent_again_once_its_receipt_is_there() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::TakenUnavailable]);
        decided(&world, &shell, START, 1).await;
        world.pass(&shell, Duration::from_secs(20)).await;
        assert_eq!(world.sequencer.verdicts().len(), 1);
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (1, 0));
    });
}

#[test]
fn a_verdict_whose_receipt_is_on_its_way_is_sent_again_and_sequenced_once() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::TakenUnavailable]);
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        world.sequencer.pause_after(world.sequencer.events().len() + 1);
        let answer = request.approved(&world.bed, "p1", &["alice"]);
        world.step(&shell, &Step::Event(START + 1_000, answer)).await;
        world.pass(&shell, Duration::from_millis(300)).await;
        assert_eq!(world.sequencer.verdicts().len(), 2, "nobody knows that it was sequenced");
        world.sequencer.go_on();
        world.pass(&shell, Duration::from_secs(20)).await;
        assert_eq!(world.sequencer.verdicts().len(), 2);
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (1, 1));
        assert_eq!(shell.submissions(), once("sequenced"), "the refusal of the second one changes nothing");
    });
}

#[test]
fn a_verdict_that_is_refused_for_good_is_counted_and_not_sent_again() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::Refused]);
        decided(&world, &shell, START, 1).await;
        world.pass(&shell, Duration::from_secs(70)).await;
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries().len()), (1, 0));
        assert_eq!(shell.submissions(), once("refused"));
        assert!(shell.is_running());
        // Others are not concerned.
        decided(&world, &shell, START + 80_000_000, 2).await;
        assert_eq!(world.sequencer.deliveries().len(), 1);
        assert_eq!(shell.submissions(), [("refused".to_owned(), 1), ("sequenced".to_owned(), 1)].into());
    });
}

#[test]
fn a_verdict_that_is_taken_and_lost_is_given_up_after_its_decision_time() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::Lost]);
        decided(&world, &shell, START, 1).await;
        world.until(&shell, START + DECISION).await;
        assert_eq!(shell.submissions(), [].into());
        world.pass(&shell, Duration::from_secs(1)).await;
        assert_eq!(shell.submissions(), once("too_late"));
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries().len()), (1, 0));
    });
}

#[test]
fn a_verdict_that_nobody_takes_is_given_up_after_its_decision_time() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::Overloaded; 100]);
        decided(&world, &shell, START, 1).await;
        world.pass(&shell, Duration::from_secs(120)).await;
        let calls = world.sequencer.verdicts();
        assert!(calls.iter().all(|call| call.at <= at(START + DECISION)), "{calls:?}");
        assert!(seconds_after(&calls, at(START)).last().is_some_and(|last| *last > 50));
        assert_eq!(shell.submissions(), once("too_late"));
    });
}

#[test]
fn calls_without_an_answer_are_made_again_and_do_not_keep_others_from_being_made() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.sequencer.answer_verdicts([Answer::Silence; 3]);
        for number in 0..4 {
            decided(&world, &shell, START + 10_000 * i64::from(number), number).await;
        }
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries().len()), (4, 1));
        world.pass(&shell, Duration::from_secs(9)).await;
        assert_eq!(world.sequencer.verdicts().len(), 4, "an answer may take a while");
        world.pass(&shell, Duration::from_secs(2)).await;
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries_by_id().len()), (7, 4));
        assert_eq!(world.sequencer.refusals(), 0);
    });
}

#[test]
fn a_call_without_an_answer_takes_no_place_once_the_verdict_is_sequenced() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        // As many as are made at the same time: all are sequenced, and no call is answered.
        world.sequencer.answer_verdicts([Answer::TakenInSilence; 64]);
        for number in 0..65 {
            decided(&world, &shell, START + 10_000 * i64::from(number), number).await;
        }
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries_by_id().len()), (65, 65));
        assert_eq!(shell.submissions(), [("sequenced".to_owned(), 65)].into());
    });
}

#[test]
fn no_more_calls_are_made_at_the_same_time_than_allowed_and_all_verdicts_are_sent_in_the_end() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let requests: Vec<_> =
            (0..100).map(|number| simple(&world.bed, START + 1_000 * i64::from(number), number)).collect();
        world.sequencer.block_verdicts(true);
        let answer = |request: &Sent| (request.at + 200_000, request.approved(&world.bed, "p1", &["alice"]));
        let answers: Vec<_> = requests.iter().map(answer).collect();
        let requests = requests.into_iter().map(|request| (request.at, request.envelopes)).collect();
        world.step(&shell, &Step::Burst(requests)).await;
        world.step(&shell, &Step::Burst(answers)).await;
        assert_eq!(shell.finalized(CantonTimestamp::MAX).await.len(), 100);
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries().len()), (64, 0));
        world.sequencer.block_verdicts(false);
        world.rest(&shell).await;
        assert_eq!((world.sequencer.verdicts().len(), world.sequencer.deliveries_by_id().len()), (100, 100));
        assert_eq!(shell.submissions(), [("sequenced".to_owned(), 100)].into());
    });
}

/// `m1` with six others; the remainder of [`START`] by seven is 1, and the turn of `m1` goes with it.
const SEVEN: &[Group] = &[(0, 1, &["m1", "m2", "m3", "m4", "m5", "m6", "m7"], &[])];

#[test]
fn a_spare_mediator_waits_for_its_turn() {
    // The turn after `START`, and how long it waits then: it is a spare from the fourth on.
    for (later, seconds) in [(0, 0), (6, 0), (3, 3), (4, 4), (5, 5)] {
        run(async move {
            let mut world = World::with_groups(SEVEN);
            let shell = world.start().await;
            // A thousand is 6 by seven.
            let time = (0..7).map(|step| START + 1_000 * step).find(|time| time % 7 == (START + later) % 7);
            let time = time.expect("one of seven");
            decided(&world, &shell, time, 1).await;
            let decided_at = world.clock.now();
            assert_eq!(world.sequencer.verdicts().is_empty(), seconds > 0, "{later}");
            world.pass(&shell, Duration::from_secs(20)).await;
            assert_eq!(seconds_after(&world.sequencer.verdicts(), decided_at), [seconds], "{later}");
            assert_eq!(world.sequencer.deliveries().len(), 1);
        });
    }
}

#[test]
fn a_spare_mediator_does_not_wait_when_the_decision_time_is_near() {
    run(async {
        let mut world = World::with_groups(SEVEN);
        // Three seconds of waiting, and then less than this would be left.
        world.settings.immediate_before_deadline = Duration::from_micros((DECISION - 3_000_000).unsigned_abs());
        let shell = world.start().await;
        let time = (0..7).map(|step| START + 1_000 * step).find(|time| time % 7 == (START + 3) % 7);
        decided(&world, &shell, time.expect("one of seven"), 1).await;
        assert_eq!(world.sequencer.deliveries().len(), 1);
    });
}

#[test]
fn a_spare_mediator_keeps_its_turn_over_a_restart() {
    run(async {
        let mut world = World::with_groups(SEVEN);
        let shell = world.start().await;
        let time = (0..7).map(|step| START + 1_000 * step).find(|time| time % 7 == (START + 5) % 7);
        decided(&world, &shell, time.expect("one of seven"), 1).await;
        let decided_at = world.clock.now();
        world.pass(&shell, Duration::from_secs(1)).await;
        world.kill(shell).await;
        let shell = world.start().await;
        world.pass(&shell, Duration::from_secs(20)).await;
        assert_eq!(seconds_after(&world.sequencer.verdicts(), decided_at), [5]);
        assert_eq!(world.sequencer.deliveries().len(), 1);
    });
}

#[test]
fn a_mediator_that_only_listens_stores_verdicts_and_sends_none() {
    run(async {
        let mut world = World::with_groups(&[(0, 1, &["m2"], &["m1"])]);
        let shell = world.start().await;
        let request = decided(&world, &shell, START, 1).await;
        world.pass(&shell, Duration::from_secs(70)).await;
        assert_eq!(world.sequencer.verdicts(), []);
        world.check(&shell, &[request.at]).await;
        assert_eq!(shell.finalized(CantonTimestamp::MAX).await.len(), 1);
        world.kill(shell).await;
        assert_eq!(world.start().await.resumed.submissions, []);
    });
}
