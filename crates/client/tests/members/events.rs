//! Receiving events.

use std::time::Duration;

use synod_client::{
    ClientError, EventError, EventKeys, EventStream, ReceivedEvent, ResumePolicy, Session, Subscription,
};
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};
use synod_wire::{Batch, SequencedEventContent};
use tonic::Status;

use crate::fake::Fake;
use crate::{session, soon};

const QUICK: ResumePolicy =
    ResumePolicy { first_delay: Duration::from_millis(1), max_delay: Duration::from_millis(10) };

async fn next(stream: &mut EventStream) -> Result<Option<ReceivedEvent>, ClientError> {
    soon("the next event", stream.next()).await
}

async fn follow(subscription: &mut Subscription) -> Result<ReceivedEvent, ClientError> {
    soon("the next event", subscription.next()).await
}

/// The session of a member of the synchronizer, and the keys that its topology has.
async fn member(fake: &Fake) -> (Session, EventKeys) {
    let session = session(fake).await;
    fake.found();
    let keys = session.keys_in(session.start_topology().await.unwrap());
    (session, keys)
}

fn event_error(error: ClientError) -> EventError {
    match error {
        ClientError::Event(error) => *error,
        other => panic!("another error: {other:?}"),
    }
}

#[tokio::test]
async fn events_come_in_order_from_the_beginning_or_from_a_time_on() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    let times: Vec<CantonTimestamp> = (0..3).map(|number| fake.deliver(&format!("m{number}"), Vec::new())).collect();
    let mut stream = session.subscribe(None, keys).await.unwrap();
    for time in &times {
        assert_eq!(next(&mut stream).await.unwrap().unwrap().event.timestamp, *time);
    }
    let later = fake.deliver("later", Vec::new());
    assert_eq!(next(&mut stream).await.unwrap().unwrap().event.timestamp, later);

    let mut stream = session.subscribe(Some(times[1]), Vec::new()).await.unwrap();
    assert_eq!(next(&mut stream).await.unwrap().unwrap().event.timestamp, times[1]);
    assert_eq!(next(&mut stream).await.unwrap().unwrap().event.timestamp, times[2]);
    assert_eq!(fake.state().subscriptions, [None, Some(times[1].as_micros())]);
}

#[tokio::test]
async fn a_subscription_without_events_yet_is_open_nevertheless() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let mut stream = soon("the subscription", session.subscribe(None, Vec::new())).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
    assert!(waiting.is_err(), "there is no event");
    let time = fake.deliver("m", Vec::new());
    assert_eq!(next(&mut stream).await.unwrap().unwrap().event.timestamp, time);
    assert_eq!(fake.state().subscriptions.len(), 1);
}

