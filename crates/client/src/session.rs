//! A member logged in at one sequencer.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::Hash;
use synod_proto::sequencer::api::v30::{
    AcknowledgeSignedRequest, DownloadTopologyStateForInitHashRequest, DownloadTopologyStateForInitRequest,
    GetTimeRequest, GetTrafficStateForMemberRequest, SendAsyncRequest, SubscriptionRequest, SubscriptionResponse,
};
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_rpc::sequencer::api::v30::sequencer_service_client::SequencerServiceClient;
use synod_types::{CantonTimestamp, Member};
use synod_wire::TrafficState;
use tonic::metadata::BinaryMetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::call::{CALL_LIMIT, TOKEN_HEADER, is_token_missing, name_member, name_synchronizer, refused_token, within};
use crate::connection::MAX_INBOUND_BYTES;
use crate::request::acknowledgement;
use crate::token::TokenKeeper;
use crate::topology::check_hash;
use crate::{
    ClientError, EventKeys, EventStream, MemberIdentity, MemberSigner, MemberTopology, ResumePolicy,
    SequencerConnection, Submission, Subscription,
};

/// A member at a sequencer. Clones share the login.
#[derive(Debug, Clone)]
pub struct Session {
    connection: SequencerConnection,
    signer: MemberSigner,
    tokens: Arc<TokenKeeper>,
}

impl Session {
    /// The member at the sequencer. Logs in with the first call that needs it.
    #[must_use]
    pub fn new(connection: SequencerConnection, identity: Arc<MemberIdentity>) -> Self {
        Self::with_signer(connection, identity.signer().clone())
    }

    /// The same for a member of which only the keys to log in and to sign are here.
    #[must_use]
    pub fn with_signer(connection: SequencerConnection, signer: MemberSigner) -> Self {
        Self { connection, signer, tokens: Arc::new(TokenKeeper::default()) }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &SequencerConnection {
        &self.connection
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        self.signer.member()
    }

    /// The member with its keys.
    #[must_use]
    pub const fn signer(&self) -> &MemberSigner {
        &self.signer
    }

    /// Signs with the member's first protocol key and sends. Success means that the sequencer took the request, not that it is sequenced.
    ///
    /// # Errors
    /// [`ClientError`] with Canton's error when it was refused; [`ClientError::retry`] says whether it may be sequenced
    /// nevertheless. It is sent once.
    pub async fn send(&self, submission: Submission) -> Result<(), ClientError> {
        let signed = submission.sign_blindly(&self.signer, self.connection.psid().protocol_version())?;
        self.send_signed(signed).await
    }

    /// Sends signed bytes as they are.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_signed(&self, signed_submission_request: Bytes) -> Result<(), ClientError> {
        let message = SendAsyncRequest { signed_submission_request };
        self.call("SendAsync", message, async |mut service, request| service.send_async(request).await).await?;
        Ok(())
    }

