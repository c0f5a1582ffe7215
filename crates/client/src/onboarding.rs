//! Registering a participant (chapter 01 §2, steps 7 and 8).

use std::time::Duration;

use synod_proto::sequencer::api::v30::sequencer_connect::verify_active_response::Value;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    RegisterOnboardingTopologyTransactionsRequest, VerifyActiveRequest,
};
use synod_rpc::sequencer::api::v30::sequencer_connect_service_client::SequencerConnectServiceClient;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;

use crate::{ClientError, MemberIdentity, SequencerConnection};

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct OnboardingLimits {
    /// Until the member is active.
    pub active: Duration,
    /// Between two questions whether it is.
    pub poll: Duration,
}

impl Default for OnboardingLimits {
    fn default() -> Self {
        Self { active: Duration::from_secs(60), poll: Duration::from_millis(50) }
    }
}

impl SequencerConnection {
    /// Whether the member is active.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn is_active(&self, identity: &MemberIdentity) -> Result<bool, ClientError> {
        const CALL: &str = "VerifyActive";
        let response = self
            .connect_service()
            .verify_active(as_member(identity, VerifyActiveRequest {})?)
            .await
            .map_err(ClientError::call(CALL))?
            .into_inner();
        match response.value {
            Some(Value::Success(success)) => Ok(success.is_active),
            None => Err(ClientError::answer(CALL, "neither active nor inactive")),
        }
    }

    /// Registers a participant with its own topology transactions and waits until it is active. Does nothing when it
    /// is active already.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Timeout`] when it does not become active.
    pub async fn onboard(&self, identity: &MemberIdentity, limits: OnboardingLimits) -> Result<(), ClientError> {
        if self.is_active(identity).await? {
            return Ok(());
        }
        let message = RegisterOnboardingTopologyTransactionsRequest {
            topology_transactions: identity.onboarding_transactions(self.psid())?,
        };
        self.connect_service()
            .register_onboarding_topology_transactions(as_member(identity, message)?)
            .await
            .map_err(ClientError::call("RegisterOnboardingTopologyTransactions"))?;
        let active = async {
            while !self.is_active(identity).await? {
                tokio::time::sleep(limits.poll).await;
            }
            Ok(())
        };
        let timeout = ClientError::Timeout { what: "the registration of the member", limit: limits.active };
        tokio::time::timeout(limits.active, active).await.unwrap_or(Err(timeout))
    }

    fn connect_service(&self) -> SequencerConnectServiceClient<Channel> {
        SequencerConnectServiceClient::new(self.channel.clone())
    }
}

fn as_member<M>(identity: &MemberIdentity, message: M) -> Result<Request<M>, ClientError> {
    let member = AsciiMetadataValue::try_from(identity.member().to_string())
        .map_err(|_| ClientError::answer("login", "an id is not ASCII"))?;
    let mut request = Request::new(message);
    request.metadata_mut().insert("memberid", member);
    Ok(request)
}
