//! A sequencer node that an operator gives its identity, and that founds a synchronizer by the calls of a Console alone.

use std::time::Duration;

use synod_client::{MemberIdentity, MemberKeys};
use synod_crypto::SigningPublicKey;
use synod_node_admin::{NodeStage, StageReceiver};
use synod_proto::admin::sequencer::v30::{SequencerStatusRequest, sequencer_status_response::Kind};
use synod_proto::crypto::admin::v30::GenerateSigningKeyRequest;
use synod_proto::crypto::v30::SigningKeyUsage;
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::sequencer::admin::v30::{
    InitializeSequencerFromGenesisStateV2Request, PruneRequest, PruningStatusRequest, SetTrafficPurchasedRequest,
    TrafficControlStateRequest,
};
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::store_id::{Authorized, Store, Temporary};
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_rpc::crypto::admin::v30::vault_service_client::VaultServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_administration_service_client::SequencerAdministrationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_pruning_administration_service_client::SequencerPruningAdministrationServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::build::Founding;
use synod_topology::genesis::{Genesis, StoredTransaction, encode_v2};
use synod_topology::mapping::{NamespaceDelegation, OwnerToKeyMapping, PublicKey};
use synod_topology::{DynamicSynchronizerParameters, Mapping, StaticSynchronizerParameters};
use synod_types::{MediatorGroupIndex, MediatorId, Member, MemberKind, ProtocolVersion, SequencerId, UniqueIdentifier};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Process, next_port_base, wait};

const VERSION: ProtocolVersion = ProtocolVersion::V35;
const LIMIT: Duration = Duration::from_secs(30);

fn store(store: Store) -> Option<admin::StoreId> {
    Some(admin::StoreId { store: Some(store) })
}

fn temporary() -> Option<admin::StoreId> {
    store(Store::Temporary(Temporary { name: "setup".to_owned() }))
}

/// The administration port of a node.
struct Admin(Channel);

impl Admin {
    async fn connect(port: u16, process: &mut Process) -> Self {
        let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
        let is_open = || {
            process.assert_runs();
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        };
        wait(LIMIT, is_open).expect("the port opens");
        Self(endpoint.connect().await.expect("connects"))
    }

    async fn waits_for(&self) -> Option<i32> {
        let mut status = SequencerStatusServiceClient::new(self.0.clone());
        let answer = status.sequencer_status(SequencerStatusRequest {}).await.expect("answers").into_inner();
        match answer.kind.expect("set") {
            Kind::NotInitialized(waiting) => Some(waiting.waiting_for_external_input),
            Kind::Status(_) => None,
        }
    }

    async fn generate(&self, usage: SigningKeyUsage) -> SigningPublicKey {
        let request = GenerateSigningKeyRequest { usage: vec![usage.into()], ..Default::default() };
        let key = VaultServiceClient::new(self.0.clone()).generate_signing_key(request).await.expect("a key");
        SigningPublicKey::from_proto(key.into_inner().public_key.expect("set")).expect("a key")
    }

    async fn authorize(&self, mapping: impl Into<Mapping>, store: Option<admin::StoreId>) {
        let mapping = Some(mapping.into().to_proto());
        let change = TopologyChangeOp::AddReplace.into();
        let proposal = admin::authorize_request::Proposal { change, serial: 0, mapping };
        let request = admin::AuthorizeRequest {
            r#type: Some(admin::authorize_request::Type::Proposal(proposal)),
            must_fully_authorize: true,
            store,
            ..Default::default()
        };
        let mut write = TopologyManagerWriteServiceClient::new(self.0.clone());
        write.authorize(request).await.expect("authorized");
    }

    async fn list(&self, store: Option<admin::StoreId>) -> Vec<StoredTransaction> {
        let time_query = Some(admin::base_query::TimeQuery::HeadState(()));
        let base_query = Some(admin::BaseQuery { store, time_query, ..Default::default() });
        let mut read = TopologyManagerReadServiceClient::new(self.0.clone());
        let answer = read.list_all_v2(admin::ListAllV2Request { base_query, ..Default::default() }).await;
        let items = answer.expect("answers").into_inner().result.expect("set").items;
        items.into_iter().map(|item| StoredTransaction::from_item(item, VERSION).expect("valid")).collect()
    }

