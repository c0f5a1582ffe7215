//! A mediator's key is rotated while it runs, by the calls of a Console.

use std::time::Duration;

use synod_crypto::{KeyUsages, SigningPublicKey};
use synod_proto::admin::health::v30::TopologyQueueStatus;
use synod_proto::admin::mediator::v30::{MediatorStatusRequest, mediator_status_response::Kind};
use synod_proto::crypto::admin::v30::GenerateSigningKeyRequest;
use synod_proto::crypto::v30::{PublicKey, SigningKeyUsage, public_key::Key};
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::protocol::v30::{OwnerToKeyMapping, TopologyMapping, topology_mapping::Mapping};
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::store_id::{Authorized, Store};
use synod_rpc::admin::mediator::v30::mediator_status_service_client::MediatorStatusServiceClient;
use synod_rpc::crypto::admin::v30::vault_service_client::VaultServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use tonic::transport::Channel;

use crate::support::{Localnet, synod};

const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(30);

/// The administration port of a mediator.
struct Mediator {
    channel: Channel,
    synchronizer: String,
}

impl Mediator {
    async fn of(ready: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let url = format!("http://{}", text(&ready["mediators"][0]["admin"]));
        let channel = Channel::from_shared(url).expect("a URL").connect().await.expect("connects");
        Self { channel, synchronizer: text(&ready["synchronizer_id"]) }
    }

    /// The keys of the mediator, as the synchronizer has them.
    async fn keys(&self) -> OwnerToKeyMapping {
        let kind = Some(admin::synchronizer::Kind::PhysicalId(self.synchronizer.clone()));
        let base_query = admin::BaseQuery {
            store: Some(admin::StoreId { store: Some(Store::Synchronizer(admin::Synchronizer { kind })) }),
            time_query: Some(admin::base_query::TimeQuery::HeadState(())),
            ..Default::default()
        };
        let request = admin::ListOwnerToKeyMappingRequest {
            base_query: Some(base_query),
            filter_key_owner_type: "MED".to_owned(),
            ..Default::default()
        };
        let mut read = TopologyManagerReadServiceClient::new(self.channel.clone());
        let answer = read.list_owner_to_key_mapping(request).await.expect("answers").into_inner();
        let [result] = <[_; 1]>::try_from(answer.results).expect("one");
        result.item.expect("set")
    }

    async fn generate(&self) -> PublicKey {
        let usage = vec![SigningKeyUsage::Protocol.into()];
        let request = GenerateSigningKeyRequest { usage, ..Default::default() };
        let key = VaultServiceClient::new(self.channel.clone()).generate_signing_key(request).await.expect("a key");
        PublicKey { key: Some(Key::SigningPublicKey(key.into_inner().public_key.expect("set"))) }
    }

    /// Publishes other keys by the node's own store, and waits as the Console does until the synchronizer has them.
    async fn publish(&self, keys: &OwnerToKeyMapping) {
        let proposal = admin::authorize_request::Proposal {
            change: TopologyChangeOp::AddReplace.into(),
            serial: 0,
            mapping: Some(TopologyMapping { mapping: Some(Mapping::OwnerToKeyMapping(keys.clone())) }),
        };
        let request = admin::AuthorizeRequest {
            r#type: Some(admin::authorize_request::Type::Proposal(proposal)),
            must_fully_authorize: true,
            store: Some(admin::StoreId { store: Some(Store::Authorized(Authorized {})) }),
            ..Default::default()
        };
        let mut write = TopologyManagerWriteServiceClient::new(self.channel.clone());
        write.authorize(request).await.expect("authorized");
        let drained = async {
            while self.queues().await != TopologyQueueStatus::default() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, drained).await.expect("the queues drain");
        assert_eq!(self.keys().await, *keys);
    }

    async fn queues(&self) -> TopologyQueueStatus {
        let mut status = MediatorStatusServiceClient::new(self.channel.clone());
        let answer = status.mediator_status(MediatorStatusRequest {}).await.expect("answers").into_inner();
        match answer.kind.expect("set") {
            Kind::Status(status) => status.common_status.expect("set").topology_queues.expect("set"),
            Kind::NotInitialized(waiting) => panic!("{waiting:?}"),
        }
    }
}

fn is_for_the_protocol(key: &PublicKey) -> bool {
    let Some(Key::SigningPublicKey(key)) = &key.key else { return false };
    SigningPublicKey::from_proto(key.clone()).expect("a key").usages().allows(KeyUsages::PROTOCOL)
}

/// A self-test from outside: fresh participants join, send, receive, and have a transaction approved.
fn probe(ready: &serde_json::Value) -> serde_json::Value {
    let url = format!("http://{}", ready["sequencers"][0]["public"].as_str().expect("an address"));
    serde_json::from_slice(&synod(&["probe", &url, "--json"]).stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_go_on_when_a_mediators_key_is_rotated() {
    let mut net = Localnet::start(&[]);
    let ready = net.wait_until_ready(READY_LIMIT);
    let mediator = Mediator::of(&ready).await;
    let old = mediator.keys().await;
    let new = mediator.generate().await;
    let both = old.public_keys.iter().cloned().chain([new.clone()]).collect();
    mediator.publish(&OwnerToKeyMapping { public_keys: both, ..old.clone() }).await;
    let found = probe(&ready);
    assert_eq!(found["ok"], true, "with both keys: {found}");
    let others = old.public_keys.iter().filter(|key| !is_for_the_protocol(key)).cloned();
    let without_old = OwnerToKeyMapping { public_keys: others.chain([new]).collect(), ..old };
    mediator.publish(&without_old).await;
    let found = probe(&ready);
    assert_eq!(found["ok"], true, "with the new key: {found}");
    drop(mediator);
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
    // The node starts with the new key.
    net.restart();
    let ready = net.wait_until_ready(READY_LIMIT);
    assert_eq!(Mediator::of(&ready).await.keys().await, without_old);
    let found = probe(&ready);
    assert_eq!(found["ok"], true, "after a restart: {found}");
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}
