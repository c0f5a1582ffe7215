//! `SequencerConnectService`: what a client learns before it logs in (ch. 01 §1.3, `GrpcSequencerConnectService`).

use std::sync::Arc;

use synod_proto::sequencer::api::v30::sequencer_connect::get_synchronizer_parameters_response::Parameters;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    GetSynchronizerIdRequest, GetSynchronizerIdResponse, GetSynchronizerParametersRequest,
    GetSynchronizerParametersResponse, HandshakeRequest, HandshakeResponse,
    RegisterOnboardingTopologyTransactionsRequest, RegisterOnboardingTopologyTransactionsResponse, VerifyActiveRequest,
    VerifyActiveResponse, handshake_response, verify_active_response,
};
use synod_rpc::sequencer::api::v30::sequencer_connect_service_server::{SERVICE_NAME, SequencerConnectService};
use synod_types::{Member, MemberKind, ParticipantId};
use tonic::{Request, Response, Status, async_trait};

use crate::auth::NamedMember;
use crate::auth::handshake::{self, ClientVersions};
use crate::core::Core;
use crate::registration::register;

/// Serves clients that have not logged in.
#[derive(Debug, Clone)]
pub(crate) struct ConnectService(pub(crate) Arc<Core>);

#[async_trait]
impl SequencerConnectService for ConnectService {
    async fn handshake(&self, request: Request<HandshakeRequest>) -> Result<Response<HandshakeResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "Handshake", request.metadata())?;
        let request = request.into_inner();
        let client = ClientVersions {
            protocol_versions: &request.client_protocol_versions,
            minimum: request.minimum_protocol_version,
            release: &request.client_version,
        };
        let version = self.0.version();
        let checked = handshake::check(version, client, self.0.settings.check_client_release);
        let outcome = if checked.is_ok() { "success" } else { "failure" };
        self.0.metrics.handshakes.with_label_values(&[outcome]).inc();
        checked.map_err(|incompatible| Status::invalid_argument(incompatible.to_string()))?;
        Ok(Response::new(HandshakeResponse {
            server_protocol_version: version.number(),
            value: Some(handshake_response::Value::Success(handshake_response::Success {})),
        }))
    }

    async fn get_synchronizer_id(
        &self,
        request: Request<GetSynchronizerIdRequest>,
    ) -> Result<Response<GetSynchronizerIdResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "GetSynchronizerId", request.metadata())?;
        Ok(Response::new(GetSynchronizerIdResponse {
            physical_synchronizer_id: self.0.psid.to_string(),
            sequencer_uid: self.0.sequencer.uid().to_string(),
        }))
    }

    async fn get_synchronizer_parameters(
        &self,
        request: Request<GetSynchronizerParametersRequest>,
    ) -> Result<Response<GetSynchronizerParametersResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "GetSynchronizerParameters", request.metadata())?;
        let parameters = self.0.head().state.static_parameters().to_proto();
        Ok(Response::new(GetSynchronizerParametersResponse { parameters: Some(Parameters::ParametersV1(parameters)) }))
    }

    async fn verify_active(
        &self,
        request: Request<VerifyActiveRequest>,
    ) -> Result<Response<VerifyActiveResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "VerifyActive", request.metadata())?;
        let participant = named_participant(&request)?;
        let head = self.0.head();
        let snapshot = head.state.snapshot(head.state.approximate_time());
        let is_active = snapshot.is_participant_active(&participant);
        let success = verify_active_response::Success { is_active };
        Ok(Response::new(VerifyActiveResponse { value: Some(verify_active_response::Value::Success(success)) }))
    }

    async fn register_onboarding_topology_transactions(
        &self,
        request: Request<RegisterOnboardingTopologyTransactionsRequest>,
    ) -> Result<Response<RegisterOnboardingTopologyTransactionsResponse>, Status> {
        const METHOD: &str = "RegisterOnboardingTopologyTransactions";
        let (call, _permit) = self.0.enter(SERVICE_NAME, METHOD, request.metadata())?;
        let participant = named_participant(&request)?;
        register(&self.0, &call, &participant, request.into_inner().topology_transactions).await?;
        Ok(Response::new(RegisterOnboardingTopologyTransactionsResponse {}))
    }
}

/// The participant that the call names.
fn named_participant<T>(request: &Request<T>) -> Result<ParticipantId, Status> {
    let Some(NamedMember(member)) = request.extensions().get() else {
        return Err(Status::invalid_argument("Unable to find participant id in gRPC context"));
    };
    ParticipantId::try_from(member.clone()).map_err(|_| {
        let kind = kind_of_id(member);
        Status::invalid_argument(format!(
            "Only participants should use this endpoint, but found member of type {kind} in the gRPC context."
        ))
    })
}

/// Canton's class of a member.
const fn kind_of_id(member: &Member) -> &'static str {
    match member.kind() {
        MemberKind::Participant => "ParticipantId",
        MemberKind::Mediator => "MediatorId",
        MemberKind::Sequencer => "SequencerId",
    }
}
