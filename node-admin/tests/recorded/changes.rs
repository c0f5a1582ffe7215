//! Changes of the synchronizer, on a node that runs with the recorded genesis and keys.

use std::slice::from_ref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_node_admin::{KeyObserver, NodeStage, SynchronizerTopology, TopologyQueues};
use synod_proto::google::rpc::{ErrorInfo, RetryInfo, Status as RpcStatus};
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::store_id::{Authorized, Store, Temporary};
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::broadcast::parse_transactions;
use synod_topology::build::root_certificate;
use synod_topology::mapping::{
    MediatorSynchronizerState, OwnerToKeyMapping, PublicKey, SynchronizerParametersState, UniqueKey,
};
use synod_topology::{Mapping, SignedTopologyTransaction};
use synod_types::{Fingerprint, MediatorGroupIndex, MediatorId, Member, MemberKind, ProtocolVersion, UniqueIdentifier};
use tonic::{Code, Status};

use super::data::{authorized_answer, bytes, calls, private_keys, recording, response, rows};
use super::node::{Begin, Port, begin};
use super::raw;
use super::replay::put_first_keys;
use super::synchronizer::Fate;

const NAME: &str = "pv35-basic";
const NODE: &str = "sequencer1";
const LIMIT: Duration = Duration::from_secs(30);

/// A node that runs.
async fn running() -> Port {
    let calls = calls(NAME, NODE);
    let id = calls.iter().find(|call| call.method_name() == "GetId").expect("a call");
    let uid = UniqueIdentifier::parse(&response::<admin::GetIdResponse>(id).unique_identifier).expect("an identifier");
    let (_, authorized) = authorized_answer(&calls);
    let stage = NodeStage::NoSynchronizer { uid };
    let port = begin(Begin { stage, authorized: rows(authorized), manual: false, founds: true }).await;
    put_first_keys(&port.vault, &private_keys(&recording(NAME), NODE)).await;
    let founds = calls.iter().find(|call| call.method_name() == "InitializeSequencerFromGenesisStateV2");
    let founds = founds.expect("a call");
    raw::call(&port.channel, &founds.method, bytes(&founds.requests), usize::MAX).await.expect("founded");
    port
}

fn store(store: Store) -> Option<admin::StoreId> {
    Some(admin::StoreId { store: Some(store) })
}

impl Port {
    fn write(&self) -> TopologyManagerWriteServiceClient<tonic::transport::Channel> {
        TopologyManagerWriteServiceClient::new(self.channel.clone())
    }

    fn synchronizer(&self) -> Option<admin::StoreId> {
        let psid = self.node.current().expect("it runs").topology.psid().to_string();
        let kind = Some(admin::synchronizer::Kind::PhysicalId(psid));
        store(Store::Synchronizer(admin::Synchronizer { kind }))
    }

    async fn authorize(
        &self,
        store: Option<admin::StoreId>,
        mapping: impl Into<Mapping>,
        serial: u32,
        wait: Option<Duration>,
    ) -> Result<SignedTopologyTransaction, Status> {
        let mapping = Some(mapping.into().to_proto());
        let change = TopologyChangeOp::AddReplace.into();
        let request = admin::AuthorizeRequest {
            r#type: Some(admin::authorize_request::Type::Proposal(admin::authorize_request::Proposal {
                change,
                serial,
                mapping,
            })),
            must_fully_authorize: true,
            store,
            wait_to_become_effective: wait.map(|wait| wait.try_into().expect("short")),
            ..Default::default()
        };
        let answer = self.write().authorize(request).await?.into_inner().transaction.expect("set");
        let parsed = SignedTopologyTransaction::parse_unversioned(&answer.encode_to_vec(), ProtocolVersion::V35);
        Ok(parsed.expect("a transaction"))
    }

    /// The parameters in force, with another rate.
    fn parameters(&self, rate: u32) -> SynchronizerParametersState {
        let topology = self.node.current().expect("it runs").topology;
        let mut parameters = topology.head_snapshot().parameters().expect("there").clone();
        parameters.confirmation_requests_max_rate = rate;
        SynchronizerParametersState {
            synchronizer: topology.psid().logical().clone(),
            parameters: Box::new(parameters),
        }
    }

    fn rate(&self) -> u32 {
        let topology = self.node.current().expect("it runs").topology;
        topology.head_snapshot().parameters().expect("there").confirmation_requests_max_rate
    }

    async fn change(&self, rate: u32, wait: Option<Duration>) -> Result<SignedTopologyTransaction, Status> {
        self.authorize(self.synchronizer(), self.parameters(rate), 0, wait).await
    }

    async fn drained(&self) {
        let drained = async {
            while self.outbox.queues() != TopologyQueues::default() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, drained).await.expect("the queues drain");
    }

    async fn add(&self, transactions: &[SignedTopologyTransaction]) -> Result<(), Status> {
        let request = admin::AddTransactionsRequest {
            transactions: transactions.iter().map(SignedTopologyTransaction::to_proto).collect(),
            store: self.synchronizer(),
            ..Default::default()
        };
        self.write().add_transactions(request).await.map(drop)
    }
}

