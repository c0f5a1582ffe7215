//! Changes of a synchronizer that runs, by the calls that a Console makes, and what its members see of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_client::{
    ClientError, ConnectOptions, MemberIdentity, OnboardingLimits, ResumePolicy, SequencerConnection, Session,
    Submission, Subscription, max_sequencing_time,
};
use synod_crypto::SigningPublicKey;
use synod_proto::admin::health::v30::TopologyQueueStatus;
use synod_proto::admin::sequencer::v30::{SequencerStatusRequest, sequencer_status_response::Kind};
use synod_proto::crypto::admin::v30::GenerateSigningKeyRequest;
use synod_proto::crypto::v30::SigningKeyUsage;
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::protocol::v30::{self as protocol, DynamicSynchronizerParameters, OnboardingRestriction};
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type};
use synod_proto::topology::admin::v30::store_id::{Authorized, Store};
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_rpc::crypto::admin::v30::vault_service_client::VaultServiceClient;
use synod_rpc::topology::admin::v30::topology_aggregation_service_client::TopologyAggregationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::Mapping;
use synod_topology::mapping::{OwnerToKeyMapping, ParticipantPermission, ParticipantSynchronizerPermission, PublicKey};
use synod_types::{Member, MessageId, ParticipantId, PhysicalSynchronizerId, Recipient};
use synod_wire::{Batch, Envelope, Recipients, SequencedEventContent};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::bootstrap::Nodes;

const LIMIT: Duration = Duration::from_secs(30);

fn store(store: Store) -> Option<admin::StoreId> {
    Some(admin::StoreId { store: Some(store) })
}

/// The administration port of a node of a synchronizer.
struct Admin {
    channel: Channel,
    psid: PhysicalSynchronizerId,
}

impl Admin {
    async fn connect(port: u16, psid: &PhysicalSynchronizerId) -> Self {
        let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
        Self { channel: endpoint.connect().await.expect("connects"), psid: psid.clone() }
    }

    fn synchronizer(&self) -> Option<admin::StoreId> {
        let kind = Some(admin::synchronizer::Kind::Id(self.psid.logical().to_string()));
        store(Store::Synchronizer(admin::Synchronizer { kind }))
    }

    fn in_force(&self, proposals: bool) -> Option<admin::BaseQuery> {
        Some(admin::BaseQuery {
            store: self.synchronizer(),
            proposals,
            operation: TopologyChangeOp::AddReplace.into(),
            time_query: Some(admin::base_query::TimeQuery::HeadState(())),
            ..Default::default()
        })
    }

    fn read(&self) -> TopologyManagerReadServiceClient<Channel> {
        TopologyManagerReadServiceClient::new(self.channel.clone())
    }

    /// Proposes what this node's keys can sign; with all signatures it is effective when it returns.
    async fn propose(
        &self,
        store: Option<admin::StoreId>,
        mapping: protocol::TopologyMapping,
        serial: u32,
    ) -> Result<protocol::SignedTopologyTransaction, Status> {
        let change = TopologyChangeOp::AddReplace.into();
        self.authorize(store, Type::Proposal(Proposal { change, serial, mapping: Some(mapping) })).await
    }

    async fn authorize(
        &self,
        store: Option<admin::StoreId>,
        change: Type,
    ) -> Result<protocol::SignedTopologyTransaction, Status> {
        let request = admin::AuthorizeRequest {
            r#type: Some(change),
            store,
            wait_to_become_effective: Some(LIMIT.try_into().expect("short")),
            ..Default::default()
        };
        let mut write = TopologyManagerWriteServiceClient::new(self.channel.clone());
        Ok(write.authorize(request).await?.into_inner().transaction.expect("set"))
    }

    /// The dynamic parameters that are in force or proposed, with their serial and hash.
    async fn parameters(&self, proposals: bool) -> (admin::BaseResult, DynamicSynchronizerParameters) {
        let request = admin::ListSynchronizerParametersStateRequest {
            base_query: self.in_force(proposals),
            filter_synchronizer_id: self.psid.logical().to_string(),
        };
        let answer = self.read().list_synchronizer_parameters_state(request).await.expect("answers").into_inner();
        let [one] = answer.results.as_slice() else { panic!("{:?}", answer.results) };
        (one.context.clone().expect("set"), one.item.expect("set"))
    }

