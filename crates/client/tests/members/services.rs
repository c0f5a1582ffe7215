//! The services of the sequencer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, stream};
use synod_crypto::{KeyUsages, Nonce, Signature, auth_challenge_hash, verify};
use synod_proto::connection::v30::{GetApiInfoRequest, GetApiInfoResponse};
use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::api::v30::sequencer_authentication::{
    AuthenticateRequest, AuthenticateResponse, ChallengeRequest, ChallengeResponse, LogoutRequest, LogoutResponse,
};
use synod_proto::sequencer::api::v30::sequencer_connect::{
    GetSynchronizerIdRequest, GetSynchronizerIdResponse, GetSynchronizerParametersRequest,
    GetSynchronizerParametersResponse, HandshakeRequest, HandshakeResponse,
    RegisterOnboardingTopologyTransactionsRequest, RegisterOnboardingTopologyTransactionsResponse, VerifyActiveRequest,
    VerifyActiveResponse, get_synchronizer_parameters_response, handshake_response, verify_active_response,
};
use synod_proto::sequencer::api::v30::{
    AcknowledgeSignedRequest, AcknowledgeSignedResponse, DownloadTopologyStateForInitHashRequest,
    DownloadTopologyStateForInitHashResponse, DownloadTopologyStateForInitRequest,
    DownloadTopologyStateForInitResponse, GetTimeRequest, GetTimeResponse, GetTrafficStateForMemberRequest,
    GetTrafficStateForMemberResponse, SendAsyncRequest, SendAsyncResponse, SubscriptionRequest, SubscriptionResponse,
};
use synod_proto::topology::admin::v30::TopologyTransactions;
use synod_rpc::connection::v30::api_info_service_server::{ApiInfoService, ApiInfoServiceServer};
use synod_rpc::sequencer::api::v30::sequencer_authentication_service_server::{
    SequencerAuthenticationService, SequencerAuthenticationServiceServer,
};
use synod_rpc::sequencer::api::v30::sequencer_connect_service_server::{
    SequencerConnectService, SequencerConnectServiceServer,
};
use synod_rpc::sequencer::api::v30::sequencer_service_server::{SequencerService, SequencerServiceServer};
use synod_topology::SignedTopologyTransaction;
use synod_types::ProtocolVersion;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};

use crate::fake::{Core, Ending};

pub(crate) async fn serve(core: Arc<Core>, listener: TcpListener) {
    let services = Services(core);
    Server::builder()
        .add_service(ApiInfoServiceServer::new(services.clone()))
        .add_service(SequencerConnectServiceServer::new(services.clone()))
        .add_service(SequencerAuthenticationServiceServer::new(services.clone()))
        .add_service(SequencerServiceServer::new(services))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
        .unwrap();
}

#[derive(Clone)]
struct Services(Arc<Core>);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl ApiInfoService for Services {
    async fn get_api_info(&self, _: Request<GetApiInfoRequest>) -> Answer<GetApiInfoResponse> {
        let state = self.0.state();
        if state.is_down {
            return Err(Status::unavailable("starting"));
        }
        Ok(Response::new(GetApiInfoResponse { name: state.api.to_owned() }))
    }
}

#[async_trait]
impl SequencerConnectService for Services {
    async fn handshake(&self, request: Request<HandshakeRequest>) -> Answer<HandshakeResponse> {
        let request = request.into_inner();
        assert_eq!(request.client_version, "3.5.10");
        assert!(request.client_protocol_versions.contains(&35));
        let value = Some(handshake_response::Value::Success(handshake_response::Success {}));
        Ok(Response::new(HandshakeResponse { server_protocol_version: self.0.state().handshake_version, value }))
    }

    async fn get_synchronizer_id(&self, _: Request<GetSynchronizerIdRequest>) -> Answer<GetSynchronizerIdResponse> {
        Ok(Response::new(GetSynchronizerIdResponse {
            physical_synchronizer_id: self.0.state().psid.to_string(),
            sequencer_uid: self.0.sequencer.member().uid().to_string(),
        }))
    }

    async fn get_synchronizer_parameters(
        &self,
        _: Request<GetSynchronizerParametersRequest>,
    ) -> Answer<GetSynchronizerParametersResponse> {
        use get_synchronizer_parameters_response::Parameters::ParametersV1;
        let parameters = Some(ParametersV1(self.0.state().parameters.to_proto()));
        Ok(Response::new(GetSynchronizerParametersResponse { parameters }))
    }