fn waiting(dispatcher: u32) -> TopologyQueues {
    TopologyQueues { manager: 0, dispatcher }
}

/// Canton's code in a status.
fn code_of(status: &Status) -> String {
    let rpc = RpcStatus::decode(status.details()).expect("details");
    ErrorInfo::decode(rpc.details[0].value.as_slice()).expect("the first one").reason
}

fn encoded(transactions: &[SignedTopologyTransaction]) -> Vec<Bytes> {
    transactions.iter().map(|transaction| transaction.encode(ProtocolVersion::V35)).collect()
}

/// Root certificates of namespaces that nobody else has.
fn certificates(count: usize) -> Vec<SignedTopologyTransaction> {
    let certificate = |_| {
        let key = SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, KeyUsages::NAMESPACE).expect("a key");
        root_certificate(&key, ProtocolVersion::V35).expect("signs")
    };
    (0..count).map(certificate).collect()
}

#[tokio::test]
async fn a_change_is_answered_when_it_is_effective() {
    let port = running().await;
    let signed = port.change(77, Some(LIMIT)).await.expect("effective");
    assert_eq!(signed.transaction().serial(), 2);
    assert_eq!(port.rate(), 77);
    port.drained().await;
    let broadcasts = port.node.synchronizer.broadcasts(1).await;
    assert_eq!(broadcasts, [encoded(from_ref(&signed))]);
    // The same again is nothing new.
    let again = port.change(77, None).await.expect_err("refused");
    assert_eq!(code_of(&again), "TOPOLOGY_MAPPING_ALREADY_EXISTS");
    port.add(&[signed]).await.expect("it is there already");
    assert_eq!(port.outbox.queues(), TopologyQueues::default());
    assert_eq!(port.node.synchronizer.broadcasts(1).await.len(), 1);
}

#[tokio::test]
async fn who_does_not_wait_is_answered_at_once_and_the_queue_counts_until_the_change_is_effective() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Sequenced]);
    port.change(77, None).await.expect("queued");
    port.node.synchronizer.broadcasts(1).await;
    assert_eq!(port.outbox.queues(), waiting(1), "it is sequenced, not effective");
    port.node.synchronizer.pass(Duration::from_secs(1)).await;
    port.drained().await;
}

#[tokio::test]
async fn a_change_that_is_not_effective_in_time_is_told_as_canton_does() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Sequenced]);
    let late = port.change(77, Some(Duration::from_millis(1_500))).await.expect_err("too late");
    assert_eq!(late.code(), Code::Internal);
    let text = "Task proposeAndAuthorize-wait-for-effective did not complete within 1500 milliseconds.";
    assert_eq!(late.message(), text);
    assert_eq!(port.rate(), 77, "it was made nevertheless");
}

#[tokio::test]
async fn changes_build_on_those_that_wait() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Sequenced]);
    for (serial, rate) in [(2, 71), (3, 72), (4, 73)] {
        let signed = port.change(rate, None).await.expect("queued");
        assert_eq!(signed.transaction().serial(), serial);
    }
    let wrong = port.authorize(port.synchronizer(), port.parameters(74), 4, None).await.expect_err("serial 4 waits");
    assert_eq!(code_of(&wrong), "TOPOLOGY_SERIAL_MISMATCH");
    port.node.synchronizer.broadcasts(1).await;
    port.node.synchronizer.pass(Duration::from_secs(1)).await;
    port.drained().await;
    assert_eq!(port.rate(), 73);
    let all = port.node.synchronizer.broadcasts(1).await.concat();
    let all = parse_transactions(&all, ProtocolVersion::V35).expect("transactions");
    let serials: Vec<u32> = all.iter().map(|signed| signed.transaction().serial()).collect();
    assert_eq!(serials, [2, 3, 4], "in order, each once");
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Refused]);
    port.change(77, Some(LIMIT)).await.expect("effective");
    assert_eq!(port.node.synchronizer.broadcasts(2).await.len(), 2);
}