    /// Proposes other parameters, as the Console does: with the next serial.
    async fn propose_parameters(
        &self,
        change: impl FnOnce(&mut DynamicSynchronizerParameters),
    ) -> (u32, DynamicSynchronizerParameters) {
        let (context, mut parameters) = self.parameters(false).await;
        change(&mut parameters);
        let state = protocol::SynchronizerParametersState {
            synchronizer_id: self.psid.logical().to_string(),
            synchronizer_parameters: Some(parameters),
        };
        let mapping = protocol::topology_mapping::Mapping::SynchronizerParametersState(state);
        let mapping = protocol::TopologyMapping { mapping: Some(mapping) };
        let serial = context.serial.cast_unsigned() + 1;
        self.propose(self.synchronizer(), mapping, serial).await.expect("proposed");
        (serial, parameters)
    }

    /// Changes the parameters, and waits until they are in force.
    async fn set_parameters(&self, change: impl FnOnce(&mut DynamicSynchronizerParameters)) {
        let (serial, parameters) = self.propose_parameters(change).await;
        let (context, found) = self.parameters(false).await;
        assert_eq!((context.serial.cast_unsigned(), found), (serial, parameters));
    }

    async fn restrict(&self, restriction: OnboardingRestriction) {
        self.set_parameters(|parameters| parameters.onboarding_restriction = restriction.into()).await;
    }

    async fn permit(&self, participant: ParticipantId) {
        let permission = ParticipantSynchronizerPermission {
            synchronizer: self.psid.logical().clone(),
            participant,
            permission: ParticipantPermission::Submission,
            confirmation_requests_max_rate: None,
            login_after: None,
        };
        let mapping = Mapping::from(permission).to_proto();
        self.propose(self.synchronizer(), mapping, 0).await.expect("permitted");
    }

    /// What a Console waits for after a change.
    async fn topology_queues(&self) -> TopologyQueueStatus {
        let mut status = SequencerStatusServiceClient::new(self.channel.clone());
        let answer = status.sequencer_status(SequencerStatusRequest {}).await.expect("answers").into_inner();
        let Some(Kind::Status(status)) = answer.kind else { panic!("it runs") };
        status.common_status.expect("set").topology_queues.expect("set")
    }

    async fn queues_drain(&self) {
        let drained = async {
            while self.topology_queues().await != TopologyQueueStatus::default() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, drained).await.expect("the queues drain");
    }

    async fn generate_protocol_key(&self) -> SigningPublicKey {
        let request = GenerateSigningKeyRequest { usage: vec![SigningKeyUsage::Protocol.into()], ..Default::default() };
        let key = VaultServiceClient::new(self.channel.clone()).generate_signing_key(request).await.expect("a key");
        SigningPublicKey::from_proto(key.into_inner().public_key.expect("set")).expect("a key")
    }

    /// The keys of a member on the synchronizer.
    async fn keys_of(&self, member: &Member) -> Vec<SigningPublicKey> {
        let request = admin::ListKeyOwnersRequest {
            synchronizer_ids: vec![self.psid.logical().to_string()],
            filter_key_owner_type: member.kind().code().to_owned(),
            filter_key_owner_uid: member.uid().to_string(),
            limit: 100,
            ..Default::default()
        };
        let mut service = TopologyAggregationServiceClient::new(self.channel.clone());
        let answer = service.list_key_owners(request).await.expect("answers").into_inner();
        let [owner] = answer.results.as_slice() else { panic!("{:?}", answer.results) };
        assert_eq!(owner.physical_synchronizer_id, self.psid.to_string());
        owner.signing_keys.iter().map(|key| SigningPublicKey::from_proto(key.clone()).expect("a key")).collect()
    }

    /// Lists other keys in the node's own store, and waits until the synchronizer has them.
    async fn set_own_keys(&self, member: &Member, keys: &[SigningPublicKey]) {
        let listed = keys.iter().cloned().map(PublicKey::Signing).collect();
        let mapping = Mapping::from(OwnerToKeyMapping::new(member.clone(), listed).expect("keys")).to_proto();
        self.propose(store(Store::Authorized(Authorized {})), mapping, 0).await.expect("signed");
        self.queues_drain().await;
        assert_eq!(self.keys_of(member).await, keys);
    }
}

/// A member of the synchronizer that checks its events by the topology that it follows.
struct TestMember {
    session: Session,
    events: Subscription,
}