    async fn verify_active(&self, request: Request<VerifyActiveRequest>) -> Answer<VerifyActiveResponse> {
        assert!(request.metadata().contains_key("memberid"));
        let mut state = self.0.state();
        state.questions += 1;
        let is_active = !state.registered.is_empty() && state.may_become_active && state.questions > 2;
        let value = Some(verify_active_response::Value::Success(verify_active_response::Success { is_active }));
        Ok(Response::new(VerifyActiveResponse { value }))
    }

    async fn register_onboarding_topology_transactions(
        &self,
        request: Request<RegisterOnboardingTopologyTransactionsRequest>,
    ) -> Answer<RegisterOnboardingTopologyTransactionsResponse> {
        assert!(request.metadata().contains_key("memberid"));
        let parse = |proto: synod_proto::protocol::v30::SignedTopologyTransaction| {
            let bytes = prost::Message::encode_to_vec(&proto);
            SignedTopologyTransaction::parse_unversioned(&bytes, ProtocolVersion::V35).unwrap()
        };
        self.0.state().registered = request.into_inner().topology_transactions.into_iter().map(parse).collect();
        Ok(Response::new(RegisterOnboardingTopologyTransactionsResponse {}))
    }
}

#[async_trait]
impl SequencerAuthenticationService for Services {
    async fn challenge(&self, request: Request<ChallengeRequest>) -> Answer<ChallengeResponse> {
        let mut state = self.0.state();
        let (key, _) = state
            .members
            .get(&request.get_ref().member)
            .ok_or_else(|| Status::permission_denied("MemberAccessDisabled"))?;
        let own = key.fingerprint().as_str().to_owned();
        let fingerprints = state.other_fingerprints.iter().cloned().chain([own]).collect();
        state.nonce += 1;
        Ok(Response::new(ChallengeResponse { nonce: vec![state.nonce; Nonce::LENGTH].into(), fingerprints }))
    }

