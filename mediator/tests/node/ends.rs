//! What ends a mediator, and what is left then.

use std::time::Duration;

use synod_client::ClientError;
use synod_mediator::node::MediatorFault;
use synod_store::StoreFault;
use synod_testkit::databases::lease;
use synod_types::CantonTimestamp;

use crate::bed::*;
use crate::script::{Step, simple};
use crate::sequencer::Answer;
use crate::world::{World, run, yields};

#[test]
fn a_lost_lease_is_the_end() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        lease(&shell.store, "m1").await;
        world.sequencer.sequence(at(START + 1), request.approved(&world.bed, "p1", &["alice"]));
        let (sequencer, mediator) = (world.sequencer.clone(), shell.mediator.clone());
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Store(StoreFault::LeaseLost { .. })), "{fault:?}");
        assert_eq!(mediator.progress().await.expect("reads"), (Some(at(START)), None), "nothing was written");
        assert_eq!(sequencer.verdicts(), [], "nothing was sent");
    });
}

#[test]
fn nothing_is_sent_any_more_when_the_lease_is_lost() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.sequencer.answer_verdicts([Answer::Overloaded; 3]);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        let answer = request.approved(&world.bed, "p1", &["alice"]);
        world.step(&shell, &Step::Event(START + 1_000, answer)).await;
        assert_eq!(world.sequencer.verdicts().len(), 1);
        lease(&shell.store, "m1").await;
        world.sequencer.sequence(at(START + 2_000), Vec::new());
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Store(StoreFault::LeaseLost { .. })), "{fault:?}");
        tokio::time::advance(Duration::from_secs(10)).await;
        yields().await;
        assert_eq!(world.sequencer.verdicts().len(), 1, "the next holder sends it");
        let shell = world.start().await;
        world.pass(&shell, Duration::from_secs(10)).await;
        assert_eq!((world.sequencer.deliveries().len(), world.sequencer.refusals()), (1, 0));
    });
}

#[test]
fn a_store_that_fails_is_the_end_and_a_restart_goes_on() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        let store = shell.store.clone();
        store.close().await;
        world.sequencer.sequence(at(START + 1_000), request.approved(&world.bed, "p1", &["alice"]));
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Store(StoreFault::Database { .. })), "{fault:?}");
        assert_eq!(world.sequencer.verdicts(), [], "nothing was sent");
        drop(store);
        yields().await;

        let shell = world.start().await;
        world.rest(&shell).await;
        world.check(&shell, &[START]).await;
        assert_eq!(world.sequencer.deliveries().len(), 1);
    });
}

#[test]
fn a_commit_that_does_not_end_is_the_end() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.step(&shell, &Step::Event(START, Vec::new())).await;
        let transaction = shell.store.database().begin_write().await.expect("the connection that writes");
        world.sequencer.sequence(at(START + 1), Vec::new());
        yields().await;
        assert!(shell.is_running());
        tokio::time::advance(Duration::from_secs(120)).await;
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Store(_)), "{fault:?}");
        drop(transaction);
    });
}

#[test]
fn events_that_end_are_the_end() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.step(&shell, &Step::Event(START, Vec::new())).await;
        world.sequencer.break_events();
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Events(ClientError::Timeout { .. })), "{fault:?}");
    });
}

#[test]
fn a_part_that_panics_is_the_end() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        world.step(&shell, &Step::Event(START, Vec::new())).await;
        world.sequencer.panic_when_acknowledged();
        world.step(&shell, &Step::Event(START + 1_000, Vec::new())).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        let fault = shell.fault().await;
        assert!(matches!(fault, MediatorFault::Part(Some(_))), "{fault:?}");
    });
}

#[test]
fn what_was_handled_before_the_end_is_stored_and_sent_after_the_next_start() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let requests: Vec<_> =
            (0..20).map(|number| simple(&world.bed, START + 1_000 * i64::from(number), number)).collect();
        for request in &requests {
            world.step(&shell, &Step::Event(request.at, request.envelopes.clone())).await;
        }
        // The connection that writes is busy: events are handled, and not stored.
        let transaction = shell.store.database().begin_write().await.expect("the connection");
        for request in &requests {
            let answer = request.approved(&world.bed, "p1", &["alice"]);
            world.sequencer.sequence(at(request.at + 100_000), answer);
            yields().await;
        }
        assert_eq!(world.sequencer.handed(), 40);
        let stop = shell.stop.clone();
        stop.cancel();
        yields().await;
        assert!(shell.is_running(), "what was handled is not stored yet");
        // After the end nothing is handled.
        world.sequencer.sequence(at(START + 1_000_000), Vec::new());
        transaction.commit().await.expect("nothing is committed");
        world.stop(shell).await;
        assert_eq!(world.sequencer.handed(), 40);
        assert_eq!(world.sequencer.verdicts(), [], "the sender had ended");

        let ids: Vec<i64> = requests.iter().map(|request| request.at).collect();
        let shell = world.start().await;
        assert_eq!(shell.finalized(CantonTimestamp::MAX).await.len(), 20);
        assert_eq!(shell.resumed.submissions.len(), 20);
        assert_eq!(shell.resumed.head, Some(at(START + 119_000)));
        world.rest(&shell).await;
        world.check(&shell, &ids).await;
        assert_eq!((world.sequencer.deliveries_by_id().len(), world.sequencer.refusals()), (20, 0));
    });
}

#[test]
fn a_slow_store_stops_the_reading_of_events() {
    run(async {
        /// Handled and waiting, in a transaction, and one in hand.
        const MOST: usize = 1_024 + 512 + 1;
        const EVENTS: i64 = 4_000;
        let mut world = World::new();
        let shell = world.start().await;
        let transaction = shell.store.database().begin_write().await.expect("the connection");
        for number in 0..EVENTS {
            world.sequencer.sequence(at(START + number), Vec::new());
        }
        for _ in 0..100 {
            yields().await;
        }
        let handed = world.sequencer.handed();
        assert!((1_024..=MOST).contains(&handed), "{handed}");
        transaction.commit().await.expect("nothing is committed");
        world.rest(&shell).await;
        assert_eq!(world.sequencer.handed(), 4_000);
        assert_eq!(shell.head.borrow().clean, Some(at(START + EVENTS - 1)));
    });
}
