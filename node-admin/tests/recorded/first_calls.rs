//! The administration API against what a Console and a real sequencer said to each other (`pv35-basic`): our answers to the
//! recorded calls are the recorded answers. Only the version differs: recorded is a snapshot build.

use std::time::Duration;

use bytes::Bytes;
use synod_node_admin::sequencer::{InitializeRefused, SequencerStatusView};
use synod_node_admin::{NodeStage, RELEASE_VERSION};
use synod_proto::admin::health::v30::SetLogLevelRequest;
use synod_proto::admin::sequencer::v30::sequencer_status_response::{Kind, SequencerStatusResponseStatus};
use synod_proto::admin::sequencer::v30::{SequencerStatusRequest, SequencerStatusResponse};
use synod_proto::connection::v30::GetApiInfoRequest;
use synod_proto::sequencer::admin::v30::InitializeSequencerFromGenesisStateV2Request;
use synod_proto::topology::admin::v30::{GetIdRequest, GetIdResponse, InitIdRequest, ListAllV2Request, store_id};
use synod_rpc::admin::health::v30::status_service_client::StatusServiceClient;
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_topology::genesis::Genesis;
use synod_types::{Member, MemberKind, PhysicalSynchronizerId, UniqueIdentifier};
use tonic::Code;

use super::data::{authorized_answer, calls, recorded, request, response, rows};
use super::node::{Port, serve};

fn uid() -> UniqueIdentifier {
    let id: GetIdResponse = response(&recorded("GetId")[0]);
    UniqueIdentifier::parse(&id.unique_identifier).expect("an identifier")
}

fn waiting() -> NodeStage {
    NodeStage::NoSynchronizer { uid: uid() }
}

#[tokio::test]
async fn the_first_calls_are_answered_as_recorded() {
    let Port { channel, .. } = serve(waiting(), Vec::new()).await;
    let name = ApiInfoServiceClient::new(channel.clone()).get_api_info(GetApiInfoRequest {}).await.expect("answers");
    assert_eq!(name.into_inner(), response(&recorded("GetApiInfo")[0]));
    let id = IdentityInitializationServiceClient::new(channel.clone()).get_id(GetIdRequest {}).await.expect("answers");
    assert_eq!(id.into_inner(), response(&recorded("GetId")[0]));
    let status = SequencerStatusServiceClient::new(channel).sequencer_status(SequencerStatusRequest {}).await;
    let mut expected: SequencerStatusResponse = response(&recorded("SequencerStatus")[0]);
    let Some(Kind::NotInitialized(waiting)) = &mut expected.kind else {
        panic!("it was not initialized: {expected:?}")
    };
    RELEASE_VERSION.clone_into(&mut waiting.version);
    assert_eq!(status.expect("answers").into_inner(), expected);
}

