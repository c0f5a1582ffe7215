//! The end of a gateway, and several of them in one process.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{Client, channel, submission, within};
use crate::node::{Node, Start, alice};

#[tokio::test]
async fn open_calls_end_and_clients_see_why() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    client.send(&submission(&client.member, "m")).await.expect("accepted");
    events.until("m").await;
    let mut health = HealthClient::new(channel(&node).await);
    let request = HealthCheckRequest { service: "sequencer-health-check-service".to_owned() };
    let mut watch = health.watch(request).await.expect("watched").into_inner();
    assert_eq!(watch.message().await.expect("no error").expect("a status").status, 1, "SERVING");

    node.begin_stop();
    let status = within("the change of health", watch.message()).await.expect("no error").expect("a status");
    assert_eq!(status.status, 2, "NOT_SERVING");
    assert!(within("the end of the watch", watch.message()).await.expect("no error").is_none());
    events.end().await.expect("the subscription ends without error");
    within("the end of the node", node.stop()).await;
}

#[tokio::test]
async fn an_acknowledgement_that_waits_does_not_hold_up_the_end() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let future = crate::client::now().saturating_add(std::time::Duration::from_secs(3600));
    let bytes = synod_testkit::requests::acknowledgement(client.member.member(), future, &client.member);
    let message = synod_proto::sequencer::api::v30::AcknowledgeSignedRequest { signed_acknowledge_request: bytes };
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.members().acknowledge_signed(client.request(message)).await }
    });
    // It is ordered, and dropped there; the call waits on.
    let mut events = client.subscribe(None).await;
    client.send(&submission(&client.member, "after")).await.expect("accepted");
    events.until("after").await;
    assert!(!waiting.is_finished());
    within("the end of the node", node.stop()).await;
    let ended = within("the end of the call", waiting).await.expect("no panic").expect_err("not sequenced");
    assert_eq!(ended.code(), tonic::Code::Unavailable);
}

#[tokio::test]
async fn two_gateways_do_not_know_of_each_other() {
    let (one, two) = (Node::start().await, Node::start_with(Start::default()).await);
    let (in_one, in_two) = (Client::log_in(&one, &alice()).await, Client::log_in(&two, &alice()).await);
    let mut stranger = in_one.clone();
    stranger.channel = in_two.channel.clone();
    assert!(stranger.send(&submission(&stranger.member, "m")).await.is_err(), "a token is good at one gateway");
    one.stop().await;
    in_two.send(&submission(&in_two.member, "m")).await.expect("the other one serves on");
    two.stop().await;
}
