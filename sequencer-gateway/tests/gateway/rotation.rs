//! A sequencer that changes its protocol key while it runs.

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
