//! `SequencerAuthenticationService`: nonces to sign, tokens for signed nonces (`GrpcSequencerAuthenticationService`).

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::{KeyUsages, Nonce, Signature, auth_challenge_hash};
use synod_proto::sequencer::api::v30::sequencer_authentication::{
    AuthenticateRequest, AuthenticateResponse, ChallengeRequest, ChallengeResponse, LogoutRequest, LogoutResponse,
};
use synod_rpc::sequencer::api::v30::sequencer_authentication_service_server::{
    SERVICE_NAME, SequencerAuthenticationService,
};
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;
use tonic::{Request, Response, Status, async_trait};

use super::handshake::{self, ClientVersions, IncompatibleClient};
use super::is_active;
use super::nonces::InvalidNonce;
use super::random::{NoRandomness, SECRET_BYTES};
use crate::core::Core;
use crate::texts::{member_failure, short_member};

/// Why a member cannot log in. What the member is told is less: see [`LoginRefused::status`].
#[derive(Debug, Error)]
enum LoginRefused {
    #[error(transparent)]
    Incompatible(IncompatibleClient),
    #[error("Failed to deserialize member: {0}")]
    Member(String),
    #[error("Member {0} access is disabled")]
    Disabled(String),
    #[error("member {0} has no keys to log in with")]
    NoKeys(Member),
    #[error("the signature is missing or malformed")]
    MalformedSignature,
    #[error("the nonce has not {SECRET_BYTES} bytes")]
    MalformedNonce,
    #[error(transparent)]
    Nonce(InvalidNonce),
    #[error("the signature does not verify")]
    Signature(#[source] synod_crypto::SignatureError),
    #[error(transparent)]
    Fault(NoRandomness),
}

impl LoginRefused {
    /// The status for the member. Texts that help to guess are replaced by `instead`.
    fn status(&self, instead: &'static str) -> Status {
        match self {
            Self::Incompatible(_) => Status::invalid_argument(self.to_string()),
            Self::Disabled(_) => Status::permission_denied(self.to_string()),
            Self::NoKeys(_) => Status::failed_precondition(instead),
            Self::Member(_) | Self::MalformedSignature | Self::MalformedNonce | Self::Signature(_) => {
                Status::invalid_argument(instead)
            }
            Self::Nonce(_) => Status::unauthenticated(instead),
            Self::Fault(_) => Status::internal(instead),
        }
    }
}

/// Serves logging in and out.
#[derive(Debug, Clone)]
pub(crate) struct AuthenticationService(pub(crate) Arc<Core>);

impl AuthenticationService {
    fn parse_member(text: &str) -> Result<Member, LoginRefused> {
        Member::parse(text).map_err(|error| LoginRefused::Member(member_failure("member", text, &error)))
    }

    fn start(&self, request: &ChallengeRequest) -> Result<ChallengeResponse, LoginRefused> {
        let core = &*self.0;
        let client = ClientVersions {
            protocol_versions: &request.member_protocol_versions,
            minimum: None,
            release: &request.client_version,
        };
        handshake::check(core.version(), client, core.settings.check_client_release)
            .map_err(LoginRefused::Incompatible)?;
        let member = Self::parse_member(&request.member)?;
        let head = core.head();
        if !is_active(&head, &member) {
            return Err(LoginRefused::Disabled(short_member(&member)));
        }
        let snapshot = head.state.snapshot(head.state.approximate_time());
        let fingerprints: Vec<String> = snapshot
            .signing_keys_for(&member, KeyUsages::SEQUENCER_AUTHENTICATION)
            .map(|key| key.fingerprint().to_string())
            .collect();
        if fingerprints.is_empty() {
            return Err(LoginRefused::NoKeys(member));
        }
        let nonce = core.sessions.nonces.issue(&member, core.clock.now()).map_err(LoginRefused::Fault)?;
        Ok(ChallengeResponse { nonce: Bytes::copy_from_slice(nonce.as_bytes()), fingerprints })
    }

    fn finish(&self, request: AuthenticateRequest) -> Result<AuthenticateResponse, LoginRefused> {
        let core = &*self.0;
        let member = Self::parse_member(&request.member)?;
        let signature = request.signature.ok_or(LoginRefused::MalformedSignature)?;
        let signature = Signature::from_proto(signature).map_err(|_| LoginRefused::MalformedSignature)?;
        let nonce = Nonce::try_from(request.nonce.as_ref()).map_err(|_| LoginRefused::MalformedNonce)?;
        let head = core.head();
        if !is_active(&head, &member) {
            return Err(LoginRefused::Disabled(short_member(&member)));
        }
        let now = core.clock.now();
        core.sessions.nonces.redeem(&member, &nonce, now).map_err(LoginRefused::Nonce)?;
        let snapshot = head.state.snapshot(head.state.approximate_time());
        let hash = auth_challenge_hash(&nonce, &core.psid);
        let required = KeyUsages::SEQUENCER_AUTHENTICATION;
        head.state
            .verifier()
            .verify(snapshot.timestamp(), snapshot.signing_keys(&member), &hash, &signature, required)
            .map_err(LoginRefused::Signature)?;
        let (token, expires_at) =
            core.sessions.tokens.issue(&member, now, core.settings.token_expiration).map_err(LoginRefused::Fault)?;
        tracing::info!(%member, %expires_at, "member logged in");
        Ok(AuthenticateResponse {
            token: Bytes::copy_from_slice(token.as_bytes()),
            expires_at: Some(proto_timestamp(expires_at)),
        })
    }

    fn refused(&self, call: &'static str, member: &str, refused: &LoginRefused) {
        let outcome = if matches!(refused, LoginRefused::Fault(_)) { "fault" } else { "refused" };
        self.0.metrics.logins.with_label_values(&[outcome]).inc();
        let error = synod_runtime::Chain(refused).to_string();
        tracing::info!(call, member, error, "login refused");
    }
}

#[async_trait]
impl SequencerAuthenticationService for AuthenticationService {
    async fn challenge(&self, request: Request<ChallengeRequest>) -> Result<Response<ChallengeResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "Challenge", request.metadata())?;
        let request = request.into_inner();
        self.start(&request).map(Response::new).map_err(|refused| {
            self.refused("Challenge", &request.member, &refused);
            refused.status("Bad challenge request")
        })
    }

    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let (_, _permit) = self.0.enter(SERVICE_NAME, "Authenticate", request.metadata())?;
        let request = request.into_inner();
        let member = request.member.clone();
        match self.finish(request) {
            Ok(response) => {
                self.0.metrics.logins.with_label_values(&["success"]).inc();
                Ok(Response::new(response))
            }
            Err(refused) => {
                self.refused("Authenticate", &member, &refused);
                Err(refused.status("Bad authentication request"))
            }
        }
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        let token = request.into_inner().token;
        if token.len() != SECRET_BYTES {
            let length = token.len();
            return Err(Status::invalid_argument(format!(
                "Failed to deserialize token: a token has {SECRET_BYTES} bytes, not {length}"
            )));
        }
        let Some(member) = self.0.sessions.tokens.member_of(&token) else {
            return Err(Status::failed_precondition("Failed to logout: LogoutTokenDoesNotExist"));
        };
        self.0.sessions.revoke(&member);
        tracing::info!(%member, "member logged out");
        Ok(Response::new(LogoutResponse {}))
    }
}

fn proto_timestamp(time: CantonTimestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}
