//! Logging in (chapter 01 §4.8).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use synod_crypto::{KeyUsages, Nonce, auth_challenge_hash};
use synod_proto::sequencer::api::v30::sequencer_authentication::{
    AuthenticateRequest, ChallengeRequest, LogoutRequest,
};
use synod_rpc::sequencer::api::v30::sequencer_authentication_service_client::SequencerAuthenticationServiceClient;
use tokio::sync::Mutex;

use crate::call::answer;
use crate::connection::{CLIENT_PROTOCOL_VERSIONS, CLIENT_VERSION};
use crate::{ClientError, MemberSigner, SequencerConnection};

/// A token is renewed this long before its end.
const RENEWAL_MARGIN: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Token {
    bytes: Bytes,
    renew_at: SystemTime,
}

/// The current token of a member at a sequencer. One login serves all who wait for it.
#[derive(Debug, Default)]
pub(crate) struct TokenKeeper(Mutex<Option<Token>>);

impl TokenKeeper {
    /// A token that is good for a while.
    pub(crate) async fn token(
        &self,
        connection: &SequencerConnection,
        signer: &MemberSigner,
    ) -> Result<Bytes, ClientError> {
        let mut current = self.0.lock().await;
        if let Some(token) = current.as_ref().filter(|token| SystemTime::now() < token.renew_at) {
            return Ok(token.bytes.clone());
        }
        let token = login(connection, signer).await?;
        let bytes = token.bytes.clone();
        *current = Some(token);
        Ok(bytes)
    }

    /// Forgets a token that the sequencer refused. A newer one stays.
    pub(crate) async fn forget(&self, refused: &Bytes) {
        let mut current = self.0.lock().await;
        if current.as_ref().is_some_and(|token| token.bytes == *refused) {
            *current = None;
        }
    }

    /// Gives the token back, if there is one.
    pub(crate) async fn logout(&self, connection: &SequencerConnection) -> Result<(), ClientError> {
        let Some(token) = self.0.lock().await.take() else { return Ok(()) };
        let mut service = SequencerAuthenticationServiceClient::new(connection.channel.clone());
        answer("Logout", service.logout(LogoutRequest { token: token.bytes })).await.map(drop)
    }
}

async fn login(connection: &SequencerConnection, signer: &MemberSigner) -> Result<Token, ClientError> {
    let mut service = SequencerAuthenticationServiceClient::new(connection.channel.clone());
    let member = signer.member().to_string();
    let request = ChallengeRequest {
        member: member.clone(),
        member_protocol_versions: CLIENT_PROTOCOL_VERSIONS.to_vec(),
        client_version: CLIENT_VERSION.to_owned(),
    };
    let challenge = answer("Challenge", service.challenge(request)).await?;
    let nonce = Nonce::try_from(challenge.nonce.as_ref()).map_err(|error| ClientError::answer("Challenge", error))?;
    let key = signer.keys().first_offered(&challenge.fingerprints).ok_or(ClientError::NoLoginKey)?;
    let hash = auth_challenge_hash(&nonce, connection.psid());
    let signature = key.sign(&hash, KeyUsages::SEQUENCER_AUTHENTICATION).map_err(ClientError::Sign)?;
    let request = AuthenticateRequest { member, signature: Some(signature.to_proto()), nonce: challenge.nonce };
    let answer = answer("Authenticate", service.authenticate(request)).await?;
    let expires_at = answer
        .expires_at
        .and_then(|time| SystemTime::try_from(time).ok())
        .ok_or_else(|| ClientError::answer("Authenticate", "the token has no end"))?;
    Ok(Token { bytes: answer.token, renew_at: expires_at.checked_sub(RENEWAL_MARGIN).unwrap_or(expires_at) })
}
