//! Members that call the gateway, with every header in their own hands.

use std::time::Duration;

use bytes::Bytes;
use synod_crypto::{KeyUsages, Nonce, auth_challenge_hash, sequenced_event_hash, verify};
use synod_proto::sequencer::api::v30::sequencer_authentication::{AuthenticateRequest, ChallengeRequest};
use synod_proto::sequencer::api::v30::{SendAsyncRequest, SubscriptionRequest, SubscriptionResponse};
use synod_rpc::sequencer::api::v30::sequencer_authentication_service_client::SequencerAuthenticationServiceClient;
use synod_rpc::sequencer::api::v30::sequencer_connect_service_client::SequencerConnectServiceClient;
use synod_rpc::sequencer::api::v30::sequencer_service_client::SequencerServiceClient;
use synod_testkit::requests::{Submission, TestKey, TestMember, key};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::{SequencedEvent, SignedContent};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::node::Node;

/// Longest wait for anything in these tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
pub(crate) const VERSIONS: [i32; 2] = [34, 35];
pub(crate) const RELEASE: &str = "3.5.10";

/// Waits for `future`, with a limit and a name for what is waited for.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {LIMIT:?}: {what}"),
    }
}

/// A connection to the node.
pub(crate) async fn channel(node: &Node) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", node.address)).expect("an address");
    within("the connection", endpoint.connect()).await.expect("the gateway listens")
}

pub(crate) fn authentication_key(member: &TestMember) -> TestKey {
    let name = format!("{} {} authentication", member.member().kind().code(), member.member().uid().identifier());
    key(&name, KeyUsages::SEQUENCER_AUTHENTICATION)
}

pub(crate) type Authentication = SequencerAuthenticationServiceClient<Channel>;
pub(crate) type Connect = SequencerConnectServiceClient<Channel>;
pub(crate) type Members = SequencerServiceClient<Channel>;

/// Sets the header by which a member names itself.
pub(crate) fn as_member<T>(message: T, member: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("memberid", member.parse().expect("ASCII"));
    request
}

/// A challenge for the member.
pub(crate) async fn challenge(
    authentication: &mut Authentication,
    member: &str,
) -> Result<(Nonce, Vec<String>), Status> {
    let request = ChallengeRequest {
        member: member.to_owned(),
        member_protocol_versions: VERSIONS.to_vec(),
        client_version: RELEASE.to_owned(),
    };
    let response = authentication.challenge(request).await?.into_inner();
    Ok((Nonce::try_from(response.nonce.as_ref()).expect("20 bytes"), response.fingerprints))
}

/// The answer of `member` to a challenge, signed with `key`.
pub(crate) fn answer(node: &Node, member: &TestMember, key: &TestKey, nonce: &Nonce) -> AuthenticateRequest {
    let hash = auth_challenge_hash(nonce, node.network.psid());
    let usage = if key.public_key().usages().matches(KeyUsages::SEQUENCER_AUTHENTICATION) {
        KeyUsages::SEQUENCER_AUTHENTICATION
    } else {
        KeyUsages::PROTOCOL
    };
    AuthenticateRequest {
        member: member.member().to_string(),
        signature: Some(key.sign(&hash, usage).expect("the key signs").to_proto()),
        nonce: Bytes::copy_from_slice(nonce.as_bytes()),
    }
}

/// A member with a token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) member: TestMember,
    pub(crate) channel: Channel,
    pub(crate) token: Bytes,
    psid: String,
}

impl Client {
    /// Logs `member` in.
    pub(crate) async fn log_in(node: &Node, member: &TestMember) -> Self {
        Self::try_log_in(node, member).await.expect("the member may log in")
    }

    pub(crate) async fn try_log_in(node: &Node, member: &TestMember) -> Result<Self, Status> {
        let channel = channel(node).await;
        let mut authentication = Authentication::new(channel.clone());
        let (nonce, _) = challenge(&mut authentication, &member.member().to_string()).await?;
        let request = answer(node, member, &authentication_key(member), &nonce);
        let token = authentication.authenticate(request).await?.into_inner().token;
        Ok(Self { member: member.clone(), channel, token, psid: node.network.psid().to_string() })
    }

    pub(crate) fn members(&self) -> Members {
        Members::new(self.channel.clone()).max_encoding_message_size(usize::MAX).max_decoding_message_size(usize::MAX)
    }