#[tokio::test]
async fn what_was_lost_is_sent_again_once_its_time_has_passed() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Lost]);
    port.change(77, None).await.expect("queued");
    port.node.synchronizer.broadcasts(1).await;
    // From the genesis to now, which is not past the max sequencing time.
    port.node.synchronizer.sequence(certificates(1)).await;
    port.node.synchronizer.pass(Duration::from_secs(5)).await;
    assert_eq!(port.node.synchronizer.broadcasts(1).await.len(), 1);
    port.node.synchronizer.pass(Duration::from_secs(60)).await;
    port.drained().await;
    assert_eq!(port.node.synchronizer.broadcasts(2).await.len(), 2);
    assert_eq!(port.rate(), 77);
}

#[tokio::test]
async fn a_broadcast_has_at_most_a_hundred_transactions() {
    let port = running().await;
    let certificates = certificates(120);
    port.add(&certificates).await.expect("queued");
    port.drained().await;
    let broadcasts = port.node.synchronizer.broadcasts(2).await;
    let sizes: Vec<usize> = broadcasts.iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 20]);
    assert_eq!(broadcasts.concat(), encoded(&certificates), "in order");
}

#[tokio::test]
async fn too_many_that_wait_are_refused() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Lost]);
    port.add(&certificates(1)).await.expect("queued");
    port.node.synchronizer.broadcasts(1).await;
    port.add(&certificates(100)).await.expect("queued");
    let refused = port.add(&certificates(1)).await.expect_err("too many");
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(code_of(&refused), "TOPOLOGY_TOO_MANY_PENDING_TOPOLOGY_TRANSACTIONS");
    let rpc = RpcStatus::decode(refused.details()).expect("details");
    assert!(RetryInfo::decode(rpc.details[1].value.as_slice()).expect("the second one").retry_delay.is_some());
    assert_eq!(port.outbox.queues(), waiting(101));
}

#[tokio::test]
async fn what_the_synchronizer_would_reject_is_not_sent() {
    let port = running().await;
    let synchronizer = port.parameters(1).synchronizer;
    let unknown = MediatorId::new(UniqueIdentifier::parse("nobody::1220aa").expect("an identifier"));
    let group = MediatorGroupIndex::new(0).expect("a group");
    let mapping = MediatorSynchronizerState::new(synchronizer, group, 1, vec![unknown], Vec::new());
    let refused = port.authorize(port.synchronizer(), mapping.expect("a mapping"), 0, None).await;
    let refused = refused.expect_err("a mediator without keys");
    assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::FailedPrecondition, "TOPOLOGY_INSUFFICIENT_KEYS"));
    // All or none: the good one before the bad one is not sent.
    let mut batch = certificates(1);
    let signed = port.change(70, Some(LIMIT)).await.expect("effective");
    let stale = port.change(71, Some(LIMIT)).await.map(|_| signed).expect("effective");
    batch.push(stale);
    port.add(&batch).await.expect_err("serial 2 is over");
    assert_eq!(port.outbox.queues(), TopologyQueues::default());
    assert_eq!(port.node.synchronizer.broadcasts(2).await.len(), 2);
}

/// The keys of the node, and one more.
async fn rotated(port: &Port) -> OwnerToKeyMapping {
    let uid = port.base.stage.uid().expect("it has one");
    let topology = port.node.current().expect("it runs").topology;
    let open = topology.rows().open(&UniqueKey::owner_to_key_mapping(&uid)).expect("it has keys");
    let Mapping::OwnerToKeyMapping(keys) = open.transaction().mapping() else { panic!("other keys") };
    let new = port.vault.generate(SigningKeySpec::EcCurve25519, KeyUsages::PROTOCOL, None).await.expect("a key");
    let old = keys.signing_keys().iter().cloned();
    let all = old.chain([new.public_key().clone()]).map(PublicKey::Signing).collect();
    OwnerToKeyMapping::new(Member::new(MemberKind::Sequencer, uid), all).expect("keys")
}

