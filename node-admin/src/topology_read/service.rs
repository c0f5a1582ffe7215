//! The calls of `TopologyManagerReadService`.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use synod_proto::protocol::v30::topology_mapping::Mapping as Content;
use synod_proto::topology::admin::v30 as admin;
use synod_rpc::topology::admin::v30::topology_manager_read_service_server::TopologyManagerReadService;
use synod_topology::mapping::PartyToParticipant;
use synod_topology::{Mapping, MappingCode, genesis};
use tonic::{Request, Response, Status, async_trait};

use super::TopologyReadAdmin;
use super::export::{all_but, all_or, parts, transactions};
use super::lists::Listed;
use super::query::{Query, RowFilter};
use crate::errors::{AdminError, Trace};

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl TopologyReadAdmin {
    /// The content of a call and its trace, once the service exists.
    fn enter<T>(&self, request: Request<T>) -> Result<(T, Trace), Status> {
        self.stage.uid_or_unimplemented("TopologyManagerReadService")?;
        let trace = Trace::of(&request);
        Ok((request.into_inner(), trace))
    }

    async fn list(
        &self,
        query: Option<admin::BaseQuery>,
        filter: RowFilter,
        trace: &Trace,
    ) -> Result<Vec<Listed>, Status> {
        self.listed(query, filter).await.map_err(|error| error.status(trace))
    }
}

fn stream<T: Send + 'static>(bytes: &Bytes, part: fn(Bytes) -> T) -> Response<Parts<T>> {
    Response::new(Box::pin(futures::stream::iter(parts(bytes).into_iter().map(move |bytes| Ok(part(bytes))))))
}

fn hosts(party: &PartyToParticipant, filter_party: &str, filter_participant: &str) -> bool {
    let mut participants = party.participants.iter();
    party.party.as_str().starts_with(filter_party)
        && (filter_participant.is_empty()
            || participants.any(|host| host.participant.uid().as_str().contains(filter_participant)))
}

