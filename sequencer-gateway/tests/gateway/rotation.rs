//! A sequencer that changes its protocol key while it runs.

use bytes::Bytes;
use synod_sequencer_gateway::BroadcastError;
use synod_types::ProtocolVersion;
use synod_wire::TopologyBroadcast;

use crate::client::{Client, submission};
use crate::node::{Node, alice};

#[tokio::test]
async fn events_keep_the_signature_of_their_time() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    client.send(&submission(&client.member, "before")).await.expect("accepted");
    events.until("before").await.verify(&node.sequencer);

    let rotated = node.sequencer.with_protocol_key("second");
    node.keys.add(rotated.protocol_key().clone());
    let version = ProtocolVersion::V35;
    let transactions = vec![rotated.owner_to_key(2).encode(version)];
    let content = TopologyBroadcast { psid: node.network.psid().clone(), transactions }.to_versioned_content(version);
    client.send(&submission(&client.member, "rotation").to(&["ALL::All"], &content)).await.expect("accepted");
    events.until("rotation").await.verify(&node.sequencer);
    let tick = events.next().await;
    assert_eq!(tick.event.message_id, None, "a tick makes the change observable");
    tick.verify(&rotated);

    let mut again = client.subscribe(None).await;
    again.until("before").await.verify(&node.sequencer);
    again.until("rotation").await.verify(&node.sequencer);
    again.next().await.verify(&rotated);
    node.stop().await;
}

#[tokio::test]
async fn what_a_sequencer_broadcasts_itself_passes_the_checks_of_every_submission() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    let rotated = node.sequencer.with_protocol_key("second");
    node.keys.add(rotated.protocol_key().clone());
    let version = ProtocolVersion::V35;
    let transactions = vec![rotated.owner_to_key(2).encode(version)];
    let content = TopologyBroadcast { psid: node.network.psid().clone(), transactions }.to_versioned_content(version);

    let until = node.handle.broadcast(content.clone()).await.expect("ordered");
    let delivered = events.next().await;
    assert_eq!(delivered.envelopes(), Some(1));
    assert!(delivered.event.timestamp <= until);
    delivered.verify(&node.sequencer);
    events.next().await.verify(&rotated);

    // Its own submissions are signed with the new key now: the old one is not there any more.
    node.keys.remove(node.sequencer.protocol_key().public_key().fingerprint());
    node.handle.broadcast(content).await.expect("ordered");
    let delivered = events.next().await;
    assert_eq!(delivered.envelopes(), Some(1));
    delivered.verify(&rotated);

    let too_large = Bytes::from(vec![0; 10 * 1024 * 1024 + 1]);
    let refused = node.handle.broadcast(too_large).await.expect_err("above the max request size");
    assert!(matches!(&refused, BroadcastError::Refused(why) if why.contains("Malformed")), "{refused:?}");
    node.keys.remove(rotated.protocol_key().public_key().fingerprint());
    let unsigned = node.handle.broadcast(Bytes::from_static(b"content")).await.expect_err("no key");
    assert!(matches!(unsigned, BroadcastError::Fault(_)), "{unsigned:?}");
    node.stop().await;
}