#[tokio::test]
async fn the_nodes_own_store_is_brought_to_the_synchronizer_also_after_a_restart() {
    let port = running().await;
    port.node.synchronizer.expect(&[Fate::Lost]);
    let own = store(Store::Authorized(Authorized {}));
    let signed = port.authorize(own, rotated(&port).await, 0, Some(LIMIT)).await.expect("added");
    assert_eq!(signed.transaction().serial(), 2);
    assert_eq!(port.outbox.queues(), waiting(1));
    let broadcasts = port.node.synchronizer.broadcasts(1).await;
    assert_eq!(broadcasts, [encoded(from_ref(&signed))], "what is there already is not sent");
    // A node that starts with this database finds it: the genesis has the first keys only.
    let outbox = synod_node_admin::TopologyOutbox::default();
    let stores = port.base.stores(Arc::clone(&port.node.synchronizer) as _, outbox.clone()).await;
    let dispatching = tokio::spawn(stores.dispatch(Arc::clone(&port.node.synchronizer) as _));
    let broadcasts = port.node.synchronizer.broadcasts(2).await;
    assert_eq!(broadcasts[1], encoded(from_ref(&signed)));
    port.drained().await;
    let topology = port.node.current().expect("it runs").topology;
    let there = topology.rows().same(signed.transaction()).expect("it is in force");
    assert_eq!(encoded(&[there]), encoded(&[signed]));
    assert_eq!(port.node.synchronizer.broadcasts(2).await.len(), 2, "once it is there it is not sent again");
    dispatching.abort();
}

#[tokio::test]
async fn what_the_synchronizer_does_not_take_from_the_nodes_own_store_does_not_stay_in_the_queue() {
    let port = running().await;
    let mapping = rotated(&port).await;
    // The synchronizer has serial 3 already, by another way, when the own store has serial 2.
    port.authorize(port.synchronizer(), mapping, 0, Some(LIMIT)).await.expect("effective");
    let more = rotated(&port).await;
    port.authorize(port.synchronizer(), more, 0, Some(LIMIT)).await.expect("effective");
    let own = store(Store::Authorized(Authorized {}));
    port.authorize(own, rotated(&port).await, 0, None).await.expect("serial 2 of the own store");
    port.drained().await;
    assert_eq!(port.node.synchronizer.broadcasts(2).await.len(), 2, "serial 2 is over on the synchronizer");
}

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Keys(Mutex<Vec<Fingerprint>>);

impl KeyObserver for Keys {
    fn added(&self, key: &SigningPrivateKey) {
        self.0.lock().expect("no panic").push(key.public_key().fingerprint().clone());
    }

    fn deleted(&self, fingerprint: &Fingerprint) {
        self.0.lock().expect("no panic").retain(|key| key != fingerprint);
    }
}

#[tokio::test]
async fn keys_are_told_as_they_come_and_go() {
    let port = running().await;
    let keys = Arc::new(Keys::default());
    port.vault.observe(Arc::clone(&keys) as _).await.expect("reads");
    let mut told = keys.0.lock().expect("no panic").clone();
    told.sort();
    assert_eq!(told, port.vault.own_fingerprints().await.expect("reads").into_iter().collect::<Vec<_>>());
    let new = port.vault.generate(SigningKeySpec::EcCurve25519, KeyUsages::PROTOCOL, None).await.expect("a key");
    let new = new.public_key().fingerprint();
    assert_eq!(keys.0.lock().expect("no panic").last(), Some(new));
    port.vault.delete(new).await.expect("deletes");
    assert_eq!(keys.0.lock().expect("no panic").len(), told.len());
}

#[tokio::test]
async fn a_database_that_fails_stops_the_node() {
    let port = running().await;
    port.base.store.close().await;
    let own = store(Store::Authorized(Authorized {}));
    let failed = port.authorize(own, port.parameters(1), 0, None).await.expect_err("no database");
    assert_eq!(failed.code(), Code::Internal);
    assert!(failed.message().starts_with("An error occurred."), "the cause is not told: {failed:?}");
    assert_eq!(port.base.faults.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn the_number_of_temporary_stores_is_bounded() {
    let port = running().await;
    let create = async |name: String| {
        let request = admin::CreateTemporaryTopologyStoreRequest { name, protocol_version: 35 };
        port.write().create_temporary_topology_store(request).await
    };
    for index in 0..64 {
        create(format!("store{index}")).await.expect("a store");
    }
    let refused = create("one more".to_owned()).await.expect_err("too many");
    assert_eq!(code_of(&refused), "TOPOLOGY_TOO_MANY_TEMPORARY_STORES");
    let drop = Some(Temporary { name: "store0".to_owned() });
    let drop = admin::DropTemporaryTopologyStoreRequest { store_id: drop };
    port.write().drop_temporary_topology_store(drop).await.expect("dropped");
    create("one more".to_owned()).await.expect("there is room");
}
