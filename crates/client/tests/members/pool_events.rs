//! Events that several sequencers deliver.

use std::future::Future;
use std::time::Duration;

use synod_client::{
    ClientError, ConnectionState, ConnectionValidation, EventError, PoolDelays, PoolHealth, PoolSubscription,
    SequencerPool,
};
use synod_types::CantonTimestamp;
use tonic::Status;

use crate::pool_group::{Group, QUICK, next, next_time, subscribe};
use crate::{LIMIT, soon};

/// Why too few sequencers are left, and how many are.
fn too_few(error: ClientError) -> (usize, ClientError) {
    match error {
        ClientError::TooFewSequencers { left, source, .. } => (left, *source),
        other => panic!("another error: {other:?}"),
    }
}

fn event_error(error: ClientError) -> EventError {
    match error {
        ClientError::Event(error) => *error,
        other => panic!("another error: {other:?}"),
    }
}

/// Hands on until everything was read that the subscription waits for, without an event.
async fn no_event(subscription: &mut PoolSubscription) {
    let waiting = tokio::time::timeout(Duration::from_millis(50), subscription.next()).await;
    assert!(waiting.is_err(), "an event that too few delivered: {waiting:?}");
}

/// Reads on, without an event, until something has happened.
async fn reading_until<T>(subscription: &mut PoolSubscription, happened: impl Future<Output = T>) -> T {
    tokio::select! {
        happened = soon("what is read for", happened) => happened,
        event = subscription.next() => panic!("an event that too few delivered: {event:?}"),
    }
}

/// Until these sequencers are excluded.
async fn excluded(pool: &SequencerPool, index: usize) -> String {
    let is_excluded = |health: &PoolHealth| matches!(health.connections[index].state, ConnectionState::Excluded { .. });
    let health = pool.wait_until(LIMIT, is_excluded).await.unwrap();
    let ConnectionState::Excluded { reason } = &health.connections[index].state else { unreachable!() };
    reason.clone()
}

/// Until two sequencers are subscribed to.
async fn two_subscribed(group: &Group) -> [usize; 2] {
    loop {
        let subscribed = subscribed(group);
        if let [first, second] = subscribed[..] {
            return [first, second];
        }
        let others = (0..group.fakes.len()).filter(|index| !subscribed.contains(index));
        let waiting = others.map(|index| {
            let is_subscribed = |state: &crate::fake::State| !state.subscriptions.is_empty();
            Box::pin(group.fakes[index].until("a subscription", is_subscribed))
        });
        futures::future::select_all(waiting).await;
    }
}

fn subscribed(group: &Group) -> Vec<usize> {
    let is_subscribed = |index: &usize| !group.fakes[*index].state().subscriptions.is_empty();
    (0..group.fakes.len()).filter(is_subscribed).collect()
}

#[tokio::test]
async fn one_sequencer_is_enough_where_it_is_believed() {
    let group = Group::start(1).await;
    let pool = group.pool(group.config(&[0], 1)).await;
    let times: Vec<CantonTimestamp> = (0..3).map(|number| group.deliver(&format!("m{number}"))).collect();
    let mut subscription = subscribe(&pool, None).await;
    for time in &times {
        assert_eq!(next_time(&mut subscription).await, *time);
    }
    assert!(subscription.sequencers().eq([&group.id(0)]));
    let applied = subscription.topology().unwrap().applied_until();
    assert_eq!(applied, times[2]);

    let mut later = subscribe(&pool, Some(times[1])).await;
    assert_eq!(next_time(&mut later).await, times[1]);
    assert_eq!(next_time(&mut later).await, times[2]);
    let time = group.deliver("later");
    assert_eq!((next_time(&mut subscription).await, next_time(&mut later).await), (time, time));
}

#[tokio::test]
async fn a_silent_sequencer_is_not_waited_for() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2).with_liveness_margin(1)).await;
    let mut subscription = subscribe(&pool, None).await;
    for number in 0..3 {
        let time = group.deliver_from(&[0, 2], &format!("m{number}"));
        assert_eq!(next_time(&mut subscription).await, time);
    }
    assert_eq!(subscription.sequencers().count(), 3);
}

#[tokio::test]
async fn an_event_that_too_few_have_delivered_waits() {
    let group = Group::start(2).await;
    let pool = group.pool(group.config(&[0, 1], 2)).await;
    let mut subscription = subscribe(&pool, None).await;
    let event = group.fakes[0].next_event("m", Vec::new());
    group.send_from(&[0], &event);
    no_event(&mut subscription).await;
    group.send_from(&[1], &event);
    assert_eq!(next_time(&mut subscription).await, event.timestamp);
}

