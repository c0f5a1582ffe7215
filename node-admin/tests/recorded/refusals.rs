//! Calls that are refused: the code, and that nothing has changed: the next correct call works.

use synod_crypto::KeyUsages;
use synod_node_admin::NodeStage;
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::protocol::v30::{SignedTopologyTransaction, TopologyMapping};
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type};
use synod_proto::topology::admin::v30::store_id::{Authorized, Store, Temporary};
use synod_rpc::crypto::admin::v30::vault_service_client::VaultServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::Mapping;
use synod_topology::mapping::{NamespaceDelegation, OwnerToKeyMapping, PublicKey};
use synod_types::{Member, MemberKind, UniqueIdentifier};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::node::{Begin, Port, begin};

const STORE: &str = "setup";

fn store(store: Store) -> Option<admin::StoreId> {
    Some(admin::StoreId { store: Some(store) })
}

fn temporary() -> Option<admin::StoreId> {
    store(Store::Temporary(Temporary { name: STORE.to_owned() }))
}

fn authorized() -> Option<admin::StoreId> {
    store(Store::Authorized(Authorized {}))
}

fn proposal(mapping: &Mapping, serial: u32) -> admin::AuthorizeRequest {
    let mapping: TopologyMapping = mapping.to_proto();
    let proposal = Proposal { change: TopologyChangeOp::AddReplace.into(), serial, mapping: Some(mapping) };
    admin::AuthorizeRequest { r#type: Some(Type::Proposal(proposal)), store: temporary(), ..Default::default() }
}

/// A node with a namespace key, an identity in its namespace, and a temporary store.
struct Node {
    port: Port,
    write: TopologyManagerWriteServiceClient<Channel>,
    root: Mapping,
    uid: UniqueIdentifier,
}

impl Node {
    async fn start() -> Self {
        let port =
            begin(Begin { stage: NodeStage::NoIdentity, authorized: Vec::new(), manual: true, founds: false }).await;
        let spec = synod_crypto::SigningKeySpec::EcCurve25519;
        let key = port.vault.generate(spec, KeyUsages::NAMESPACE, None).await.expect("a key");
        let root = Mapping::from(NamespaceDelegation::root(key.public_key().clone()).expect("a namespace key"));
        let uid = UniqueIdentifier::new("node", &root.namespace()).expect("an identifier");
        let mut identity = IdentityInitializationServiceClient::new(port.channel.clone());
        identity.init_id(init_id(&uid)).await.expect("an identity");
        let mut write = TopologyManagerWriteServiceClient::new(port.channel.clone());
        write.create_temporary_topology_store(create(STORE)).await.expect("a store");
        Self { port, write, root, uid }
    }

    async fn authorize(&mut self, request: admin::AuthorizeRequest) -> Result<SignedTopologyTransaction, Status> {
        Ok(self.write.authorize(request).await?.into_inner().transaction.expect("set"))
    }

    async fn items(&self, store: Option<admin::StoreId>, proposals: bool) -> usize {
        let base_query = Some(admin::BaseQuery {
            store,
            proposals,
            time_query: Some(admin::base_query::TimeQuery::HeadState(())),
            ..Default::default()
        });
        let mut read = TopologyManagerReadServiceClient::new(self.port.channel.clone());
        let answer = read.list_all_v2(admin::ListAllV2Request { base_query, ..Default::default() }).await;
        answer.expect("answers").into_inner().result.expect("set").items.len()
    }

    /// Keys of a member in this namespace.
    async fn keys_of(&self, name: &str) -> (Mapping, String) {
        let spec = synod_crypto::SigningKeySpec::EcCurve25519;
        let key = self.port.vault.generate(spec, KeyUsages::PROTOCOL, None).await.expect("a key");
        let uid = UniqueIdentifier::new(name, &self.root.namespace()).expect("an identifier");
        let member = Member::new(MemberKind::Sequencer, uid);
        let keys = vec![PublicKey::Signing(key.public_key().clone())];
        let mapping = OwnerToKeyMapping::new(member, keys).expect("keys");
        (mapping.into(), key.public_key().fingerprint().as_str().to_owned())
    }
}

fn create(name: &str) -> admin::CreateTemporaryTopologyStoreRequest {
    admin::CreateTemporaryTopologyStoreRequest { name: name.to_owned(), protocol_version: 35 }
}

fn init_id(uid: &UniqueIdentifier) -> admin::InitIdRequest {
    let (identifier, namespace) = (uid.identifier().to_owned(), uid.namespace().as_str().to_owned());
    admin::InitIdRequest { identifier, namespace, namespace_delegations: Vec::new() }
}

fn code_of<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.expect_err("refused");
    (status.code(), status.message().split('(').next().unwrap_or_default().to_owned())
}

