//! Acknowledgements (`pv35-edges`).

use std::time::Duration;

use bytes::Bytes;
use synod_proto::sequencer::api::v30::AcknowledgeSignedRequest;
use synod_testkit::requests::{TestMember, acknowledgement};
use synod_types::{CantonTimestamp, Member};
use synod_wire::status::short_member;
use tonic::{Code, Status};

use crate::client::{Client, now, submission, within};
use crate::node::{Node, Start, alice, bob};

async fn acknowledge(client: &Client, signed_acknowledge_request: Bytes) -> Result<(), Status> {
    let request = client.request(AcknowledgeSignedRequest { signed_acknowledge_request });
    within("AcknowledgeSigned", client.members().acknowledge_signed(request)).await.map(|_| ())
}

fn of(client: &Client, time: CantonTimestamp) -> Bytes {
    signed(client.member.member(), time, &client.member)
}

fn signed(member: &Member, time: CantonTimestamp, signer: &TestMember) -> Bytes {
    acknowledgement(member, time, signer)
}

/// The time of an event that the client received.
async fn event_time(client: &Client, id: &str) -> CantonTimestamp {
    let mut events = client.subscribe(None).await;
    client.send(&submission(&client.member, id)).await.expect("accepted");
    events.until(id).await.event.timestamp
}

#[tokio::test]
async fn an_acknowledgement_returns_when_it_is_sequenced() {
    let mut start = Start::default();
    start.settings.acknowledgement_conflation = None;
    start.settings.acknowledgement_limit = Duration::from_millis(500);
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let first = event_time(&client, "first").await;
    let second = event_time(&client, "second").await;
    acknowledge(&client, of(&client, second)).await.expect("sequenced");
    acknowledge(&client, of(&client, first)).await.expect("an earlier time is acknowledged already");
    let future = now().saturating_add(Duration::from_secs(60));
    let never = acknowledge(&client, of(&client, future)).await.expect_err("no such time is sequenced");
    assert_eq!(never.code(), Code::DeadlineExceeded);
    node.stop().await;
}

#[tokio::test]
async fn the_sequencer_acknowledges_what_it_has_committed() {
    let mut start = Start::default();
    start.settings.own_acknowledgement_interval = Duration::from_millis(20);
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    for id in ["first", "second"] {
        let time = event_time(&client, id).await;
        let mut heads = node.head.clone();
        let index = heads.current().state.members().get(node.sequencer.member()).expect("a member").index;
        let waiting = heads.wait_until(|head| head.state.acknowledged(index) == Some(time));
        within("the acknowledgement", waiting).await.expect("the node runs");
    }
    node.stop().await;
}

#[tokio::test]
async fn further_acknowledgements_are_answered_at_once() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let time = event_time(&client, "first").await;
    acknowledge(&client, of(&client, time)).await.expect("sequenced");
    let future = now().saturating_add(Duration::from_secs(60));
    acknowledge(&client, of(&client, future)).await.expect("within the window nothing is looked at");
    let by_another = signed(client.member.member(), time, &bob());
    acknowledge(&client, by_another).await.expect("within the window nothing is looked at");
    node.stop().await;
}

#[tokio::test]
async fn bad_acknowledgements_are_refused() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let time = event_time(&client, "first").await;
    let (me, bob) = (short_member(client.member.member()), bob());
    let of_another = acknowledge(&client, signed(bob.member(), time, &client.member)).await.expect_err("refused");
    let expected = format!(
        "Authenticated member {me} just tried to use sequencer on behalf of {} without permission",
        short_member(bob.member())
    );
    assert_eq!((of_another.code(), of_another.message()), (Code::PermissionDenied, expected.as_str()));
    let garbage = acknowledge(&client, Bytes::from_static(b"\x0a\x02zz")).await.expect_err("refused");
    assert_eq!(garbage.code(), Code::InvalidArgument);
    assert!(garbage.message().starts_with("BufferException("), "{}", garbage.message());
    let wrong_key = acknowledge(&client, signed(client.member.member(), time, &bob)).await.expect_err("refused");
    assert_eq!(wrong_key.code(), Code::InvalidArgument);
    assert!(wrong_key.message().contains("SignatureWithWrongKey("), "{}", wrong_key.message());
    acknowledge(&client, of(&client, time)).await.expect("refused ones open no window");
    node.stop().await;
}
