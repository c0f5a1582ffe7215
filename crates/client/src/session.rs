//! A member logged in at one sequencer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_crypto::{Hash, SigningPublicKey, TopologyStateHash};
use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::api::v30::{
    AcknowledgeSignedRequest, DownloadTopologyStateForInitHashRequest, DownloadTopologyStateForInitRequest,
    GetTimeRequest, GetTrafficStateForMemberRequest, SendAsyncRequest, SubscriptionRequest, SubscriptionResponse,
};
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_rpc::sequencer::api::v30::sequencer_service_client::SequencerServiceClient;
use synod_topology::{InvalidMessage, SignedTopologyTransaction};
use synod_types::{CantonTimestamp, ProtocolVersion};
use tonic::metadata::{AsciiMetadataValue, BinaryMetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::connection::MAX_INBOUND_BYTES;
use crate::token::TokenKeeper;
use crate::{
    ClientError, EventError, MemberIdentity, ReceivedEvent, SequencerConnection, StreamChecker, Submission,
    sign_acknowledgement,
};

/// Longest wait for the answer to one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
const TOKEN_HEADER: &str = "authtoken-bin";

/// A member at a sequencer. Clones share the login.
#[derive(Debug, Clone)]
pub struct Session {
    connection: SequencerConnection,
    identity: Arc<MemberIdentity>,
    tokens: Arc<TokenKeeper>,
}

impl Session {
    /// The member at the sequencer. Logs in with the first call that needs it.
    #[must_use]
    pub fn new(connection: SequencerConnection, identity: Arc<MemberIdentity>) -> Self {
        Self { connection, identity, tokens: Arc::new(TokenKeeper::default()) }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &SequencerConnection {
        &self.connection
    }

    /// The member.
    #[must_use]
    pub fn identity(&self) -> &MemberIdentity {
        &self.identity
    }

    /// Signs and sends. Success means that the sequencer took the request, not that it is sequenced.
    ///
    /// # Errors
    /// [`ClientError`] with Canton's error when it was refused.
    pub async fn send(&self, submission: Submission) -> Result<(), ClientError> {
        let signed = submission.sign(&self.identity, self.connection.psid().protocol_version())?;
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
        let signed_acknowledge_request = sign_acknowledgement(&self.identity, time, version)?;
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

    /// The member's traffic after the events up to `time`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn traffic_state(&self, time: CantonTimestamp) -> Result<Option<TrafficState>, ClientError> {
        let message =
            GetTrafficStateForMemberRequest { member: self.identity.member().to_string(), timestamp: time.as_micros() };
        let response = self
            .call("GetTrafficStateForMember", message, async |mut service, request| {
                service.get_traffic_state_for_member(request).await
            })
            .await?;
        Ok(response.traffic_state)
    }

    /// The topology that the member starts from, checked against the hash that the sequencer gives for it.
    ///
    /// # Errors
    /// [`ClientError`]; also when content and hash differ.
    pub async fn initial_topology(&self) -> Result<Vec<Item>, ClientError> {
        const CALL: &str = "DownloadTopologyStateForInit";
        let member = self.identity.member().to_string();
        let message = DownloadTopologyStateForInitHashRequest { member: member.clone() };
        let hash = self
            .call("DownloadTopologyStateForInitHash", message, async |mut service, request| {
                service.download_topology_state_for_init_hash(request).await
            })
            .await?
            .topology_state_hash;
        let expected = Hash::from_multihash(&hash).map_err(|error| ClientError::answer(CALL, error))?;
        let message = DownloadTopologyStateForInitRequest { member };
        let mut parts = self
            .call(CALL, message, async |mut service, request| service.download_topology_state_for_init(request).await)
            .await?;
        let mut items = Vec::new();
        while let Some(part) = parts.message().await.map_err(ClientError::call(CALL))? {
            items.extend(part.topology_transactions.map(|transactions| transactions.items).unwrap_or_default());
        }
        let version = self.connection.psid().protocol_version();
        let transactions: Vec<_> = items.iter().map(|item| item.transaction.clone()).collect();
        let found = topology_hash(&transactions, version).map_err(|error| ClientError::answer(CALL, error))?;
        if found == expected { Ok(items) } else { Err(ClientError::answer(CALL, "the hash of the state differs")) }
    }

    /// The member's events: from the beginning, or again from the one at `resume_at` on. `keys` are the sequencer's
    /// protocol keys, if they are known.
    ///
    /// # Errors
    /// [`ClientError`] when the subscription is refused.
    pub async fn subscribe(
        &self,
        resume_at: Option<CantonTimestamp>,
        keys: Vec<SigningPublicKey>,
    ) -> Result<EventStream, ClientError> {
        let message = SubscriptionRequest {
            member: self.identity.member().to_string(),
            timestamp: resume_at.map(CantonTimestamp::as_micros),
        };
        let events =
            self.call("Subscribe", message, async |mut service, request| service.subscribe(request).await).await?;
        let checker = StreamChecker::new(self.connection.psid().clone(), keys, resume_at);
        Ok(EventStream { events, checker })
    }

    /// Calls with the member's token; logs in again, once, when the sequencer no longer knows it.
    async fn call<M: Clone, R>(
        &self,
        name: &'static str,
        message: M,
        call: impl AsyncFn(SequencerServiceClient<Channel>, Request<M>) -> Result<tonic::Response<R>, Status>,
    ) -> Result<R, ClientError> {
        for attempt in 0..2 {
            let token = self.tokens.token(&self.connection, &self.identity).await?;
            let request = self.authenticated(message.clone(), &token)?;
            let service = SequencerServiceClient::new(self.connection.channel.clone())
                .max_decoding_message_size(MAX_INBOUND_BYTES)
                .max_encoding_message_size(MAX_INBOUND_BYTES);
            let answer = match tokio::time::timeout(CALL_TIMEOUT, call(service, request)).await {
                Ok(answer) => answer,
                Err(_) => return Err(ClientError::Timeout { what: name, limit: CALL_TIMEOUT }),
            };
            match answer {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) if attempt == 0 && is_token_unknown(&status) => self.tokens.forget(&token).await,
                Err(status) => return Err(ClientError::call(name)(status)),
            }
        }
        unreachable!("the second attempt returns")
    }

    fn authenticated<M>(&self, message: M, token: &Bytes) -> Result<Request<M>, ClientError> {
        let ascii = |text: String| {
            AsciiMetadataValue::try_from(text).map_err(|_| ClientError::answer("login", "an id is not ASCII"))
        };
        let mut request = Request::new(message);
        let headers = request.metadata_mut();
        headers.insert("memberid", ascii(self.identity.member().to_string())?);
        headers.insert("synchronizerid", ascii(self.connection.psid().to_string())?);
        headers.insert_bin(TOKEN_HEADER, BinaryMetadataValue::from_bytes(token));
        Ok(request)
    }
}

/// Hash over the transactions of a state, in their order (chapter 01 §4.3).
fn topology_hash(transactions: &[Bytes], version: ProtocolVersion) -> Result<Hash, InvalidMessage> {
    let mut hash = TopologyStateHash::new();
    for bytes in transactions {
        hash = hash.add_transaction(SignedTopologyTransaction::parse(bytes, version)?.transaction().hash());
    }
    Ok(hash.finish())
}

/// The sequencer sends the token back when it does not know it (chapter 01 §1.8).
fn is_token_unknown(status: &Status) -> bool {
    status.code() == Code::Unauthenticated && status.metadata().get_bin(TOKEN_HEADER).is_some()
}

/// The events of a subscription, each checked.
#[derive(Debug)]
pub struct EventStream {
    events: Streaming<SubscriptionResponse>,
    checker: StreamChecker,
}

impl EventStream {
    /// The next event; `None` when the sequencer ended the subscription.
    ///
    /// # Errors
    /// [`ClientError::Call`] when the subscription failed, [`ClientError::Answer`] when the event is wrong.
    pub async fn next(&mut self) -> Result<Option<ReceivedEvent>, ClientError> {
        let Some(response) = self.events.message().await.map_err(ClientError::call("Subscribe"))? else {
            return Ok(None);
        };
        let wrong = |error: EventError| ClientError::answer("Subscribe", error);
        self.checker.check(&response.signed_sequenced_event).map(Some).map_err(wrong)
    }
}