#[tokio::test]
async fn a_node_without_an_identity_says_so() {
    let Port { channel, lifecycle, .. } = serve(NodeStage::NoIdentity, Vec::new()).await;
    let mut identity = IdentityInitializationServiceClient::new(channel.clone());
    assert!(!identity.get_id(GetIdRequest {}).await.expect("answers").into_inner().initialized);
    let (query, _) = authorized_answer(&calls("pv35-basic", "sequencer1"));
    let mut topology = TopologyManagerReadServiceClient::new(channel);
    let refused = topology.list_all_v2(query.clone()).await.expect_err("there is no store yet");
    assert_eq!(refused.code(), Code::Unimplemented);
    lifecycle.identity_set(&uid());
    topology.list_all_v2(query).await.expect("there is one now");
    let refused = identity.init_id(InitIdRequest::default()).await.expect_err("it made its own");
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_running_sequencer_is_described_as_recorded() {
    let calls = recorded("SequencerStatus");
    let kinds = calls.iter().filter_map(|call| response::<SequencerStatusResponse>(call).kind);
    let running = |kind| if let Kind::Status(status) = kind { Some(status) } else { None };
    let recorded: Vec<SequencerStatusResponseStatus> = kinds.filter_map(running).collect();
    assert!(recorded.iter().any(|status| !status.connected_mediators.is_empty()), "one with members");
    let Port { node, channel, .. } = serve(NodeStage::Running { uid: uid() }, Vec::new()).await;
    let mut service = SequencerStatusServiceClient::new(channel);
    let early = service.sequencer_status(SequencerStatusRequest {}).await.expect_err("it does not run yet");
    assert_eq!(early.code(), Code::Unavailable);
    for mut expected in recorded {
        *node.status.lock().expect("no panic") = Some(view(&expected));
        let found = service.sequencer_status(SequencerStatusRequest {}).await.expect("answers").into_inner();
        RELEASE_VERSION.clone_into(&mut expected.common_status.as_mut().expect("there").version);
        assert_eq!(found.kind, Some(Kind::Status(expected)));
    }
}

fn view(status: &SequencerStatusResponseStatus) -> SequencerStatusView {
    let common = status.common_status.clone().expect("there");
    let member = |kind, uid: &str| Member::new(kind, UniqueIdentifier::parse(uid).expect("an identifier"));
    let participants = status.connected_participants.iter().map(|one| member(MemberKind::Participant, &one.uid));
    let mediators = status.connected_mediators.iter().map(|one| member(MemberKind::Mediator, &one.uid));
    let port = |name: &str| u16::try_from(common.ports[name]).expect("a port");
    let uptime = common.uptime.expect("there");
    SequencerStatusView {
        uid: UniqueIdentifier::parse(&common.uid).expect("an identifier"),
        psid: PhysicalSynchronizerId::parse(&status.physical_synchronizer_id).expect("an identifier"),
        uptime: Duration::try_from(uptime).expect("positive"),
        public_port: port("public"),
        admin_port: port("admin"),
        connected: participants.chain(mediators).collect(),
        active: true,
        components: common.components.iter().map(|component| (component.name.clone(), None)).collect(),
        topology_queues: common.topology_queues.expect("there"),
    }
}

#[tokio::test]
async fn the_authorized_store_is_read_as_recorded() {
    let (query, expected) = authorized_answer(&calls("pv35-basic", "sequencer1"));
    let stored = rows(expected.clone());
    let Port { channel, .. } = serve(waiting(), stored).await;
    let mut service = TopologyManagerReadServiceClient::new(channel);
    assert_eq!(service.list_all_v2(query.clone()).await.expect("answers").into_inner(), expected);

    let mut other_store = query.clone();
    let temporary = store_id::Temporary { name: "mysync-setup".to_owned() };
    let base = other_store.base_query.as_mut().expect("there");
    base.store.as_mut().expect("there").store = Some(store_id::Store::Temporary(temporary));
    assert_eq!(service.list_all_v2(other_store).await.expect_err("not here").code(), Code::NotFound);

    let unknown = ListAllV2Request { include_mappings: vec!["xyz".to_owned()], ..query };
    assert_eq!(service.list_all_v2(unknown).await.expect_err("no such code").code(), Code::InvalidArgument);
    let empty = service.list_all_v2(ListAllV2Request::default()).await.expect_err("no query");
    assert_eq!(empty.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_recorded_genesis_arrives_whole() {
    let call = recorded("InitializeSequencerFromGenesisStateV2").remove(0);
    let recorded: InitializeSequencerFromGenesisStateV2Request = request(&call);
    let Port { node, lifecycle, channel, .. } = serve(waiting(), Vec::new()).await;
    let mut service = SequencerInitializationServiceClient::new(channel);
    // In three parts, as the Console sends a large one.
    let third = recorded.topology_snapshot.len() / 3 + 1;
    let parts: Vec<_> = recorded
        .topology_snapshot
        .chunks(third)
        .map(|part| InitializeSequencerFromGenesisStateV2Request {
            topology_snapshot: Bytes::copy_from_slice(part),
            ..recorded.clone()
        })
        .collect();
    assert_eq!(parts.len(), 3);

    let mut mixed = parts.clone();
    mixed[2].synchronizer_parameters.as_mut().expect("there").serial += 1;
    let refused = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(mixed)).await;
    assert_eq!(refused.expect_err("two sets of parameters").code(), Code::InvalidArgument);
    let refused = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter([])).await;
    assert_eq!(refused.expect_err("nothing").code(), Code::InvalidArgument);
    assert!(node.genesis.lock().expect("no panic").is_empty(), "a refused call changes nothing");

    let answer = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(parts.clone())).await;
    assert_eq!(answer.expect("initialized").into_inner(), response(&call));
    let (genesis, parameters) = node.genesis.lock().expect("no panic").remove(0);
    assert_eq!(genesis, recorded.topology_snapshot);
    assert_eq!(Some(&parameters), recorded.synchronizer_parameters.as_ref());
    let parameters = synod_topology::StaticSynchronizerParameters::from_proto(parameters).expect("valid");
    Genesis::from_v2(&parameters.encode(), &genesis).expect("the beginning of a synchronizer");

    lifecycle.running();
    let late = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(parts)).await;
    assert_eq!(late.expect_err("it runs").code(), Code::Unimplemented);
}

#[tokio::test]
async fn mistakes_of_the_caller_and_faults_of_the_node_are_told_apart() {
    let Port { node, channel, .. } = serve(waiting(), Vec::new()).await;
    let mut service = SequencerInitializationServiceClient::new(channel);
    let request: InitializeSequencerFromGenesisStateV2Request =
        request(&recorded("InitializeSequencerFromGenesisStateV2")[0]);
    for (refusal, code, text) in [
        (InitializeRefused::Invalid("no sequencers".to_owned()), Code::InvalidArgument, "no sequencers"),
        (InitializeRefused::WrongStage("not empty".to_owned()), Code::FailedPrecondition, "not empty"),
        (InitializeRefused::Fault("disk /dev/x".into()), Code::Internal, "see the log"),
    ] {
        *node.refuse.lock().expect("no panic") = Some(refusal);
        let call = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter([request.clone()])).await;
        let refused = call.expect_err("refused");
        assert_eq!(refused.code(), code);
        assert!(refused.message().contains(text) && !refused.message().contains("/dev/x"), "{refused:?}");
    }
}

#[tokio::test]
async fn log_levels_reach_the_process() {
    let Port { node, channel, .. } = serve(waiting(), Vec::new()).await;
    let mut service = StatusServiceClient::new(channel);
    service.set_log_level(SetLogLevelRequest { level: "DEBUG".to_owned() }).await.expect("a level");
    let refused = service.set_log_level(SetLogLevelRequest { level: "LOUD".to_owned() }).await.expect_err("no level");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(*node.levels.lock().expect("no panic"), ["DEBUG"]);
}