#[tokio::test]
async fn wrong_events_are_told_apart() {
    type Break = fn(&Fake);
    type Expected = fn(&EventError) -> bool;
    let cases: [(&str, Break, Expected); 8] = [
        (
            "another predecessor",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                event.previous_timestamp = Some(CantonTimestamp::EPOCH);
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::Chain { before: Some(_), .. }),
        ),
        (
            "no predecessor",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                event.previous_timestamp = None;
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::Chain { named: None, .. }),
        ),
        (
            "not later",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                event.timestamp = event.previous_timestamp.unwrap();
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::Order { .. }),
        ),
        (
            "another synchronizer",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                let text = event.psid.to_string().replace("test::", "other::");
                event.psid = PhysicalSynchronizerId::parse(&text).unwrap();
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::Synchronizer(_)),
        ),
        (
            "a signing time",
            |fake| {
                let event = fake.next_event("m", Vec::new());
                fake.send_as(&event, fake.sequencer(), Some(CantonTimestamp::EPOCH));
            },
            |error| matches!(error, EventError::SigningTimestamp),
        ),
        (
            "another key",
            |fake| {
                let event = fake.next_event("m", Vec::new());
                fake.send_signed_by(&event, &fake.sequencer().with_protocol_key("of somebody else"));
            },
            |error| matches!(error, EventError::Signature { .. }),
        ),
        (
            "an old topology",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                event.topology_timestamp = Some(event.timestamp.saturating_sub(Duration::from_secs(121)));
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::TopologyTimestamp { .. }),
        ),
        (
            "a topology of the future",
            |fake| {
                let mut event = fake.next_event("m", Vec::new());
                event.topology_timestamp = Some(event.timestamp.immediate_successor());
                fake.send_signed_by(&event, fake.sequencer());
            },
            |error| matches!(error, EventError::TopologyTimestamp { .. }),
        ),
    ];
    for (what, break_it, is_expected) in cases {
        let fake = Fake::start().await;
        let (session, keys) = member(&fake).await;
        fake.deliver("first", Vec::new());
        break_it(&fake);
        let mut stream = session.subscribe(None, keys).await.unwrap();
        next(&mut stream).await.unwrap().unwrap();
        let error = event_error(next(&mut stream).await.unwrap_err());
        assert!(is_expected(&error), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn the_topology_follows_the_events() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    let mut subscription = session.follow(None, keys, QUICK);
    let renewed = fake.sequencer().with_protocol_key("the next key");
    let rotation = fake.broadcast(&[renewed.owner_to_key(2)]);
    fake.deliver("rotation", vec![rotation]);
    follow(&mut subscription).await.unwrap();
    let event = fake.next_event("signed anew", Vec::new());
    fake.send_signed_by(&event, &renewed);
    assert_eq!(follow(&mut subscription).await.unwrap().event, event);
    let known = subscription.topology().unwrap();
    assert_eq!(known.known_until(), event.timestamp.saturating_add(Duration::from_millis(250)).immediate_successor());
    assert!(known.snapshot(known.known_until().immediate_successor()).is_none());
    // The old key is nobody's any more.
    fake.deliver("signed as before", Vec::new());
    let error = event_error(follow(&mut subscription).await.unwrap_err());
    assert!(matches!(error, EventError::Signature { .. }), "{error:?}");
}

#[tokio::test]
async fn broadcasts_that_are_not_for_everybody_do_not_count() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    let mut subscription = session.follow(None, keys, QUICK);
    let (envelope, _) = fake.broadcast(&[fake.sequencer().with_protocol_key("the next key").owner_to_key(2)]);
    let only = synod_types::Recipient::Member(session.member().clone());
    fake.deliver("for one", vec![(envelope, synod_wire::Recipients::group([only]).unwrap())]);
    fake.deliver("signed as before", Vec::new());
    for _ in 0..2 {
        follow(&mut subscription).await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_subscription_goes_on_where_it_was() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    fake.state().endings.extend([
        (0, Err(Status::unavailable("starting"))),
        (2, Ok(())),
        (2, Err(Status::unavailable("Subscription token has expired"))),
        (2, Err(Status::internal("broken"))),
        (2, Err(Status::cancelled("closed"))),
    ]);
    let times: Vec<_> = (0..6).map(|number| fake.deliver(&format!("m{number}"), Vec::new())).collect();
    let mut subscription = session.follow(None, keys, QUICK);
    for time in &times {
        assert_eq!(follow(&mut subscription).await.unwrap().event.timestamp, *time);
    }
    let from = |index: usize| Some(times[index].as_micros());
    assert_eq!(fake.state().subscriptions, [None, None, from(1), from(2), from(3), from(4)]);
}

#[tokio::test]
async fn a_login_that_the_sequencer_forgot_is_renewed_on_the_way() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    let logins = fake.state().logins;
    fake.state().endings.push_back((1, Ok(())));
    let mut subscription = session.follow(None, keys, QUICK);
    fake.deliver("first", Vec::new());
    follow(&mut subscription).await.unwrap();
    fake.forget_tokens();
    let time = fake.deliver("second", Vec::new());
    assert_eq!(follow(&mut subscription).await.unwrap().event.timestamp, time);
    assert_eq!(fake.state().logins, logins + 1);
}

#[tokio::test]
async fn an_event_that_comes_again_has_to_be_the_same() {
    let fake = Fake::start().await;
    let (session, keys) = member(&fake).await;
    fake.state().endings.push_back((1, Ok(())));
    let event = fake.next_event("one", Vec::new());
    fake.send_signed_by(&event, fake.sequencer());
    let mut subscription = session.follow(None, keys, QUICK);
    follow(&mut subscription).await.unwrap();
    fake.state().events.clear();
    let mut other = event;
    other.content =
        SequencedEventContent::Deliver { batch: Batch::new(other.psid.protocol_version(), vec![fake.broadcast(&[])]) };
    fake.send_signed_by(&other, fake.sequencer());
    let error = event_error(follow(&mut subscription).await.unwrap_err());
    assert!(matches!(error, EventError::Fork(_)), "{error:?}");
}

#[tokio::test]
async fn a_stream_has_to_begin_where_it_was_asked_to() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let first = fake.deliver("first", Vec::new());
    let missing = first.immediate_successor();
    fake.deliver("second", Vec::new());
    let mut stream = session.subscribe(Some(missing), Vec::new()).await.unwrap();
    let error = event_error(next(&mut stream).await.unwrap_err());
    assert!(matches!(error, EventError::Start { expected, .. } if expected == missing), "{error:?}");
}

#[tokio::test]
async fn refusals_are_final() {
    for status in [
        Status::failed_precondition("pruned"),
        Status::permission_denied("no"),
        Status::invalid_argument("no"),
        Status::unauthenticated("no"),
    ] {
        let fake = Fake::start().await;
        let session = session(&fake).await;
        let code = status.code();
        fake.state().endings.push_back((0, Err(status)));
        let mut subscription = session.follow(None, Vec::new(), QUICK);
        let error = follow(&mut subscription).await.unwrap_err();
        assert_eq!(error.status().map(Status::code), Some(code));
        assert_eq!(fake.state().subscriptions.len(), 1, "{code:?}");
    }
}