    async fn authenticate(&self, request: Request<AuthenticateRequest>) -> Answer<AuthenticateResponse> {
        let request = request.into_inner();
        let mut state = self.0.state();
        let (key, _) = state.members.get(&request.member).unwrap();
        let nonce = Nonce::try_from(request.nonce.as_ref()).unwrap();
        let signature = Signature::from_proto(request.signature.unwrap()).unwrap();
        let hash = auth_challenge_hash(&nonce, &state.psid);
        verify(&hash, key, &signature, KeyUsages::SEQUENCER_AUTHENTICATION).unwrap();
        state.logins += 1;
        let token = Bytes::from(vec![u8::try_from(state.logins).unwrap(); 20]);
        state.tokens.push(token.clone());
        let expires_at = Some((SystemTime::now() + state.token_life).into());
        Ok(Response::new(AuthenticateResponse { token, expires_at }))
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Answer<LogoutResponse> {
        let mut state = self.0.state();
        state.logouts += 1;
        state.tokens.retain(|token| *token != request.get_ref().token);
        Ok(Response::new(LogoutResponse {}))
    }
}

impl Services {
    /// As Canton's interceptor: headers are there, the token is known.
    fn authenticate(&self, headers: &MetadataMap) -> Result<(), Status> {
        let state = self.0.state();
        assert_eq!(headers.get("synchronizerid").unwrap().to_str().unwrap(), state.psid.to_string());
        assert!(headers.contains_key("memberid"));
        let token = headers.get_bin("authtoken-bin").unwrap().to_bytes().unwrap();
        if state.tokens.contains(&token) {
            return Ok(());
        }
        let (code, sends_back) = state.unknown_token;
        let mut trailers = MetadataMap::new();
        if sends_back {
            trailers.insert_bin("authtoken-bin", BinaryMetadataValue::from_bytes(&token));
        }
        trailers.insert("autherrorcode", code.parse().unwrap());
        Err(Status::with_metadata(Code::Unauthenticated, "Authentication token refresh error", trailers))
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<SubscriptionResponse, Status>> + Send>>;
type Parts = Pin<Box<dyn Stream<Item = Result<DownloadTopologyStateForInitResponse, Status>> + Send>>;

#[async_trait]
impl SequencerService for Services {
    async fn send_async(&self, request: Request<SendAsyncRequest>) -> Answer<SendAsyncResponse> {
        self.authenticate(request.metadata())?;
        let (refusal, is_mute) = {
            let mut state = self.0.state();
            state.sends += 1;
            if state.send_refusal.is_none() {
                state.sent.push(request.into_inner().signed_submission_request);
            }
            (state.send_refusal.clone(), state.is_mute)
        };
        self.0.changed();
        if is_mute {
            std::future::pending::<()>().await;
        }
        refusal.map_or(Ok(Response::new(SendAsyncResponse {})), Err)
    }

    type SubscribeStream = Events;

    /// Answers with the first event, as gRPC for Java does.
    async fn subscribe(&self, request: Request<SubscriptionRequest>) -> Answer<Events> {
        self.authenticate(request.metadata())?;
        let from = request.get_ref().timestamp;
        let ending = {
            let mut state = self.0.state();
            state.subscriptions.push(from);
            state.endings.pop_front()
        };
        self.0.changed();
        if let Some((0, Err(status))) = ending {
            return Err(status);
        }
        let mut events = Box::pin(events(self.0.clone(), from, ending));
        let first = futures::StreamExt::next(&mut events).await;
        Ok(Response::new(Box::pin(futures::StreamExt::chain(stream::iter(first), events))))
    }

    async fn acknowledge_signed(
        &self,
        request: Request<AcknowledgeSignedRequest>,
    ) -> Answer<AcknowledgeSignedResponse> {
        self.authenticate(request.metadata())?;
        self.0.state().acknowledged.push(request.into_inner().signed_acknowledge_request);
        Ok(Response::new(AcknowledgeSignedResponse {}))
    }

    type DownloadTopologyStateForInitStream = Parts;

    async fn download_topology_state_for_init(
        &self,
        request: Request<DownloadTopologyStateForInitRequest>,
    ) -> Answer<Parts> {
        self.authenticate(request.metadata())?;
        let items = self.0.state().items.clone();
        let parts: Vec<_> = items
            .chunks(3)
            .map(|items| {
                let topology_transactions = Some(TopologyTransactions { items: items.to_vec() });
                Ok(DownloadTopologyStateForInitResponse { topology_transactions })
            })
            .collect();
        Ok(Response::new(Box::pin(stream::iter(parts))))
    }

    async fn download_topology_state_for_init_hash(
        &self,
        request: Request<DownloadTopologyStateForInitHashRequest>,
    ) -> Answer<DownloadTopologyStateForInitHashResponse> {
        self.authenticate(request.metadata())?;
        let topology_state_hash = self.0.state().hash.clone();
        Ok(Response::new(DownloadTopologyStateForInitHashResponse { topology_state_hash }))
    }

    async fn get_traffic_state_for_member(
        &self,
        request: Request<GetTrafficStateForMemberRequest>,
    ) -> Answer<GetTrafficStateForMemberResponse> {
        self.authenticate(request.metadata())?;
        let timestamp = request.get_ref().timestamp;
        let traffic_state = (timestamp > 0).then_some(TrafficState {
            extra_traffic_purchased: 5,
            extra_traffic_consumed: 3,
            base_traffic_remainder: 2,
            last_consumed_cost: 1,
            timestamp,
            serial: Some(7),
        });
        Ok(Response::new(GetTrafficStateForMemberResponse { traffic_state }))
    }

    async fn get_time(&self, request: Request<GetTimeRequest>) -> Answer<GetTimeResponse> {
        self.authenticate(request.metadata())?;
        let sequencing_timestamp = self.0.state().events.last().map(|(time, _)| time.as_micros());
        Ok(Response::new(GetTimeResponse { sequencing_timestamp }))
    }
}

/// The events from `from` on, as they come, until the ending.
fn events(
    core: Arc<Core>,
    from: Option<i64>,
    ending: Option<Ending>,
) -> impl Stream<Item = Result<SubscriptionResponse, Status>> + Send {
    let changes = core.changes.subscribe();
    let kicks = core.state().kicks.len();
    stream::unfold((core, changes, 0, ending), move |(core, mut changes, sent, ending)| async move {
        match ending {
            Some((after, Ok(()))) if sent >= after => return None,
            Some((after, Err(status))) if sent >= after => {
                return Some((Err(status), (core, changes, sent, Some((0, Ok(()))))));
            }
            _ => {}
        }
        loop {
            let kick = core.state().kicks.get(kicks).cloned();
            if let (Some(status), true) = (kick, ending.is_none()) {
                return Some((Err(status), (core, changes, sent, Some((0, Ok(()))))));
            }
            let next = {
                let state = core.state();
                let mut wanted =
                    state.events.iter().filter(|(time, _)| from.is_none_or(|from| time.as_micros() >= from));
                wanted.nth(sent).map(|(_, signed)| signed.clone())
            };
            if let Some(signed_sequenced_event) = next {
                let response = SubscriptionResponse { signed_sequenced_event, trace_context: None };
                return Some((Ok(response), (core, changes, sent + 1, ending)));
            }
            changes.changed().await.ok()?;
        }
    })
}
