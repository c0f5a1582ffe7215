//! Purchases of traffic that the sequencer itself submits.

use std::num::NonZeroU32;

use synod_proto::sequencer::api::v30::GetTrafficStateForMemberRequest;
use synod_sequencer_gateway::PurchaseError;
use synod_topology::TrafficControlParameters;

use crate::client::{Client, submission};
use crate::node::{Node, Start, alice};

fn serial(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("above zero")
}

#[tokio::test]
async fn a_purchase_reaches_the_member_and_counts() {
    let mut start = Start::default();
    start.parameters.traffic_control = Some(TrafficControlParameters::default());
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let member = client.member.member();
    let mut events = client.subscribe(None).await;
    node.handle.purchase(member, serial(1), 5_000).await.expect("ordered");
    // The member is told of nothing else.
    let event = events.next().await;
    assert_eq!(event.envelopes(), Some(1));
    event.verify(&node.sequencer);
    let time = event.event.timestamp.immediate_successor().as_micros();
    let request = GetTrafficStateForMemberRequest { member: member.to_string(), timestamp: time };
    let answer = client.members().get_traffic_state_for_member(client.request(request)).await.expect("answered");
    let state = answer.into_inner().traffic_state.expect("a state");
    assert_eq!((state.extra_traffic_purchased, state.serial), (5_000, Some(1)));

    let refused = node.handle.purchase(member, serial(1), 9_000).await.expect_err("an old serial");
    assert!(matches!(refused, PurchaseError::SerialTooLow { latest: 1 }), "{refused:?}");
    node.stop().await;
}

#[tokio::test]
async fn without_traffic_control_nothing_is_purchased() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    let refused = node.handle.purchase(client.member.member(), serial(1), 5_000).await.expect_err("disabled");
    assert!(matches!(refused, PurchaseError::Disabled), "{refused:?}");
    client.send(&submission(&client.member, "next")).await.expect("accepted");
    assert_eq!(events.next().await.event.message_id.expect("own").as_str(), "next");
    node.stop().await;
}
