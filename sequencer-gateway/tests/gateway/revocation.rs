//! Members that lose their access.

use synod_testkit::requests::TestMember;
use synod_topology::mapping::{Mapping, SynchronizerTrustCertificate};
use synod_topology::{Operation, SignedTopologyTransaction};
use synod_types::{MemberKind, ParticipantId, ProtocolVersion};
use synod_wire::TopologyBroadcast;
use synod_wire::status::short_member;
use tonic::Code;

use crate::client::{Client, submission};
use crate::node::{Node, alice, bob};

/// Broadcasts topology transactions as `sender`.
async fn broadcast(node: &Node, sender: &Client, transactions: &[SignedTopologyTransaction]) {
    let version = ProtocolVersion::V35;
    let transactions = transactions.iter().map(|transaction| transaction.encode(version)).collect();
    let content = TopologyBroadcast { psid: node.network.psid().clone(), transactions }.to_versioned_content(version);
    let request = submission(&sender.member, "topology").to(&["ALL::All"], &content);
    sender.send(&request).await.expect("accepted");
}

fn removal_of(node: &Node, member: &TestMember) -> SignedTopologyTransaction {
    let participant = ParticipantId::try_from(member.member().clone()).expect("a participant");
    let synchronizer = node.network.psid().logical().clone();
    let mapping = SynchronizerTrustCertificate { participant, synchronizer, feature_flags: Vec::new() };
    member.transaction(Operation::Remove, 2, Mapping::SynchronizerTrustCertificate(mapping))
}

#[tokio::test]
async fn a_participant_that_leaves_is_logged_out() {
    let node = Node::start().await;
    let (alice, bob) = (Client::log_in(&node, &alice()).await, Client::log_in(&node, &bob()).await);
    let (mut of_alice, mut of_bob) = (alice.subscribe(None).await, bob.subscribe(None).await);
    broadcast(&node, &alice, &[removal_of(&node, &bob.member)]).await;
    of_alice.until("topology").await;
    of_bob.end().await.expect("the subscription of who left ends");
    let refused = bob.send(&submission(&bob.member, "m")).await.expect_err("no token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = Client::try_log_in(&node, &bob.member).await.expect_err("not active");
    let expected = format!("Member {} access is disabled", short_member(bob.member.member()));
    assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, expected.as_str()));
    alice.send(&submission(&alice.member, "still here")).await.expect("nobody else is logged out");
    of_alice.until("still here").await;
    node.stop().await;
}

#[tokio::test]
async fn a_mediator_that_is_replaced_is_logged_out() {
    let node = Node::start().await;
    let (alice, mediator) = (Client::log_in(&node, &alice()).await, Client::log_in(&node, &node.mediator).await);
    let mut of_mediator = mediator.subscribe(None).await;
    let other = TestMember::new(MemberKind::Mediator, "mediator2");
    let group = node.network.mediators(2, 0, 1, &[&other], &[]);
    broadcast(&node, &alice, &[other.root(), other.owner_to_key(1), group]).await;
    of_mediator.end().await.expect("the subscription ends");
    let refused = mediator.send(&submission(&mediator.member, "m")).await.expect_err("no token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    node.stop().await;
}

#[tokio::test]
async fn an_operator_logs_a_member_out() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    node.handle.disconnect(client.member.member());
    events.end().await.expect("the subscription ends");
    let client = Client::log_in(&node, &alice()).await;
    client.send(&submission(&client.member, "m")).await.expect("it may log in again");
    node.stop().await;
}
