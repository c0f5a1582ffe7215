//! Registering a participant (chapter 01 §2, steps 7 and 8).

use std::time::Duration;

use synod_proto::sequencer::api::v30::sequencer_connect::verify_active_response::Value;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    RegisterOnboardingTopologyTransactionsRequest, VerifyActiveRequest,
};
use synod_rpc::sequencer::api::v30::sequencer_connect_service_client::SequencerConnectServiceClient;
use synod_topology::SignedTopologyTransaction;
use tonic::Request;
use tonic::transport::Channel;

use crate::call::{answer, name_member, within};
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
        let request = as_member(identity, VerifyActiveRequest {})?;
        let response = answer(CALL, self.connect_service().verify_active(request)).await?;
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
        let transactions = identity.onboarding_transactions(self.psid()).map_err(ClientError::Identity)?;
        let message = RegisterOnboardingTopologyTransactionsRequest {
            topology_transactions: transactions.iter().map(SignedTopologyTransaction::to_proto).collect(),
        };
        let request = as_member(identity, message)?;
        let mut service = self.connect_service();
        let registering = service.register_onboarding_topology_transactions(request);
        answer("RegisterOnboardingTopologyTransactions", registering).await?;
        self.await_active(identity, limits).await
    }

    /// Waits until the member is active, as others than participants do, whom the owners of the synchronizer register.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Timeout`] when it does not become active.
    pub async fn await_active(&self, identity: &MemberIdentity, limits: OnboardingLimits) -> Result<(), ClientError> {
        let active = async {
            while !self.is_active(identity).await? {
                tokio::time::sleep(limits.poll).await;
            }
            Ok(())
        };
        within("the registration of the member", limits.active, active).await
    }

    fn connect_service(&self) -> SequencerConnectServiceClient<Channel> {
        SequencerConnectServiceClient::new(self.channel.clone())
    }
}

fn as_member<M>(identity: &MemberIdentity, message: M) -> Result<Request<M>, ClientError> {
    let mut request = Request::new(message);
    name_member(&mut request, &identity.member().to_string())?;
    Ok(request)
}
