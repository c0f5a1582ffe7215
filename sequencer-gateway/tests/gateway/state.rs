//! What members ask about: time, traffic, topology; and what does not exist.

use std::time::Duration;

use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::api::v30::{
    DownloadTopologyStateForInitHashRequest, GetTimeRequest, GetTrafficStateForMemberRequest,
};
use synod_topology::TrafficControlParameters;
use synod_types::CantonTimestamp;
use synod_wire::status::short_member;
use tonic::{Code, Status};

use crate::client::{Client, now, submission};
use crate::node::{Node, Start, alice, bob};

async fn traffic(client: &Client, member: &str, time: i64) -> Result<Option<TrafficState>, Status> {
    let message = GetTrafficStateForMemberRequest { member: member.to_owned(), timestamp: time };
    let response = client.members().get_traffic_state_for_member(client.request(message)).await?;
    Ok(response.into_inner().traffic_state)
}

#[tokio::test]
async fn the_time_does_not_go_back() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    let time = async || {
        let response = client.members().get_time(client.request(GetTimeRequest {})).await.expect("answered");
        let time = response.into_inner().sequencing_timestamp.expect("there is a time");
        CantonTimestamp::from_micros(time).expect("a time")
    };
    let before = time().await;
    assert!(before.micros_since(now()).abs() < 5_000_000);
    client.send(&submission(&client.member, "m")).await.expect("accepted");
    assert!(events.until("m").await.event.timestamp > before);
    assert!(time().await > before);
    node.stop().await;
}

#[tokio::test]
async fn without_traffic_control_there_is_a_state_all_the_same() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let (me, other) = (client.member.member(), bob().member().clone());
    for time in [CantonTimestamp::EPOCH, now(), now().saturating_add(Duration::from_secs(60))] {
        let state = traffic(&client, &me.to_string(), time.as_micros()).await.expect("answered");
        assert_eq!(state, Some(TrafficState { timestamp: time.as_micros(), ..TrafficState::default() }));
    }
    let refused = traffic(&client, &other.to_string(), 0).await.expect_err("of another");
    let expected = format!(
        "Authenticated member {} just tried to use sequencer on behalf of {} without permission",
        short_member(me),
        short_member(&other)
    );
    assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, expected.as_str()));
    let garbage = traffic(&client, "xyz", 0).await.expect_err("no member");
    assert_eq!(
        (garbage.code(), garbage.message()),
        (Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE(8,0): Deserialization of protobuf message failed")
    );
    node.stop().await;
}

#[tokio::test]
async fn traffic_is_charged_and_reported() {
    let control = TrafficControlParameters { max_base_traffic_amount: 1_000, ..TrafficControlParameters::default() };
    let mut start = Start::default();
    start.parameters.traffic_control = Some(control);
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let me = client.member.member().to_string();
    let mut events = client.subscribe(None).await;
    // Content of 500 bytes for one reader: 500 to write, 500 × 200 / 10,000 to read.
    let request = |id: &str| submission(&client.member, id).to(&[&me], &[7; 500]).cost(510, Some(now()));
    client.send(&request("paid")).await.expect("there is base traffic");
    let event = events.until("paid").await.event;
    assert_eq!(event.traffic_receipt.expect("a receipt").consumed_cost, 510);
    let state = traffic(&client, &me, event.timestamp.as_micros()).await.expect("answered").expect("a state");
    assert_eq!((state.base_traffic_remainder, state.last_consumed_cost), (490, 510));
    assert_eq!(state.timestamp, event.timestamp.as_micros());

    let refused = client.send(&request("unpaid")).await.expect_err("not enough");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let text = refused.message();
    assert!(
        text.starts_with(
            "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT(9,0): Submission was rejected because no traffic is \
                              available: AboveTrafficLimit(\n  member = "
        ),
        "{text}"
    );
    let free = submission(&client.member, "free").to(&[&me], &[7; 500]).bytes();
    let refused = client.send_bytes(free).await.expect_err("no cost given");
    assert!(refused.message().starts_with(
        "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): Submission was refused because traffic control validation failed: "
    ), "{}", refused.message());
    node.stop().await;
}

#[tokio::test]
async fn any_member_may_ask_for_the_start_of_any_other() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let hash = async |member: &str| {
        let message = DownloadTopologyStateForInitHashRequest { member: member.to_owned() };
        let response = client.members().download_topology_state_for_init_hash(client.request(message)).await?;
        Ok::<_, Status>(response.into_inner().topology_state_hash)
    };
    let own = hash(&alice().member().to_string()).await.expect("a hash");
    assert_eq!(own.len(), 34);
    assert_eq!(hash(&bob().member().to_string()).await.expect("a hash"), own, "both are of genesis");
    assert_eq!(hash(&node.mediator.member().to_string()).await.expect("a hash"), own);
    let sequencer = hash(&node.sequencer.member().to_string()).await.expect_err("a sequencer");
    assert_eq!(
        (sequencer.code(), sequencer.message()),
        (Code::InvalidArgument, "Downloading the initial topology snapshot for sequencers is not supported.")
    );
    let ghost = hash("PAR::ghost::122074b568fa").await.expect_err("unknown");
    assert_eq!(ghost.code(), Code::FailedPrecondition);
    assert!(ghost.message().starts_with("No onboarding transaction found for PAR::ghost::122074b568fa"));
    node.stop().await;
}

#[tokio::test]
async fn methods_that_do_not_exist_are_named() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut grpc = tonic::client::Grpc::new(client.channel.clone());
    grpc.ready().await.expect("connected");
    let path = "/com.digitalasset.canton.sequencer.api.v30.SequencerService/Nonsense";
    let codec = tonic_prost_codec();
    let request = client.request(GetTimeRequest {});
    let status = grpc.unary(request, http::uri::PathAndQuery::from_static(path), codec).await.expect_err("missing");
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.message(), format!("Method not found: {}", &path[1..]));
    node.stop().await;
}

fn tonic_prost_codec() -> tonic_prost::ProstCodec<GetTimeRequest, GetTimeRequest> {
    tonic_prost::ProstCodec::default()
}