    /// A request with all headers.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let headers = request.metadata_mut();
        headers.insert("memberid", self.member.member().to_string().parse().expect("ASCII"));
        headers.insert("synchronizerid", self.psid.parse().expect("ASCII"));
        headers.insert_bin("authtoken-bin", tonic::metadata::MetadataValue::from_bytes(&self.token));
        request
    }

    pub(crate) async fn send_bytes(&self, signed_submission_request: Bytes) -> Result<(), Status> {
        let request = self.request(SendAsyncRequest { signed_submission_request });
        within("SendAsync", self.members().send_async(request)).await.map(|_| ())
    }

    pub(crate) async fn send(&self, submission: &Submission) -> Result<(), Status> {
        self.send_bytes(submission.bytes()).await
    }

    pub(crate) async fn try_subscribe(&self, from: Option<CantonTimestamp>) -> Result<Events, Status> {
        let message = SubscriptionRequest {
            member: self.member.member().to_string(),
            timestamp: from.map(CantonTimestamp::as_micros),
        };
        let stream = within("Subscribe", self.members().subscribe(self.request(message))).await?.into_inner();
        Ok(Events { stream, previous: None })
    }

    pub(crate) async fn subscribe(&self, from: Option<CantonTimestamp>) -> Events {
        self.try_subscribe(from).await.expect("the member may subscribe")
    }
}

/// The events of a subscription.
pub(crate) struct Events {
    stream: Streaming<SubscriptionResponse>,
    previous: Option<CantonTimestamp>,
}

/// An event as it came, and its signed bytes.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) event: SequencedEvent,
    pub(crate) signed: SignedContent,
}

impl Events {
    /// What comes next: an event, the end, or an error.
    pub(crate) async fn message(&mut self) -> Result<Option<Received>, Status> {
        let Some(response) = within("the next event", self.stream.message()).await? else { return Ok(None) };
        assert!(response.trace_context.is_some(), "a client warns about events without");
        let signed = SignedContent::parse(&response.signed_sequenced_event).expect("signed content");
        assert_eq!(signed.timestamp_of_signing_key, None);
        let event = SequencedEvent::parse(&signed.content, ProtocolVersion::V35, usize::MAX).expect("an event");
        if self.previous.is_some() {
            assert_eq!(event.previous_timestamp, self.previous, "the chain of events is broken");
        }
        self.previous = Some(event.timestamp);
        Ok(Some(Received { event, signed }))
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Received {
        self.message().await.expect("no error").expect("an event, not the end")
    }

    /// The next event with this message id; those before it are skipped.
    pub(crate) async fn until(&mut self, message_id: &str) -> Received {
        loop {
            let received = self.next().await;
            if received.event.message_id.as_ref().is_some_and(|id| id.as_str() == message_id) {
                return received;
            }
        }
    }

    /// The end of the stream; events before it are skipped.
    pub(crate) async fn end(&mut self) -> Result<(), Status> {
        while self.message().await?.is_some() {}
        Ok(())
    }
}

impl Received {
    /// Verifies that `sequencer` signed the event.
    pub(crate) fn verify(&self, sequencer: &TestMember) {
        let hash = sequenced_event_hash(&self.signed.content);
        let key = sequencer.protocol_key().public_key();
        verify(&hash, key, self.signed.last_signature(), KeyUsages::PROTOCOL).expect("the sequencer signed it");
    }

    /// The number of envelopes; none of an error.
    pub(crate) fn envelopes(&self) -> Option<usize> {
        match &self.event.content {
            synod_wire::SequencedEventContent::Deliver { batch } => Some(batch.len()),
            synod_wire::SequencedEventContent::Error { .. } => None,
        }
    }
}

/// The keys of trailers that are not gRPC's own, sorted.
pub(crate) fn trailers(status: &Status) -> Vec<String> {
    let own: &MetadataMap = status.metadata();
    let mut keys: Vec<String> = own
        .keys()
        .map(|key| match key {
            tonic::metadata::KeyRef::Ascii(key) => key.as_str().to_owned(),
            tonic::metadata::KeyRef::Binary(key) => key.as_str().to_owned(),
        })
        .filter(|key| !["content-type", "date"].contains(&key.as_str()))
        .collect();
    if !status.details().is_empty() {
        keys.push("grpc-status-details-bin".to_owned());
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Now, by this machine's clock.
pub(crate) fn now() -> CantonTimestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    CantonTimestamp::EPOCH.saturating_add(since)
}

/// A submission that is good for a minute.
pub(crate) fn submission(sender: &TestMember, message_id: &str) -> Submission {
    Submission::new(sender, message_id).until(now().saturating_add(Duration::from_secs(60)))
}