#[tokio::test]
async fn without_a_margin_others_are_asked_when_an_event_waits() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2)).await;
    let mut subscription = subscribe(&pool, None).await;
    let [first, silent] = reading_until(&mut subscription, two_subscribed(&group)).await;
    let other = 3 - first - silent;
    for number in 0..3 {
        let time = group.deliver_from(&[first, other], &format!("m{number}"));
        assert_eq!(next_time(&mut subscription).await, time);
    }
    // The silent one has been given up for the other one.
    no_event(&mut subscription).await;
    assert_eq!(subscription.sequencers().count(), 2);
    assert!(!subscription.sequencers().any(|sequencer| *sequencer == group.id(silent)));
}

#[tokio::test]
async fn who_lies_is_named_and_never_believed_again() {
    for is_late in [false, true] {
        let group = Group::start(3).await;
        let pool = group.pool(group.config(&[0, 1, 2], 2).with_liveness_margin(1)).await;
        let mut subscription = subscribe(&pool, None).await;
        let first = group.deliver("first");
        assert_eq!(next_time(&mut subscription).await, first);
        let event = group.fakes[0].next_event("second", Vec::new());
        if !is_late {
            group.lie(1, &event);
            no_event(&mut subscription).await;
        }
        group.send_from(&[0, 2], &event);
        assert_eq!(next_time(&mut subscription).await, event.timestamp);
        if is_late {
            group.lie(1, &event);
        }
        // Also after the lie, no event is missing and none comes twice.
        let third = group.deliver_from(&[0, 2], "third");
        assert_eq!(next_time(&mut subscription).await, third);
        let reason = reading_until(&mut subscription, excluded(&pool, 1)).await;
        let health = pool.health();
        assert_eq!((health.valid_sequencers, health.is_ready()), (2, true));
        for named in [0, 1, 2].map(|index| group.id(index).to_string()) {
            assert!(reason.contains(&named), "{named} is not in: {reason}");
        }
        group.deliver_from(&[0], "fourth");
        no_event(&mut subscription).await;
        assert_eq!(group.fakes[1].state().subscriptions.len(), 1);
    }
}

#[tokio::test]
async fn without_a_majority_nothing_is_handed_on() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2).with_liveness_margin(1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let event = group.fakes[0].next_event("m", Vec::new());
    group.send_from(&[0], &event);
    group.lie(1, &event);
    no_event(&mut subscription).await;
    group.send_from(&[2], &event);
    assert_eq!(next_time(&mut subscription).await, event.timestamp);
}

#[tokio::test]
async fn a_wrong_event_of_the_only_sequencer_is_an_error() {
    let group = Group::start(1).await;
    let pool = group.pool(group.config(&[0], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let event = group.fakes[0].next_event("m", Vec::new());
    group.fakes[0].send_signed_by(&event, &group.fakes[0].sequencer().with_protocol_key("of somebody else"));
    let (left, source) = too_few(next(&mut subscription).await.unwrap_err());
    assert_eq!(left, 0);
    assert!(matches!(event_error(source), EventError::Signature { .. }));
    assert!(!pool.health().is_ready());
}

#[tokio::test]
async fn each_sequencer_signs_with_its_own_key() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2).with_liveness_margin(1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let event = group.fakes[0].next_event("m", Vec::new());
    // What the first one signed says nothing about the second one.
    group.send_from(&[0], &event);
    group.fakes[1].send_signed_by(&event, group.fakes[0].sequencer());
    let reason = reading_until(&mut subscription, excluded(&pool, 1)).await;
    assert!(reason.contains("wrong signature"), "{reason}");
    group.send_from(&[2], &event);
    assert_eq!(next_time(&mut subscription).await, event.timestamp);
}

#[tokio::test]
async fn no_event_is_missing_or_comes_twice_after_losses() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2).with_liveness_margin(1)).await;
    group.fakes[0].state().endings.extend([
        (0, Err(Status::unavailable("starting"))),
        (2, Ok(())),
        (2, Err(Status::unavailable("Subscription token has expired"))),
        (2, Err(Status::internal("broken"))),
    ]);
    group.fakes[1].state().endings.extend([
        (1, Err(Status::cancelled("closed"))),
        (1, Err(Status::unknown("?"))),
        (3, Ok(())),
        (2, Err(Status::unavailable("gone"))),
    ]);
    let times: Vec<_> = (0..12).map(|number| group.deliver(&format!("m{number}"))).collect();
    let mut subscription = subscribe(&pool, None).await;
    for (index, time) in times.iter().enumerate() {
        if index == 6 {
            group.fakes[0].forget_tokens();
            group.fakes[2].forget_tokens();
        }
        assert_eq!(next_time(&mut subscription).await, *time);
    }
    no_event(&mut subscription).await;
    for fake in &group.fakes[..2] {
        assert!(fake.state().endings.is_empty(), "every loss happened");
    }
    assert!(pool.health().is_ready());
}

