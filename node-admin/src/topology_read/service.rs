//! The calls of `TopologyManagerReadService`.

use std::future::Future;
use std::pin::Pin;

use futures::Stream;
use synod_proto::topology::admin::v30 as admin;
use synod_rpc::topology::admin::v30::topology_manager_read_service_server::TopologyManagerReadService;
use tonic::{Request, Response, Status, async_trait};

use super::{TopologyReadAdmin, query};

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The calls of the service that this node does not serve yet.
macro_rules! not_served {
    ($($method:ident($request:ident) -> $response:ty;)*) => {$(
        fn $method<'s, 'call>(
            &'s self,
            _: Request<admin::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'call>>
        where
            's: 'call,
            Self: 'call,
        {
            Box::pin(async { Err(Status::unimplemented(concat!(stringify!($method), " is not served by this node"))) })
        }
    )*};
}

#[async_trait]
impl TopologyManagerReadService for TopologyReadAdmin {
    type ExportTopologySnapshotStream = Parts<admin::ExportTopologySnapshotResponse>;
    type ExportTopologySnapshotV2Stream = Parts<admin::ExportTopologySnapshotV2Response>;
    type GenesisStateStream = Parts<admin::GenesisStateResponse>;
    type GenesisStateV2Stream = Parts<admin::GenesisStateV2Response>;
    type SequencerLsuStateStream = Parts<admin::SequencerLsuStateResponse>;

    async fn list_all_v2(
        &self,
        request: Request<admin::ListAllV2Request>,
    ) -> Result<Response<admin::ListAllV2Response>, Status> {
        self.stage.uid_or_unimplemented("TopologyManagerReadService")?;
        let filter = query::authorized(request.into_inner())?;
        let items = self.authorized.iter().filter(|row| filter.matches(row)).map(query::item).collect();
        Ok(Response::new(admin::ListAllV2Response { result: Some(admin::TopologyTransactions { items }) }))
    }

    not_served! {
        list_namespace_delegation(ListNamespaceDelegationRequest) -> admin::ListNamespaceDelegationResponse;
        list_decentralized_namespace_definition(ListDecentralizedNamespaceDefinitionRequest)
            -> admin::ListDecentralizedNamespaceDefinitionResponse;
        list_owner_to_key_mapping(ListOwnerToKeyMappingRequest) -> admin::ListOwnerToKeyMappingResponse;
        list_party_to_key_mapping(ListPartyToKeyMappingRequest) -> admin::ListPartyToKeyMappingResponse;
        list_synchronizer_trust_certificate(ListSynchronizerTrustCertificateRequest)
            -> admin::ListSynchronizerTrustCertificateResponse;
        list_participant_synchronizer_permission(ListParticipantSynchronizerPermissionRequest)
            -> admin::ListParticipantSynchronizerPermissionResponse;
        list_party_hosting_limits(ListPartyHostingLimitsRequest) -> admin::ListPartyHostingLimitsResponse;
        list_vetted_packages(ListVettedPackagesRequest) -> admin::ListVettedPackagesResponse;
        list_party_to_participant(ListPartyToParticipantRequest) -> admin::ListPartyToParticipantResponse;
        list_synchronizer_parameters_state(ListSynchronizerParametersStateRequest)
            -> admin::ListSynchronizerParametersStateResponse;
        list_sequencing_parameters_state(ListSequencingParametersStateRequest)
            -> admin::ListSequencingParametersStateResponse;
        list_mediator_synchronizer_state(ListMediatorSynchronizerStateRequest)
            -> admin::ListMediatorSynchronizerStateResponse;
        list_sequencer_synchronizer_state(ListSequencerSynchronizerStateRequest)
            -> admin::ListSequencerSynchronizerStateResponse;
        list_lsu_announcement(ListLsuAnnouncementRequest) -> admin::ListLsuAnnouncementResponse;
        list_lsu_sequencer_connection_successor(ListLsuSequencerConnectionSuccessorRequest)
            -> admin::ListLsuSequencerConnectionSuccessorResponse;
        list_available_stores(ListAvailableStoresRequest) -> admin::ListAvailableStoresResponse;
        list_all(ListAllRequest) -> admin::ListAllResponse;
        export_topology_snapshot(ExportTopologySnapshotRequest) -> Self::ExportTopologySnapshotStream;
        export_topology_snapshot_v2(ExportTopologySnapshotV2Request) -> Self::ExportTopologySnapshotV2Stream;
        genesis_state(GenesisStateRequest) -> Self::GenesisStateStream;
        genesis_state_v2(GenesisStateV2Request) -> Self::GenesisStateV2Stream;
        sequencer_lsu_state(SequencerLsuStateRequest) -> Self::SequencerLsuStateStream;
    }
}
