//! What a client does before it logs in.

use synod_proto::connection::v30::GetApiInfoRequest;
use synod_proto::sequencer::api::v30::sequencer_connect::get_synchronizer_parameters_response::Parameters;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    GetSynchronizerIdRequest, GetSynchronizerParametersRequest, HandshakeRequest, VerifyActiveRequest,
    handshake_response, verify_active_response,
};
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_topology::StaticSynchronizerParameters;
use synod_types::ProtocolVersion;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::client::{Connect, RELEASE, VERSIONS, as_member, channel, trailers, within};
use crate::node::{Node, alice};

#[tokio::test]
async fn a_client_learns_where_it_is() {
    let node = Node::start().await;
    let channel = channel(&node).await;
    let info = ApiInfoServiceClient::new(channel.clone()).get_api_info(GetApiInfoRequest {}).await.expect("answered");
    assert_eq!(info.into_inner().name, "sequencer-public-api");

    let mut connect = Connect::new(channel);
    let id = connect.get_synchronizer_id(GetSynchronizerIdRequest {}).await.expect("answered").into_inner();
    assert_eq!(id.physical_synchronizer_id, node.network.psid().to_string());
    assert_eq!(id.sequencer_uid, node.sequencer.member().uid().to_string());

    let parameters = connect.get_synchronizer_parameters(GetSynchronizerParametersRequest {}).await.expect("answered");
    let Some(Parameters::ParametersV1(parameters)) = parameters.into_inner().parameters else { panic!("parameters") };
    assert_eq!(parameters, StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35).to_proto());
    node.stop().await;
}

#[tokio::test]
async fn a_handshake_compares_versions() {
    let node = Node::start().await;
    let mut connect = Connect::new(channel(&node).await);
    let handshake = |versions: &[i32], minimum, release: &str| HandshakeRequest {
        client_protocol_versions: versions.to_vec(),
        minimum_protocol_version: minimum,
        client_version: release.to_owned(),
    };
    let alice = alice().member().to_string();
    let request = as_member(handshake(&VERSIONS, None, RELEASE), &alice);
    let response = connect.handshake(request).await.expect("compatible").into_inner();
    assert_eq!(response.server_protocol_version, 35);
    assert!(matches!(response.value, Some(handshake_response::Value::Success(_))));
    assert!(connect.handshake(handshake(&VERSIONS, None, RELEASE)).await.is_ok(), "without a member");

    for (request, text) in [
        (handshake(&[33], None, RELEASE), "among the supported protocol versions by the client: 33. "),
        (handshake(&VERSIONS, None, ""), "Participant binary version is too old.'"),
        (handshake(&VERSIONS, Some(36), RELEASE), "minimum version configured by the participant (36).  "),
    ] {
        let refused = connect.handshake(request).await.expect_err("incompatible");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(text), "{}", refused.message());
        assert!(trailers(&refused).is_empty());
    }
    let metrics = node.metrics.render().expect("text");
    let is_counted =
        |line: &str| line.contains("handshakes_total{") && line.contains("failure") && line.ends_with(" 3");
    assert!(metrics.lines().any(is_counted), "{metrics}");
    node.stop().await;
}

#[tokio::test]
async fn a_participant_asks_whether_it_is_active() {
    let node = Node::start().await;
    let mut connect = Connect::new(channel(&node).await);
    let mut is_active = async |member: &str| {
        let response = connect.verify_active(as_member(VerifyActiveRequest {}, member)).await?.into_inner();
        Ok::<_, tonic::Status>(matches!(
            response.value,
            Some(verify_active_response::Value::Success(success)) if success.is_active
        ))
    };
    assert!(is_active(&alice().member().to_string()).await.expect("answered"));
    assert!(!is_active("PAR::ghost::122074b568fa").await.expect("answered"));
    let mediator = is_active(&node.mediator.member().to_string()).await.expect_err("no participant");
    assert_eq!(
        mediator.message(),
        "Only participants should use this endpoint, but found member of type MediatorId in the gRPC context."
    );
    let garbage = is_active("xyz").await.expect_err("no member");
    assert_eq!(garbage.code(), Code::InvalidArgument);
    assert_eq!(
        garbage.message(),
        "Failed to deserialize member id: ValueConversionError(memberId,Invalid member `xyz`, expecting \
         <three-letter-code>::id::fingerprint.)"
    );
    let nobody = connect.verify_active(VerifyActiveRequest {}).await.expect_err("no member");
    assert_eq!(nobody.message(), "Unable to find participant id in gRPC context");
    node.stop().await;
}

#[tokio::test]
async fn clients_see_that_it_serves() {
    let node = Node::start().await;
    let mut health = HealthClient::new(channel(&node).await);
    for service in ["", "sequencer-health-check-service"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = health.watch(request).await.expect("watched").into_inner();
        let status = within("the first status", watch.message()).await.expect("no error").expect("a status");
        assert_eq!(status.status, 1, "SERVING");
    }
    let unknown = HealthCheckRequest { service: "other".to_owned() };
    assert_eq!(health.check(unknown).await.expect_err("unknown").code(), Code::NotFound);
    node.stop().await;
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let node = Node::start().await;
    let mut reflection = ServerReflectionClient::new(channel(&node).await);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let requests = tokio_stream::iter([request]);
    let mut answers = reflection.server_reflection_info(requests).await.expect("answered").into_inner();
    let answer = within("the list", answers.message()).await.expect("no error").expect("a list");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("a list") };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["SequencerService", "SequencerConnectService", "SequencerAuthenticationService"] {
        let name = format!("com.digitalasset.canton.sequencer.api.v30.{service}");
        assert!(names.contains(&name.as_str()), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains(".admin.")), "{names:?}");
    node.stop().await;
}