fn refused(code: Code, id: &str) -> (Code, String) {
    (code, id.to_owned())
}

#[tokio::test]
async fn what_cannot_be_authorized_changes_nothing() {
    let mut node = Node::start().await;
    let root = node.root.clone();
    let alien = node.keys_of("somebody").await.0;
    let unknown_key = "1220".to_owned() + &"ab".repeat(32);
    let elsewhere = store(Store::Temporary(Temporary { name: "elsewhere".to_owned() }));
    let by_hash = |hash: &str| admin::AuthorizeRequest {
        r#type: Some(Type::TransactionHash(hash.to_owned())),
        store: temporary(),
        ..Default::default()
    };
    let cases = [
        (proposal(&root, 2), refused(Code::FailedPrecondition, "TOPOLOGY_SERIAL_MISMATCH")),
        (
            admin::AuthorizeRequest { store: elsewhere, ..proposal(&root, 0) },
            refused(Code::NotFound, "TOPOLOGY_STORE_NOT_FOUND"),
        ),
        (
            admin::AuthorizeRequest { store: None, ..proposal(&root, 0) },
            refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE"),
        ),
        (
            admin::AuthorizeRequest { force_changes: vec![0], ..proposal(&root, 0) },
            refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE"),
        ),
        (
            admin::AuthorizeRequest { signed_by: vec![unknown_key], ..proposal(&root, 0) },
            refused(Code::NotFound, "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE"),
        ),
        (by_hash(&("1220".to_owned() + &"00".repeat(32))), refused(Code::NotFound, "TOPOLOGY_TRANSACTION_NOT_FOUND")),
        (by_hash("no hash"), refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE")),
        (
            admin::AuthorizeRequest { r#type: None, ..proposal(&root, 0) },
            refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE"),
        ),
        (
            proposal(&alien, 0),
            refused(Code::FailedPrecondition, "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER"),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(code_of(node.authorize(request.clone()).await), expected, "{request:?}");
    }
    assert_eq!((node.items(temporary(), false).await, node.items(temporary(), true).await), (0, 0));

    let signed = node.authorize(proposal(&root, 0)).await.expect("authorized");
    assert_eq!(signed.signatures.len(), 1);
    assert_eq!(node.items(temporary(), false).await, 1);
    let again = code_of(node.authorize(proposal(&root, 0)).await);
    assert_eq!(again, refused(Code::AlreadyExists, "TOPOLOGY_MAPPING_ALREADY_EXISTS"));
    let forced = admin::AuthorizeRequest {
        force_changes: vec![admin::ForceFlag::AlienMember.into()],
        must_fully_authorize: true,
        ..proposal(&alien, 0)
    };
    assert_eq!(node.authorize(forced).await.expect("authorized").signatures.len(), 2);
    assert_eq!(node.items(temporary(), false).await, 2);
}

#[tokio::test]
async fn a_proposal_becomes_a_transaction_when_its_last_signature_comes() {
    // Temporary stores do not ask for the signatures of the keys that a member lists.
    let own = |request| admin::AuthorizeRequest { store: authorized(), ..request };
    let mut node = Node::start().await;
    node.authorize(own(proposal(&node.root.clone(), 0))).await.expect("authorized");
    let (keys, key) = node.keys_of("node").await;
    let namespace_key = node.root.namespace().as_str().to_owned();
    let half = admin::AuthorizeRequest { signed_by: vec![namespace_key], ..own(proposal(&keys, 0)) };
    // Not complete, and yet demanded to be: the reason is not told, and nothing is stored.
    let complete = admin::AuthorizeRequest { must_fully_authorize: true, ..half.clone() };
    assert_eq!(node.authorize(complete).await.expect_err("refused").code(), Code::InvalidArgument);
    assert_eq!((node.items(authorized(), false).await, node.items(authorized(), true).await), (1, 0));
    node.authorize(half).await.expect("proposed");
    assert_eq!((node.items(authorized(), false).await, node.items(authorized(), true).await), (1, 1));
    let other_half = admin::AuthorizeRequest { signed_by: vec![key], ..own(proposal(&keys, 0)) };
    node.authorize(other_half).await.expect("authorized");
    assert_eq!((node.items(authorized(), false).await, node.items(authorized(), true).await), (2, 0));
}

#[tokio::test]
async fn all_transactions_of_a_call_are_added_or_none() {
    let mut node = Node::start().await;
    let root = node.authorize(proposal(&node.root.clone(), 0)).await.expect("authorized");
    let (keys, _) = node.keys_of("node").await;
    let keys = node.authorize(proposal(&keys, 0)).await.expect("authorized");
    let unsigned = SignedTopologyTransaction { signatures: root.signatures.clone(), proposal: false, ..keys.clone() };
    let add = |transactions| admin::AddTransactionsRequest { transactions, store: authorized(), ..Default::default() };
    let refused = node.write.add_transactions(add(vec![root.clone(), unsigned])).await;
    assert_eq!(refused.expect_err("a signature of something else").code(), Code::InvalidArgument);
    assert_eq!(node.items(authorized(), false).await, 0);
    node.write.add_transactions(add(vec![root.clone(), keys.clone()])).await.expect("added");
    assert_eq!(node.items(authorized(), false).await, 2);
    // Nothing new.
    node.write.add_transactions(add(vec![root, keys])).await.expect("added");
    assert_eq!(node.items(authorized(), false).await, 2);
}

#[tokio::test]
async fn temporary_stores_have_their_names_once() {
    let mut node = Node::start().await;
    let twice = code_of(node.write.create_temporary_topology_store(create(STORE)).await);
    assert_eq!(twice, refused(Code::AlreadyExists, "TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS"));
    let long = code_of(node.write.create_temporary_topology_store(create(&"x".repeat(186))).await);
    assert_eq!(long, refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE"));
    let drop = admin::DropTemporaryTopologyStoreRequest { store_id: Some(Temporary { name: STORE.to_owned() }) };
    node.write.drop_temporary_topology_store(drop.clone()).await.expect("dropped");
    let gone = code_of(node.write.drop_temporary_topology_store(drop).await);
    assert_eq!(gone, refused(Code::NotFound, "TOPOLOGY_STORE_NOT_FOUND"));
    node.write.create_temporary_topology_store(create(STORE)).await.expect("a new one");
    assert_eq!(node.items(temporary(), false).await, 0);
}

#[tokio::test]
async fn a_synchronizer_that_the_node_does_not_serve_is_not_known() {
    let mut node = Node::start().await;
    let kind = |kind| store(Store::Synchronizer(admin::Synchronizer { kind: Some(kind) }));
    let id = format!("sync::{}", node.root.namespace().as_str());
    let physical = kind(admin::synchronizer::Kind::PhysicalId(format!("{id}::35-0")));
    for store in [kind(admin::synchronizer::Kind::Id(id)), physical] {
        let request = admin::AuthorizeRequest { store, ..proposal(&node.root.clone(), 0) };
        assert_eq!(code_of(node.authorize(request).await), refused(Code::NotFound, "TOPOLOGY_STORE_NOT_FOUND"));
    }
}

#[tokio::test]
async fn an_identity_is_given_once_and_by_who_has_its_key() {
    let port = begin(Begin { stage: NodeStage::NoIdentity, authorized: Vec::new(), manual: true, founds: false }).await;
    let mut identity = IdentityInitializationServiceClient::new(port.channel.clone());
    let mut write = TopologyManagerWriteServiceClient::new(port.channel.clone());
    let early = write.create_temporary_topology_store(create(STORE)).await.expect_err("no identity yet");
    assert_eq!(early.code(), Code::Unimplemented);
    let foreign = UniqueIdentifier::parse(&format!("node::1220{}", "ab".repeat(32))).expect("an identifier");
    let refused = identity.init_id(init_id(&foreign)).await.expect_err("no key of it is here");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("No signing key found locally"), "{refused:?}");
    let node = Node::start().await;
    let mut identity = IdentityInitializationServiceClient::new(node.port.channel.clone());
    let again = identity.init_id(init_id(&node.uid)).await.expect_err("it has one");
    assert_eq!(
        (again.code(), again.message()),
        (Code::FailedPrecondition, &*format!("Node is already initialised with {}", node.uid))
    );
}

#[tokio::test]
async fn private_keys_stay_in_the_node() {
    let node = Node::start().await;
    let mut vault = VaultServiceClient::new(node.port.channel.clone());
    let fingerprint = node.root.namespace().as_str().to_owned();
    let request = synod_proto::crypto::admin::v30::ExportKeyPairRequest { fingerprint, ..Default::default() };
    assert_eq!(vault.export_key_pair(request).await.expect_err("secret").code(), Code::FailedPrecondition);
    let no_usage = synod_proto::crypto::admin::v30::GenerateSigningKeyRequest::default();
    assert_eq!(vault.generate_signing_key(no_usage).await.expect_err("for nothing").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_import_that_cannot_be_read_changes_nothing() {
    let mut node = Node::start().await;
    node.authorize(proposal(&node.root.clone(), 0)).await.expect("authorized");
    let part = |bytes: Vec<u8>, store| admin::ImportTopologySnapshotV2Request {
        topology_snapshot: bytes.into(),
        store,
        wait_to_become_effective: None,
    };
    let base_query = Some(admin::BaseQuery {
        store: temporary(),
        time_query: Some(admin::base_query::TimeQuery::HeadState(())),
        ..Default::default()
    });
    let mut read = TopologyManagerReadServiceClient::new(node.port.channel.clone());
    let request = admin::ExportTopologySnapshotV2Request { base_query, ..Default::default() };
    let mut parts = read.export_topology_snapshot_v2(request).await.expect("exports").into_inner();
    let exported = parts.message().await.expect("a part").expect("one part").chunk.to_vec();
    let half = exported.len() / 2;
    let (first, second) = (exported[..half].to_vec(), exported[half..].to_vec());
    let malformed = refused(Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE");
    for parts in [
        vec![part(first.clone(), authorized())],
        vec![part(first.clone(), authorized()), part(second.clone(), temporary())],
        vec![part(exported.clone(), None)],
        Vec::new(),
    ] {
        let result = node.write.import_topology_snapshot_v2(tokio_stream::iter(parts)).await;
        assert_eq!(code_of(result), malformed);
    }
    let oversized = vec![part(vec![0; 11 * 1024 * 1024], authorized())];
    let result = node.write.import_topology_snapshot_v2(tokio_stream::iter(oversized)).await;
    assert_eq!(result.expect_err("a message above 10 MiB").code(), Code::OutOfRange);
    assert_eq!(node.items(authorized(), false).await, 0);
    let parts = vec![part(first, authorized()), part(second, authorized())];
    node.write.import_topology_snapshot_v2(tokio_stream::iter(parts)).await.expect("imported");
    assert_eq!(node.items(authorized(), false).await, 1);
}