impl TestMember {
    async fn join(connection: &SequencerConnection, identity: MemberIdentity) -> Result<Self, ClientError> {
        connection.onboard(&identity, OnboardingLimits::default()).await?;
        let session = Session::new(connection.clone(), Arc::new(identity));
        let events = Self::follow(&session).await;
        Ok(Self { session, events })
    }

    /// All events, from the first one on.
    async fn follow(session: &Session) -> Subscription {
        let topology = session.start_topology().await.expect("the topology");
        session.follow(None, session.keys_in(topology), ResumePolicy::default())
    }

    /// Sends something to itself.
    async fn send(&self, name: &str) {
        let version = self.session.connection().psid().protocol_version();
        let to = Recipients::group([Recipient::Member(self.session.member().clone())]).expect("a recipient");
        let envelope = Envelope { content: Bytes::from_static(b"content"), signatures: Vec::new() };
        let batch = Batch::new(version, vec![(envelope, to)]);
        let message_id = MessageId::parse(name).expect("a name");
        self.session.send(Submission::new(message_id, batch, max_sequencing_time(LIMIT))).await.expect("taken");
    }

    /// Reads checked events up to the one of this name.
    async fn receive(&mut self, name: &str) {
        let reading = async {
            loop {
                let event = self.events.next().await.expect("a correct event").event;
                let is_it = event.message_id.as_ref().is_some_and(|id| id.as_str() == name);
                if is_it && matches!(event.content, SequencedEventContent::Deliver { .. }) {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, reading).await.expect("the event comes");
    }
}

fn participant(name: &str) -> MemberIdentity {
    MemberIdentity::fresh_participant(name).expect("an identity")
}

fn id(identity: &MemberIdentity) -> ParticipantId {
    ParticipantId::new(identity.member().uid().clone())
}

/// Founds a synchronizer, with more in its description.
fn found(mediators: u16, more: &str) -> (Nodes, PhysicalSynchronizerId) {
    let nodes = Nodes::start(mediators);
    let psid = nodes.bootstrap(&nodes.describe(more));
    (nodes, PhysicalSynchronizerId::parse(&psid).expect("an id"))
}

async fn connect(nodes: &Nodes) -> SequencerConnection {
    let url = format!("http://127.0.0.1:{}", nodes.base);
    SequencerConnection::open(&url, &ConnectOptions::default()).await.expect("a sequencer")
}

async fn refused(connection: &SequencerConnection, identity: MemberIdentity) {
    match TestMember::join(connection, identity).await {
        Err(ClientError::Call { status, .. }) => assert_eq!(status.code(), Code::FailedPrecondition, "{status}"),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it joined"),
    }
}

// The connections have to notice when a node ends while a test waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_change_and_onboarding_is_closed_and_opened() {
    let (nodes, psid) = found(0, "");
    let admin = Admin::connect(nodes.base + 1, &psid).await;
    let connection = connect(&nodes).await;
    let before = admin.parameters(false).await.1.participant_synchronizer_limits.expect("set");
    let rate = before.confirmation_requests_max_rate + 7;
    let limits = protocol::ParticipantSynchronizerLimits { confirmation_requests_max_rate: rate };
    admin.set_parameters(|parameters| parameters.participant_synchronizer_limits = Some(limits)).await;
    admin.queues_drain().await;

    let mut early = TestMember::join(&connection, participant("early")).await.expect("it is open");
    admin.restrict(OnboardingRestriction::UnrestrictedLocked).await;
    refused(&connection, participant("locked")).await;
    // Members stay members.
    early.send("while-locked").await;
    early.receive("while-locked").await;

    admin.restrict(OnboardingRestriction::RestrictedOpen).await;
    let (permitted, stranger) = (participant("permitted"), participant("stranger"));
    admin.permit(id(&permitted)).await;
    let mut permitted = TestMember::join(&connection, permitted).await.expect("it has a permission");
    refused(&connection, stranger).await;
    permitted.send("permitted").await;
    permitted.receive("permitted").await;

    admin.restrict(OnboardingRestriction::UnrestrictedOpen).await;
    TestMember::join(&connection, participant("late")).await.expect("it is open again");
    nodes.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_changes_its_protocol_key_under_its_members() {
    let (mut nodes, psid) = found(0, "");
    let admin = Admin::connect(nodes.base + 1, &psid).await;
    let connection = connect(&nodes).await;
    let mut member = TestMember::join(&connection, participant("member")).await.expect("it is open");
    member.send("with-the-first-key").await;
    member.receive("with-the-first-key").await;

    let sequencer = Member::from(connection.sequencer().clone());
    let first = admin.keys_of(&sequencer).await;
    let new = admin.generate_protocol_key().await;
    let both: Vec<_> = first.iter().chain([&new]).cloned().collect();
    admin.set_own_keys(&sequencer, &both).await;
    member.send("with-both-keys").await;
    member.receive("with-both-keys").await;

    let protocol = synod_crypto::KeyUsages::PROTOCOL;
    let without: Vec<_> = both.iter().filter(|key| !key.usages().matches(protocol) || **key == new).cloned().collect();
    assert_eq!(without.len(), first.len(), "one protocol key takes the place of another");
    admin.set_own_keys(&sequencer, &without).await;
    // From now on only the new key is listed: what it did not sign would not be correct.
    member.send("with-the-new-key").await;
    member.receive("with-the-new-key").await;
    assert!(matches!(member.first_error_by(first).await, ClientError::Event(_)), "the first key signs no more");

    nodes.restart_sequencer();
    member.receive_after_restart(&nodes).await;
    let mut again = TestMember { events: TestMember::follow(&member.session).await, session: member.session };
    for name in ["with-the-first-key", "with-both-keys", "with-the-new-key", "after-the-restart"] {
        again.receive(name).await;
    }
    nodes.stop();
}

impl TestMember {
    /// What is wrong with the events when they are checked by these keys from first to last.
    async fn first_error_by(&self, keys: Vec<SigningPublicKey>) -> ClientError {
        let mut events = self.session.follow(None, keys, ResumePolicy::default());
        let reading = async {
            loop {
                if let Err(error) = events.next().await {
                    return error;
                }
            }
        };
        tokio::time::timeout(LIMIT, reading).await.expect("they are not all signed by these keys")
    }

    /// The sequencer is another process, which has only what is stored.
    async fn receive_after_restart(&mut self, nodes: &Nodes) {
        let ready = async {
            while connect_again(nodes).await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, ready).await.expect("it serves again");
        self.send("after-the-restart").await;
        self.receive("after-the-restart").await;
    }
}

async fn connect_again(nodes: &Nodes) -> Option<SequencerConnection> {
    let url = format!("http://127.0.0.1:{}", nodes.base);
    SequencerConnection::open(&url, &ConnectOptions::default()).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_at_two_nodes_agree_in_a_change() {
    let (nodes, psid) = found(1, "owners = [\"first\", \"m0\"]\nowner_threshold = 2");
    let first = Admin::connect(nodes.base + 1, &psid).await;
    let second = Admin::connect(nodes.mediator_port(0), &psid).await;
    let limits = |rate| Some(protocol::ParticipantSynchronizerLimits { confirmation_requests_max_rate: rate });
    let change = |parameters: &mut DynamicSynchronizerParameters| {
        parameters.participant_synchronizer_limits = limits(4_711);
    };
    let (serial, parameters) = first.propose_parameters(change).await;
    first.queues_drain().await;
    assert_ne!(first.parameters(false).await.1, parameters, "one of two owners decides nothing");

    // The other one finds the proposal at its own node, and authorizes it by its hash.
    let found = async {
        while second.proposals().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, found).await.expect("the proposal arrives");
    let (context, proposed) = second.parameters(true).await;
    assert_eq!((context.serial.cast_unsigned(), &proposed), (serial, &parameters));
    assert_eq!(context.signed_by_fingerprints.len(), 1);
    let hash = context.transaction_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = second.authorize(second.synchronizer(), Type::TransactionHash(hash)).await.expect("authorized");
    assert_eq!(signed.signatures.len(), 2);

    for owner in [&first, &second] {
        let agreed = async {
            while owner.parameters(false).await.1 != parameters {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, agreed).await.expect("it is in force at both nodes");
        assert_eq!(owner.parameters(false).await.0.serial.cast_unsigned(), serial);
        assert!(owner.proposals().await.is_empty());
    }
    first.queues_drain().await;
    nodes.stop();
}

impl Admin {
    /// The open proposals of the synchronizer.
    async fn proposals(&self) -> Vec<Bytes> {
        let request = admin::ListAllV2Request { base_query: self.in_force(true), ..Default::default() };
        let answer = self.read().list_all_v2(request).await.expect("answers").into_inner();
        answer.result.expect("set").items.into_iter().map(|item| item.transaction).collect()
    }
}