#[tokio::test]
async fn a_lost_sequencer_is_replaced() {
    let group = Group::start(3).await;
    let delays = PoolDelays { min_restart: LIMIT, max_restart: LIMIT, ..QUICK };
    let pool = group.pool(group.config(&[0, 1, 2], 2).with_delays(delays).unwrap()).await;
    let mut subscription = subscribe(&pool, None).await;
    let first = group.deliver("first");
    assert_eq!(next_time(&mut subscription).await, first);
    let [lost, stays] = two_subscribed(&group).await;
    group.fakes[lost].state().is_down = true;
    group.fakes[lost].end_subscriptions(Status::unavailable("going down"));
    let others: Vec<usize> = (0..3).filter(|index| *index != lost).collect();
    let second = group.deliver_from(&others, "second");
    assert_eq!(next_time(&mut subscription).await, second);
    assert!(others.contains(&stays));
    let from = group.fakes[3 - lost - stays].state().subscriptions.clone();
    assert_eq!(from, [Some(first.as_micros())]);
}

#[tokio::test]
async fn a_refusal_is_an_error_only_where_too_few_are_left() {
    let group = Group::start(2).await;
    let pool = group.pool(group.config(&[0, 1], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    group.fakes[0].state().endings.push_back((0, Err(Status::permission_denied("no"))));
    let time = group.deliver("m");
    assert_eq!(next_time(&mut subscription).await, time);

    let pool = group.pool(group.config(&[0], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    group.fakes[0].state().endings.clear();
    group.fakes[0].state().endings.push_back((0, Err(Status::failed_precondition("pruned"))));
    let (left, source) = too_few(next(&mut subscription).await.unwrap_err());
    assert_eq!((left, source.status().unwrap().message()), (0, "pruned"));
    // Whoever goes on nevertheless gets the event when the sequencer has changed its mind.
    assert_eq!(next_time(&mut subscription).await, time);
}

#[tokio::test]
async fn connections_change_under_a_running_subscription() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1], 2)).await;
    let mut subscription = subscribe(&pool, None).await;
    let mut expected = Vec::new();
    for number in 0..3 {
        expected.push(group.deliver(&format!("m{number}")));
    }
    for time in &expected {
        assert_eq!(next_time(&mut subscription).await, *time);
    }
    // An event waits that the one that goes away has delivered.
    let waiting = group.fakes[0].next_event("waiting", Vec::new());
    group.send_from(&[0], &waiting);
    no_event(&mut subscription).await;
    pool.set_config(group.config(&[1, 2], 2), ConnectionValidation::All, LIMIT).await.unwrap();
    group.send_from(&[1], &waiting);
    no_event(&mut subscription).await;
    group.send_from(&[2], &waiting);
    assert_eq!(next_time(&mut subscription).await, waiting.timestamp);
    let last = group.deliver_from(&[1, 2], "last");
    assert_eq!(next_time(&mut subscription).await, last);
    no_event(&mut subscription).await;
    assert_eq!(group.fakes[2].state().subscriptions, [Some(expected[2].as_micros())]);

    // A lower threshold is enough for what waits already.
    let waiting = group.fakes[1].next_event("waiting again", Vec::new());
    group.send_from(&[1], &waiting);
    no_event(&mut subscription).await;
    pool.set_config(group.config(&[1, 2], 1), ConnectionValidation::Disabled, LIMIT).await.unwrap();
    assert_eq!(next_time(&mut subscription).await, waiting.timestamp);
}

#[tokio::test]
async fn a_closed_pool_ends_its_subscriptions() {
    let group = Group::start(2).await;
    let pool = group.pool(group.config(&[0, 1], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let time = group.deliver("m");
    assert_eq!(next_time(&mut subscription).await, time);
    let logins: usize = group.fakes.iter().map(|fake| fake.state().tokens.len()).sum();
    assert!(logins > 0);
    pool.close().await;
    assert!(group.fakes.iter().all(|fake| fake.state().tokens.is_empty()), "the logins are ended");
    assert!(matches!(next(&mut subscription).await, Err(ClientError::Closed)));
    assert!(matches!(pool.wait_ready(LIMIT).await, Err(ClientError::Closed)));
    assert!(matches!(pool.time().await, Err(ClientError::Closed)));
}
