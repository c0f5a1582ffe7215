//! Serves a generated service and reads the descriptors.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::FileDescriptorSet;
use synod_proto::connection::v30::{GetApiInfoRequest, GetApiInfoResponse};
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_rpc::connection::v30::api_info_service_server::{ApiInfoService, ApiInfoServiceServer};
use synod_rpc::sequencer::api::v30::sequencer_service_client::SequencerServiceClient;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};

struct Info;

#[tonic::async_trait]
impl ApiInfoService for Info {
    async fn get_api_info(&self, _request: Request<GetApiInfoRequest>) -> Result<Response<GetApiInfoResponse>, Status> {
        Ok(Response::new(GetApiInfoResponse { name: "admin-api".into() }))
    }
}

#[tokio::test]
async fn a_client_reaches_a_service_and_misses_another() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server =
        tokio::spawn(Server::builder().add_service(ApiInfoServiceServer::new(Info)).serve_with_incoming_shutdown(
            TcpListenerStream::new(listener),
            async {
                stopped.await.ok();
            },
        ));
    let channel = Endpoint::from_shared(format!("http://{address}")).expect("address").connect().await.expect("up");

    let info = ApiInfoServiceClient::new(channel.clone()).get_api_info(GetApiInfoRequest {}).await.expect("served");
    assert_eq!(info.into_inner().name, "admin-api");

    let missing =
        SequencerServiceClient::new(channel).get_time(synod_proto::sequencer::api::v30::GetTimeRequest {}).await;
    assert_eq!(missing.expect_err("not served").code(), Code::Unimplemented);

    stop.send(()).expect("running");
    server.await.expect("no panic").expect("clean end");
}

#[test]
fn descriptors_hold_every_service_with_its_imports() {
    let set = FileDescriptorSet::decode(synod_rpc::FILE_DESCRIPTOR_SET).expect("valid");
    let files: BTreeSet<_> = set.file.iter().map(|file| file.name()).collect();
    for file in &set.file {
        assert!(file.source_code_info.is_none(), "{}", file.name());
        assert!(file.dependency.iter().all(|import| files.contains(import.as_str())), "{}", file.name());
    }
    let services: BTreeSet<_> = set
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(|service| format!("{}.{}", file.package(), service.name())))
        .map(|name| name.replace("com.digitalasset.canton.", ""))
        .collect();
    let expected = [
        "admin.health.v30.StatusService",
        "admin.mediator.v30.MediatorStatusService",
        "admin.sequencer.v30.SequencerStatusService",
        "connection.v30.ApiInfoService",
        "crypto.admin.v30.VaultService",
        "mediator.admin.v30.MediatorAdministrationService",
        "mediator.admin.v30.MediatorInitializationService",
        "mediator.admin.v30.MediatorInspectionService",
        "mediator.admin.v30.SequencerConnectionService",
        "sequencer.admin.v30.SequencerAdministrationService",
        "sequencer.admin.v30.SequencerInitializationService",
        "sequencer.admin.v30.SequencerPruningAdministrationService",
        "sequencer.admin.v30.SequencerTrafficInspectionService",
        "sequencer.api.v30.SequencerAuthenticationService",
        "sequencer.api.v30.SequencerConnectService",
        "sequencer.api.v30.SequencerService",
        "time.admin.v30.SynchronizerTimeService",
        "topology.admin.v30.IdentityInitializationService",
        "topology.admin.v30.TopologyAggregationService",
        "topology.admin.v30.TopologyManagerReadService",
        "topology.admin.v30.TopologyManagerWriteService",
    ];
    assert_eq!(services, expected.map(String::from).into());
}