/// A call that lists one kind of mapping.
macro_rules! list {
    ($method:ident, $request:ident, $response:ident, $results:ident, $content:ident($inner:pat) => $item:expr,
     |$query:ident| $filter:expr, |$listed:ident| $keep:expr) => {
        #[allow(clippy::too_many_lines, unused_variables, reason = "made by a macro")]
        fn $method<'s, 'call>(
            &'s self,
            request: Request<admin::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<admin::$response>, Status>> + Send + 'call>>
        where
            's: 'call,
            Self: 'call,
        {
            Box::pin(async move {
                let ($query, trace) = self.enter(request)?;
                let filter = $filter;
                let listed = self.list($query.base_query.clone(), filter, &trace).await?;
                let kept = listed.into_iter().filter(|$listed| $keep);
                let results = kept.filter_map(|listed| match listed.content {
                    Content::$content($inner) => {
                        Some(admin::$results::Result { context: Some(listed.context), item: $item })
                    }
                    _ => None,
                });
                Ok(Response::new(admin::$response { results: results.collect() }))
            })
        }
    };
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
        let (request, trace) = self.enter(request)?;
        let query = Query::parse(request.base_query).and_then(|query| Ok((query, all_or(&request.include_mappings)?)));
        let (query, codes) = query.map_err(|error| error.status(&trace))?;
        let rows = self.all(&query, codes, request.filter_namespace).await;
        let rows = rows.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::ListAllV2Response { result: Some(transactions(&rows)) }))
    }

    async fn list_all(
        &self,
        request: Request<admin::ListAllRequest>,
    ) -> Result<Response<admin::ListAllResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let query = Query::parse(request.base_query).and_then(|query| Ok((query, all_but(&request.exclude_mappings)?)));
        let (query, codes) = query.map_err(|error| error.status(&trace))?;
        let rows = self.all(&query, codes, request.filter_namespace).await;
        let rows = rows.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::ListAllResponse { result: Some(transactions(&rows)) }))
    }

    async fn list_available_stores(
        &self,
        request: Request<admin::ListAvailableStoresRequest>,
    ) -> Result<Response<admin::ListAvailableStoresResponse>, Status> {
        self.enter(request)?;
        let store_ids = self.stores.names().iter().map(crate::stores::StoreName::to_proto).collect();
        Ok(Response::new(admin::ListAvailableStoresResponse { store_ids }))
    }

    async fn export_topology_snapshot(
        &self,
        request: Request<admin::ExportTopologySnapshotRequest>,
    ) -> Result<Response<Self::ExportTopologySnapshotStream>, Status> {
        let (request, trace) = self.enter(request)?;
        let (query, excluded) = (request.base_query, &request.exclude_mappings);
        let exported = self.export(query, excluded, request.filter_namespace, genesis::encode_v1).await;
        let exported = exported.map_err(|error: AdminError| error.status(&trace))?;
        Ok(stream(&exported, |chunk| admin::ExportTopologySnapshotResponse { chunk }))
    }

    async fn export_topology_snapshot_v2(
        &self,
        request: Request<admin::ExportTopologySnapshotV2Request>,
    ) -> Result<Response<Self::ExportTopologySnapshotV2Stream>, Status> {
        let (request, trace) = self.enter(request)?;
        let (query, excluded) = (request.base_query, &request.exclude_mappings);
        let exported = self.export(query, excluded, request.filter_namespace, genesis::encode_v2).await;
        let exported = exported.map_err(|error| error.status(&trace))?;
        Ok(stream(&exported, |chunk| admin::ExportTopologySnapshotV2Response { chunk }))
    }

    async fn genesis_state_v2(
        &self,
        request: Request<admin::GenesisStateV2Request>,
    ) -> Result<Response<Self::GenesisStateV2Stream>, Status> {
        let (request, trace) = self.enter(request)?;
        let state = self.genesis(request).await.map_err(|error| error.status(&trace))?;
        Ok(stream(&state, |chunk| admin::GenesisStateV2Response { chunk }))
    }

    async fn genesis_state(
        &self,
        _: Request<admin::GenesisStateRequest>,
    ) -> Result<Response<Self::GenesisStateStream>, Status> {
        Err(Status::unimplemented("genesis_state is not served by this node"))
    }

    async fn sequencer_lsu_state(
        &self,
        _: Request<admin::SequencerLsuStateRequest>,
    ) -> Result<Response<Self::SequencerLsuStateStream>, Status> {
        Err(Status::unimplemented("sequencer_lsu_state is not served by this node"))
    }

    list!(list_namespace_delegation, ListNamespaceDelegationRequest, ListNamespaceDelegationResponse,
    list_namespace_delegation_response, NamespaceDelegation(item) => Some(item),
    |query| RowFilter::by_namespace(MappingCode::NamespaceDelegation, query.filter_namespace.clone()),
    |listed| match &listed.mapping {
        Mapping::NamespaceDelegation(delegation) => {
            let wanted = &query.filter_target_key_fingerprint;
            wanted.is_empty() || delegation.target.fingerprint().as_str() == wanted
        }
        _ => false,
    });
    list!(list_decentralized_namespace_definition, ListDecentralizedNamespaceDefinitionRequest,
        ListDecentralizedNamespaceDefinitionResponse, list_decentralized_namespace_definition_response,
        DecentralizedNamespaceDefinition(item) => Some(item),
        |query| RowFilter::by_namespace(MappingCode::DecentralizedNamespaceDefinition, query.filter_namespace.clone()),
        |listed| true);
    list!(list_owner_to_key_mapping, ListOwnerToKeyMappingRequest, ListOwnerToKeyMappingResponse,
    list_owner_to_key_mapping_response, OwnerToKeyMapping(item) => Some(item),
    |query| RowFilter::by_uid(MappingCode::OwnerToKeyMapping, &query.filter_key_owner_uid),
    |listed| match &listed.mapping {
        Mapping::OwnerToKeyMapping(keys) => {
            let kind = &query.filter_key_owner_type;
            keys.member().uid().as_str().starts_with(&query.filter_key_owner_uid)
                && (kind.is_empty() || keys.member().kind().code() == kind)
        }
        _ => false,
    });
    list!(list_party_to_key_mapping, ListPartyToKeyMappingRequest, ListPartyToKeyMappingResponse,
        list_party_to_key_mapping_response, PartyToKeyMapping(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::PartyToKeyMapping, &query.filter_party), |listed| true);
    list!(list_synchronizer_trust_certificate, ListSynchronizerTrustCertificateRequest,
        ListSynchronizerTrustCertificateResponse, list_synchronizer_trust_certificate_response,
        SynchronizerTrustCertificate(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::SynchronizerTrustCertificate, &query.filter_uid), |listed| true);
    list!(list_participant_synchronizer_permission, ListParticipantSynchronizerPermissionRequest,
        ListParticipantSynchronizerPermissionResponse, list_participant_synchronizer_permission_response,
        ParticipantPermission(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::ParticipantSynchronizerPermission, &query.filter_uid), |listed| true);
    list!(list_party_hosting_limits, ListPartyHostingLimitsRequest, ListPartyHostingLimitsResponse,
        list_party_hosting_limits_response, PartyHostingLimits(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::PartyHostingLimits, &query.filter_uid), |listed| true);
    list!(list_vetted_packages, ListVettedPackagesRequest, ListVettedPackagesResponse,
        list_vetted_packages_response, VettedPackages(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::VettedPackages, &query.filter_participant), |listed| true);
    list!(list_party_to_participant, ListPartyToParticipantRequest, ListPartyToParticipantResponse,
    list_party_to_participant_response, PartyToParticipant(item) => Some(item),
    |query| RowFilter::by_uid(MappingCode::PartyToParticipant, &query.filter_party),
    |listed| match &listed.mapping {
        Mapping::PartyToParticipant(party) => hosts(party, &query.filter_party, &query.filter_participant),
        _ => false,
    });
    list!(list_synchronizer_parameters_state, ListSynchronizerParametersStateRequest,
        ListSynchronizerParametersStateResponse, list_synchronizer_parameters_state_response,
        SynchronizerParametersState(state) => state.synchronizer_parameters,
        |query| RowFilter::by_uid(MappingCode::SynchronizerParametersState, &query.filter_synchronizer_id),
        |listed| true);
    list!(list_sequencing_parameters_state, ListSequencingParametersStateRequest,
        ListSequencingParametersStateResponse, list_sequencing_parameters_state_response,
        SequencingDynamicParametersState(state) => state.sequencing_parameters,
        |query| RowFilter::by_uid(MappingCode::SequencingParametersState, &query.filter_synchronizer_id),
        |listed| true);
    list!(list_mediator_synchronizer_state, ListMediatorSynchronizerStateRequest,
        ListMediatorSynchronizerStateResponse, list_mediator_synchronizer_state_response,
        MediatorSynchronizerState(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::MediatorSynchronizerState, &query.filter_synchronizer_id),
        |listed| true);
    list!(list_sequencer_synchronizer_state, ListSequencerSynchronizerStateRequest,
        ListSequencerSynchronizerStateResponse, list_sequencer_synchronizer_state_response,
        SequencerSynchronizerState(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::SequencerSynchronizerState, &query.filter_synchronizer_id),
        |listed| true);
    list!(list_lsu_announcement, ListLsuAnnouncementRequest, ListLsuAnnouncementResponse,
        list_lsu_announcement_response, SynchronizerUpgradeAnnouncement(item) => Some(item),
        |query| RowFilter::by_uid(MappingCode::LsuAnnouncement, &query.filter_synchronizer_id), |listed| true);
    list!(list_lsu_sequencer_connection_successor, ListLsuSequencerConnectionSuccessorRequest,
    ListLsuSequencerConnectionSuccessorResponse, list_lsu_sequencer_connection_successor_response,
    SequencerConnectionSuccessor(item) => Some(item),
    |query| RowFilter::by_uid(MappingCode::LsuSequencerConnectionSuccessor, &query.filter_sequencer_id),
    |listed| match &listed.mapping {
        Mapping::LsuSequencerConnectionSuccessor(successor) => {
            let wanted = &query.filter_successor_physical_synchronizer_id;
            wanted.is_empty() || wanted.starts_with(&successor.successor.to_string())
        }
        _ => false,
    });
}