    /// Identity and keys of the node, call by call.
    async fn give_identity(&self) -> UniqueIdentifier {
        let root = NamespaceDelegation::root(self.generate(SigningKeyUsage::Namespace).await).expect("for namespaces");
        let uid = UniqueIdentifier::new("sequencer", &root.namespace).expect("an identifier");
        let (identifier, namespace) = (uid.identifier().to_owned(), uid.namespace().as_str().to_owned());
        let request = admin::InitIdRequest { identifier, namespace, namespace_delegations: Vec::new() };
        IdentityInitializationServiceClient::new(self.0.clone()).init_id(request).await.expect("an identity");
        assert_eq!(self.waits_for().await, Some(waiting(NodeStage::NoTopology { uid: uid.clone() })));
        let authorized = || store(Store::Authorized(Authorized {}));
        self.authorize(root, authorized()).await;
        let keys = [SigningKeyUsage::Protocol, SigningKeyUsage::SequencerAuthentication];
        let keys = [self.generate(keys[0]).await, self.generate(keys[1]).await].map(PublicKey::Signing);
        let member = Member::new(MemberKind::Sequencer, uid.clone());
        self.authorize(OwnerToKeyMapping::new(member, keys.to_vec()).expect("keys"), authorized()).await;
        uid
    }

    /// A synchronizer of this node alone, put together in a temporary store.
    async fn put_together(&self, uid: &UniqueIdentifier) -> Vec<StoredTransaction> {
        let mut write = TopologyManagerWriteServiceClient::new(self.0.clone());
        let request = admin::CreateTemporaryTopologyStoreRequest { name: "setup".to_owned(), protocol_version: 35 };
        write.create_temporary_topology_store(request).await.expect("a store");
        let keys = MemberKeys::generate(MemberKind::Mediator).expect("keys");
        let mediator = MemberIdentity::new(MemberKind::Mediator, "mediator", keys).expect("an identity");
        let own = self.list(store(Store::Authorized(Authorized {}))).await.into_iter().map(|stored| stored.transaction);
        let others = mediator.identity_transactions(VERSION).expect("signs");
        let request = admin::AddTransactionsRequest {
            transactions: own.chain(others).map(|transaction| transaction.to_proto()).collect(),
            force_changes: vec![admin::ForceFlag::AlienMember.into()],
            store: temporary(),
            ..Default::default()
        };
        write.add_transactions(request).await.expect("added");
        let founding = Founding::new("sync", [uid.namespace()].into(), 1, VERSION).expect("an owner");
        let parameters = founding.parameters(DynamicSynchronizerParameters::default());
        let mediator = MediatorId::try_from(mediator.member().clone()).expect("a mediator");
        let group = MediatorGroupIndex::new(0).expect("a group");
        let mediators = founding.mediators(group, 1, vec![mediator], Vec::new());
        let sequencers = founding.sequencers(1, vec![SequencerId::new(uid.clone())], Vec::new());
        for transaction in [founding.namespace(), parameters, mediators, sequencers] {
            self.authorize(transaction.expect("valid").mapping().clone(), temporary()).await;
        }
        self.list(temporary()).await
    }
}

fn waiting(stage: NodeStage) -> i32 {
    StageReceiver::new(stage).1.not_initialized().expect("it waits").waiting_for_external_input
}

/// A node is ready before it is part of a synchronizer, too: whoever makes it one has to reach it.
async fn assert_ready(health: &mut HealthClient<Channel>) {
    for name in ["sequencer", "liveness", ""] {
        let request = HealthCheckRequest { service: name.to_owned() };
        let status = health.check(request).await.expect("known").into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "`{name}`");
    }
}