    /// Acknowledges everything up to `time`. Returns when the acknowledgement is sequenced.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn acknowledge(&self, time: CantonTimestamp) -> Result<(), ClientError> {
        let version = self.connection.psid().protocol_version();
        let signed = acknowledgement(&self.signer, time, version, |hash| self.signer.sign_blindly(hash))?;
        self.acknowledge_signed(signed).await
    }

    /// Sends a signed acknowledgement as it is.
    ///
    /// # Errors
    /// As [`Self::acknowledge`].
    pub async fn acknowledge_signed(&self, signed_acknowledge_request: Bytes) -> Result<(), ClientError> {
        let message = AcknowledgeSignedRequest { signed_acknowledge_request };
        self.call("AcknowledgeSigned", message, async |mut service, request| service.acknowledge_signed(request).await)
            .await?;
        Ok(())
    }

    /// A time that every later request is sequenced after; `None` when the sequencer has none yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn time(&self) -> Result<Option<CantonTimestamp>, ClientError> {
        let response = self
            .call("GetTime", GetTimeRequest {}, async |mut service, request| service.get_time(request).await)
            .await?;
        let time = response.sequencing_timestamp.map(CantonTimestamp::from_micros).transpose();
        time.map_err(|error| ClientError::answer("GetTime", error))
    }

    /// The member's traffic after the events up to `time`; `None` when it has none.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn traffic_state(&self, time: CantonTimestamp) -> Result<Option<TrafficState>, ClientError> {
        const CALL: &str = "GetTrafficStateForMember";
        let message = GetTrafficStateForMemberRequest { member: self.member_text(), timestamp: time.as_micros() };
        let response = self
            .call(CALL, message, async |mut service, request| service.get_traffic_state_for_member(request).await)
            .await?;
        let state = response.traffic_state.map(|state| TrafficState::parse_proto(&state.encode_to_vec()));
        state.transpose().map_err(|error| ClientError::answer(CALL, error))
    }

    /// The hash of the topology that the member starts from. All sequencers of a synchronizer give the same.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn initial_topology_hash(&self) -> Result<Hash, ClientError> {
        const CALL: &str = "DownloadTopologyStateForInitHash";
        let message = DownloadTopologyStateForInitHashRequest { member: self.member_text() };
        let response = self
            .call(CALL, message, async |mut service, request| {
                service.download_topology_state_for_init_hash(request).await
            })
            .await?;
        Hash::from_multihash(&response.topology_state_hash).map_err(|error| ClientError::answer(CALL, error))
    }

    /// The topology that the member starts from, checked against the hash that this sequencer gives for it.
    ///
    /// # Errors
    /// [`ClientError`]; also when content and hash differ.
    pub async fn initial_topology(&self) -> Result<Vec<Item>, ClientError> {
        let expected = self.initial_topology_hash().await?;
        self.download_topology(expected).await
    }

    /// The topology that the member starts from, if it has this hash.
    ///
    /// # Errors
    /// [`ClientError`]; also when content and hash differ.
    pub async fn download_topology(&self, expected: Hash) -> Result<Vec<Item>, ClientError> {
        const CALL: &str = "DownloadTopologyStateForInit";
        let message = DownloadTopologyStateForInitRequest { member: self.member_text() };
        let mut parts = self
            .call(CALL, message, async |mut service, request| service.download_topology_state_for_init(request).await)
            .await?;
        let mut items = Vec::new();
        loop {
            let part = within(CALL, CALL_LIMIT, async { parts.message().await.map_err(ClientError::call(CALL)) });
            let Some(part) = part.await? else { break };
            items.extend(part.topology_transactions.map(|transactions| transactions.items).unwrap_or_default());
        }
        check_hash(&items, expected, self.connection.psid()).map_err(ClientError::Topology)?;
        Ok(items)
    }

    /// Downloads and takes up the topology that the member starts from: what events are verified with.
    ///
    /// # Errors
    /// [`ClientError`]; also when the sequencer judged a transaction wrongly.
    pub async fn start_topology(&self) -> Result<MemberTopology, ClientError> {
        let items = self.initial_topology().await?;
        let (psid, parameters) = (self.connection.psid().clone(), self.connection.static_parameters());
        MemberTopology::start(psid, parameters, self.member(), items).map_err(ClientError::Topology)
    }

    /// The keys of this sequencer, out of a topology that follows the events.
    #[must_use]
    pub fn keys_in(&self, topology: MemberTopology) -> EventKeys {
        EventKeys::Topology { topology: Box::new(topology), sequencer: self.connection.sequencer().clone() }
    }

    /// The member's events: from the beginning, or again from the one at `resume_at` on. Ends with the connection; see
    /// [`Self::follow`] for a subscription that goes on.
    ///
    /// # Errors
    /// [`ClientError`] when the member cannot log in. Whether the sequencer refuses the subscription is known with the
    /// first event.
    pub async fn subscribe(
        &self,
        resume_at: Option<CantonTimestamp>,
        keys: impl Into<EventKeys>,
    ) -> Result<EventStream, ClientError> {
        self.tokens.token(&self.connection, &self.signer).await?;
        Ok(EventStream::new(self.clone(), resume_at, keys.into()))
    }

    /// The member's events: from the beginning, or again from the one at `resume_at` on; goes on after the connection
    /// was lost or the login ended.
    #[must_use]
    pub fn follow(
        &self,
        resume_at: Option<CantonTimestamp>,
        keys: impl Into<EventKeys>,
        policy: ResumePolicy,
    ) -> Subscription {
        Subscription::new(self.clone(), resume_at, keys.into(), policy)
    }

    /// Ends the login: the sequencer closes the member's subscriptions that have its token.
    ///
    /// # Errors
    /// [`ClientError`]; the login is forgotten nevertheless.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.tokens.logout(&self.connection).await
    }

    /// Opens a subscription. A sequencer may answer with the first event only, so there is no limit.
    pub(crate) async fn open_subscription(
        self,
        resume_at: Option<CantonTimestamp>,
    ) -> Result<Streaming<SubscriptionResponse>, ClientError> {
        let message =
            SubscriptionRequest { member: self.member_text(), timestamp: resume_at.map(CantonTimestamp::as_micros) };
        self.call_without_limit("Subscribe", &message, &async |mut service, request| service.subscribe(request).await)
            .await
    }

    /// Forgets the login when the sequencer does not know it (any more).
    pub(crate) async fn forget_refused(&self, status: &Status) {
        if let Some(token) = refused_token(status) {
            self.tokens.forget(&token).await;
        }
    }

    fn member_text(&self) -> String {
        self.member().to_string()
    }

    async fn call<M: Clone, R>(
        &self,
        name: &'static str,
        message: M,
        call: impl AsyncFn(SequencerServiceClient<Channel>, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, ClientError> {
        within(name, CALL_LIMIT, self.call_without_limit(name, &message, &call)).await
    }

    /// Calls with the member's token; logs in again, once, when the sequencer does not know it.
    async fn call_without_limit<M: Clone, R>(
        &self,
        name: &'static str,
        message: &M,
        call: &impl AsyncFn(SequencerServiceClient<Channel>, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, ClientError> {
        let mut may_login_again = true;
        loop {
            let token = self.tokens.token(&self.connection, &self.signer).await?;
            let request = self.authenticated(message.clone(), &token)?;
            let service = SequencerServiceClient::new(self.connection.channel.clone())
                .max_decoding_message_size(MAX_INBOUND_BYTES)
                .max_encoding_message_size(MAX_INBOUND_BYTES);
            let status = match call(service, request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            self.forget_refused(&status).await;
            if !(may_login_again && refused_token(&status).is_some() && is_token_missing(&status)) {
                return Err(ClientError::call(name)(status));
            }
            may_login_again = false;
        }
    }

    fn authenticated<M>(&self, message: M, token: &Bytes) -> Result<Request<M>, ClientError> {
        let mut request = Request::new(message);
        name_member(&mut request, &self.member_text())?;
        name_synchronizer(&mut request, &self.connection.psid().to_string())?;
        request.metadata_mut().insert_bin(TOKEN_HEADER, BinaryMetadataValue::from_bytes(token));
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send(_: impl Send) {}

    /// Compiles only if all calls can be made from tasks that move between threads.
    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn calls_are_send(session: &Session, submission: Submission, mut events: EventStream, mut follower: Subscription) {
        is_send(session.send(submission));
        is_send(session.acknowledge(CantonTimestamp::EPOCH));
        is_send(session.time());
        is_send(session.traffic_state(CantonTimestamp::EPOCH));
        is_send(session.start_topology());
        is_send(session.subscribe(None, Vec::new()));
        is_send(session.logout());
        is_send(events.next());
        is_send(follower.next());
        is_send((events, follower));
    }
}
