//! Subscriptions (`pv35-edges`).

use std::time::Duration;

use synod_proto::sequencer::api::v30::SubscriptionRequest;
use synod_types::CantonTimestamp;
use synod_wire::status::short_member;
use tonic::{Code, Status};

use crate::client::{Client, Events, now, submission, within};
use crate::node::{Node, Start, alice, bob};

/// The error of a subscription, wherever it comes.
async fn failure(events: Result<Events, Status>) -> Status {
    match events {
        Ok(mut events) => events.end().await.expect_err("refused"),
        Err(status) => status,
    }
}

#[tokio::test]
async fn a_subscription_resumes_where_it_is_told_to() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut times = Vec::new();
    let mut events = client.subscribe(None).await;
    for id in ["0", "1", "2", "3"] {
        client.send(&submission(&client.member, id)).await.expect("accepted");
        let received = events.until(id).await;
        assert_eq!(received.event.previous_timestamp, times.last().copied());
        times.push(received.event.timestamp);
    }
    let mut from_start = client.subscribe(None).await;
    assert_eq!(from_start.next().await.event.previous_timestamp, None);
    let mut inclusive = client.subscribe(Some(times[2])).await;
    let first = inclusive.next().await;
    assert_eq!((first.event.timestamp, first.event.previous_timestamp), (times[2], Some(times[1])));
    assert_eq!(inclusive.next().await.event.timestamp, times[3]);
    let mut between = client.subscribe(Some(times[1].immediate_successor())).await;
    let first = between.next().await;
    assert_eq!((first.event.timestamp, first.event.previous_timestamp), (times[2], Some(times[1])));
    node.stop().await;
}

#[tokio::test]
async fn events_before_the_wanted_time_are_left_out() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut all = client.subscribe(None).await;
    let wanted = now().saturating_add(Duration::from_secs(20));
    let mut later = client.subscribe(Some(wanted)).await;
    client.send(&submission(&client.member, "early")).await.expect("accepted");
    let early = all.until("early").await.event.timestamp;
    assert!(early < wanted, "this machine is very slow");
    node.clock.advance(Duration::from_secs(25));
    client.send(&submission(&client.member, "late")).await.expect("accepted");
    let first = later.next().await;
    assert_eq!(first.event.message_id.as_ref().map(|id| id.as_str()), Some("late"));
    assert_eq!(first.event.previous_timestamp, Some(early));
    node.stop().await;
}

#[tokio::test]
async fn bad_subscriptions_are_refused() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let (me, other) = (short_member(client.member.member()), short_member(bob().member()));
    let registered = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
    let early = failure(client.try_subscribe(Some(registered)).await).await;
    let expected = format!(
        "EventsUnavailableForTimestamp(Some({registered}),Subscription for {me} would require reading data from \
         {registered} (inclusive), but this sequencer cannot serve timestamps at or before epoch or at or before the \
         member's registration timestamp {registered}.)"
    );
    assert_eq!((early.code(), early.message()), (Code::FailedPrecondition, expected.as_str()));

    let subscribe = async |member: &str| {
        let message = SubscriptionRequest { member: member.to_owned(), timestamp: None };
        client.members().subscribe(client.request(message)).await.expect_err("refused")
    };
    let of_another = subscribe(&bob().member().to_string()).await;
    let expected =
        format!("Authenticated member {me} just tried to use sequencer on behalf of {other} without permission");
    assert_eq!((of_another.code(), of_another.message()), (Code::PermissionDenied, expected.as_str()));
    let garbage = subscribe("xyz").await;
    assert_eq!(garbage.code(), Code::InvalidArgument);
    assert_eq!(
        garbage.message(),
        "ValueConversionError(member,Invalid member `xyz`, expecting <three-letter-code>::id::fingerprint.)"
    );
    node.stop().await;
}

#[tokio::test]
async fn the_oldest_of_too_many_subscriptions_ends() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(client.subscribe(None).await);
    }
    let ended = open[0].end().await.expect_err("one too many");
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "Too many open subscriptions for member"));
    client.send(&submission(&client.member, "m")).await.expect("accepted");
    for events in &mut open[1..] {
        events.until("m").await;
    }
    assert_eq!(node.handle.connected_members(), [client.member.member().clone()]);
    drop(open);
    node.stop().await;
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let mut start = Start::default();
    start.parameters.max_request_size = 1_000_000;
    let node = Node::start_with(start).await;
    let (alice, bob) = (Client::log_in(&node, &alice()).await, Client::log_in(&node, &bob()).await);
    let mut slow = alice.subscribe(None).await;
    let content: Vec<u8> = (0..3_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let id = alice.member.member().to_string();
    for number in 0..300 {
        bob.send(&submission(&bob.member, &format!("m{number}")).to(&[&id], &content)).await.expect("accepted");
    }
    // Only now it reads; most of the events are no longer in memory, and their chain is checked as they come.
    within("all events", async {
        for _ in 0..300 {
            assert_eq!(slow.next().await.envelopes(), Some(1));
        }
    })
    .await;
    node.stop().await;
}