/// Members and traffic are told, and nothing is forgotten that the mediator has not acknowledged.
async fn assert_operated(admin: &Admin, uid: &UniqueIdentifier) {
    let sequencer = Member::new(MemberKind::Sequencer, uid.clone()).to_string();
    let mut operations = SequencerAdministrationServiceClient::new(admin.0.clone());
    let status = operations.pruning_status(PruningStatusRequest {}).await.expect("answers").into_inner();
    let members = status.pruning_status.expect("set").members;
    assert!(members.iter().all(|one| one.enabled && one.last_acknowledged.is_none()), "{members:?}");
    let (own, others): (Vec<_>, Vec<_>) = members.iter().map(|one| &one.member).partition(|one| **one == sequencer);
    assert_eq!((own.len(), others.len()), (1, 1));
    let traffic = operations.traffic_control_state(TrafficControlStateRequest::default()).await.expect("answers");
    assert_eq!(traffic.into_inner().traffic_states.keys().collect::<Vec<_>>(), others);
    let purchase = SetTrafficPurchasedRequest { member: others[0].clone(), serial: 1, total_traffic_purchased: 1 };
    let refused = operations.set_traffic_purchased(purchase).await.expect_err("no traffic control");
    assert!(refused.message().starts_with("TRAFFIC_CONTROL_DISABLED("), "{}", refused.message());
    let mut pruning = SequencerPruningAdministrationServiceClient::new(admin.0.clone());
    let request = PruneRequest { timestamp: Some(prost_types::Timestamp::default()) };
    let refused = pruning.prune(request).await.expect_err("unsafe");
    let text = "Could not prune at [1970-01-01T00:00:00Z] as the earliest safe pruning point is \
                [0001-01-01T00:00:00.000001Z]";
    assert_eq!((refused.code(), refused.message()), (tonic::Code::FailedPrecondition, text));
}

// The connections have to notice that the node ends while this test waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_gets_its_identity_by_calls_and_founds_a_synchronizer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, log, base) = (dir.path().join("sequencer.toml"), dir.path().join("log"), next_port_base());
    let text = format!(
        "name = \"sequencer\"\n[init.identity]\ntype = \"manual\"\n[storage]\nurl = \"sqlite://{}\"\n\
         [public_api]\nport = {base}\n[admin_api]\nport = {}\n\
         [monitoring]\nhttp_health_port = {}\nmetrics_port = {}\ngrpc_health_port = {}\n",
        dir.path().join("node.db").display(),
        base + 1,
        base + 2,
        base + 3,
        base + 9
    );
    std::fs::write(&config, text).expect("a file");
    let arguments = ["sequencer".to_owned(), "-c".to_owned(), config.display().to_string()];
    let mut process = Process::start(&arguments, &log);
    let admin = Admin::connect(base + 1, &mut process).await;
    assert_eq!(admin.waits_for().await, Some(waiting(NodeStage::NoIdentity)));
    let health = Channel::from_shared(format!("http://127.0.0.1:{}", base + 9)).expect("a URL").connect().await;
    let mut health = HealthClient::new(health.expect("connects"));
    assert_ready(&mut health).await;
    let uid = admin.give_identity().await;
    assert_eq!(admin.waits_for().await, Some(waiting(NodeStage::NoSynchronizer { uid: uid.clone() })));
    let transactions = admin.put_together(&uid).await;

    let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
    let prepared = Genesis::prepare(transactions.into_iter().map(|stored| stored.transaction).collect());
    let genesis = Genesis::new(parameters.clone(), prepared).expect("a sound genesis");
    let request = InitializeSequencerFromGenesisStateV2Request {
        topology_snapshot: encode_v2(&genesis.rows, VERSION),
        synchronizer_parameters: Some(parameters.to_proto()),
    };
    let mut initialization = SequencerInitializationServiceClient::new(admin.0.clone());
    let founded = initialization.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter([request])).await;
    founded.expect("founded");
    assert_eq!(admin.waits_for().await, None);
    assert_ready(&mut health).await;
    assert_operated(&admin, &uid).await;
    let kind = Some(admin::synchronizer::Kind::PhysicalId(genesis.psid.to_string()));
    let synchronizer = || store(Store::Synchronizer(admin::Synchronizer { kind: kind.clone() }));
    assert_eq!(admin.list(synchronizer()).await.len(), genesis.rows.len());

    assert_eq!(process.terminate(LIMIT), Some(0));
    let mut process = Process::start(&arguments, &log);
    let admin = Admin::connect(base + 1, &mut process).await;
    assert_eq!(admin.waits_for().await, None);
    assert_eq!(admin.list(synchronizer()).await.len(), genesis.rows.len());
    assert_eq!(process.terminate(LIMIT), Some(0));
}
