//! A synchronizer that gets a further sequencer while it runs, by the calls that a Console makes for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_client::{ConnectOptions, MemberIdentity, OnboardingLimits, SequencerConnection, Session};
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::protocol::v30::{self as protocol, SignedTopologyTransaction};
use synod_proto::sequencer::admin::v30::{
    InitializeSequencerFromOnboardingStateV2Request, OnboardingStateV2Request, onboarding_state_v2_request,
};
use synod_proto::topology::admin::v30 as admin;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type};
use synod_proto::topology::admin::v30::store_id::{Authorized, Store};
use synod_rpc::sequencer::admin::v30::sequencer_administration_service_client::SequencerAdministrationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_types::PhysicalSynchronizerId;
use synod_wire::versioned;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::bootstrap::Nodes;
use crate::support::{Process, next_port_base, synod, wait};

const LIMIT: Duration = Duration::from_secs(60);
/// Distance between the ports of two operators.
const STEP: u16 = 100;

/// Four operators in one file, each with a sequencer, and a mediator.
struct Operators {
    dir: TempDir,
    base: u16,
    sequencers: Vec<Process>,
    _mediator: Process,
}

impl Operators {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let base = next_port_base();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut operators = String::new();
        for index in 0..4 {
            let (home, name) = (path(&format!("home{index}")), format!("o{index}"));
            let address = format!("127.0.0.1:{}", base + index * STEP + 4);
            let made = synod(&["init", "operator", "--home", &home, "--name", &name, "--p2p-address", &address]);
            assert!(made.status.success(), "{made:?}");
            operators += &String::from_utf8_lossy(&made.stdout);
        }
        std::fs::write(path("operators.toml"), operators).expect("written");
        let start = |index: u16| {
            let ports = base + index * STEP;
            let more = format!(
                "[public_api]\nport = {ports}\n[cometbft]\noperator = \"o{index}\"\noperators_file = {:?}\nhome = {:?}\n\
                 p2p_address = \"127.0.0.1\"\np2p_port = {}\nrpc_port = {}\n",
                path("operators.toml"),
                path(&format!("home{index}")),
                ports + 4,
                ports + 5,
            );
            run(dir.path(), "sequencer", &format!("s{index}"), ports + 1, &more)
        };
        let sequencers = (0..4).map(start).collect();
        let mediator = run(dir.path(), "mediator", "m", base + 6, "");
        let mut operators = Self { dir, base, sequencers, _mediator: mediator };
        let ports: Vec<u16> = (0..4).map(|index| operators.admin(index)).chain([base + 6]).collect();
        for port in ports {
            let open = || {
                operators.sequencers.iter_mut().for_each(Process::assert_runs);
                std::net::TcpStream::connect(("127.0.0.1", port)).ok()
            };
            wait(LIMIT, open).expect("the port opens");
        }
        operators
    }

    fn admin(&self, index: u16) -> u16 {
        self.base + index * STEP + 1
    }

    fn public(&self, index: u16) -> String {
        format!("http://127.0.0.1:{}", self.base + index * STEP)
    }

    /// The first three found the synchronizer.
    fn found(&self) -> PhysicalSynchronizerId {
        let mut text = "name = \"growing\"\nowners = [\"s0\"]\n".to_owned();
        for index in 0..3 {
            let (admin, public) = (self.admin(index), self.public(index));
            text += &format!("[[sequencers]]\nname = \"s{index}\"\nadmin = \"http://127.0.0.1:{admin}\"\n");
            text += &format!("public = \"{public}\"\n");
        }
        text += &format!("[[mediators]]\nname = \"m\"\nadmin = \"http://127.0.0.1:{}\"\n", self.base + 6);
        let path = self.dir.path().join("synchronizer.toml");
        std::fs::write(&path, text).expect("written");
        let done = synod(&["bootstrap", "-c", &path.display().to_string()]);
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{out}{}", String::from_utf8_lossy(&done.stderr));
        PhysicalSynchronizerId::parse(out.lines().last().expect("a line")).expect("an id")
    }

    fn probe(&self, index: u16) {
        let probed = synod(&["probe", &self.public(index), "--json"]);
        assert!(probed.status.success(), "{}", String::from_utf8_lossy(&probed.stdout));
    }
}

fn run(dir: &Path, kind: &str, name: &str, admin: u16, more: &str) -> Process {
    let database = dir.join(format!("{name}.db"));
    let config = dir.join(format!("{name}.toml"));
    let text = format!(
        "name = \"{name}\"\n[storage]\nurl = \"sqlite://{}\"\n[admin_api]\nport = {admin}\n[monitoring]\n\
         http_health_port = 0\nmetrics_port = 0\ngrpc_health_port = 0\n{more}",
        database.display()
    );
    std::fs::write(&config, text).expect("written");
    Process::start(&[kind, "-c", &config.display().to_string()], &dir.join(format!("{name}.log")))
}

async fn connect(port: u16) -> Channel {
    let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
    endpoint.connect().await.expect("connects")
}

fn synchronizer(psid: &PhysicalSynchronizerId) -> Option<admin::StoreId> {
    let kind = Some(admin::synchronizer::Kind::Id(psid.logical().to_string()));
    Some(admin::StoreId { store: Some(Store::Synchronizer(admin::Synchronizer { kind })) })
}

fn effective() -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 60, nanos: 0 })
}

/// Who a node is, and what it says about itself.
async fn identity(node: &Channel) -> (String, Vec<SignedTopologyTransaction>) {
    let id = IdentityInitializationServiceClient::new(node.clone()).get_id(admin::GetIdRequest {}).await;
    let id = id.expect("answers").into_inner().unique_identifier;
    let request = admin::ListAllV2Request {
        base_query: Some(admin::BaseQuery {
            store: Some(admin::StoreId { store: Some(Store::Authorized(Authorized {})) }),
            operation: TopologyChangeOp::AddReplace.into(),
            time_query: Some(admin::base_query::TimeQuery::HeadState(())),
            ..Default::default()
        }),
        include_mappings: vec!["nsd".to_owned(), "otk".to_owned()],
        filter_namespace: String::new(),
    };
    let listed = TopologyManagerReadServiceClient::new(node.clone()).list_all_v2(request).await;
    let items = listed.expect("answers").into_inner().result.expect("set").items;
    let signed = |item: admin::topology_transactions::Item| {
        let inner = versioned::unwrap(&item.transaction).expect("versioned").data;
        <SignedTopologyTransaction as prost::Message>::decode(inner).expect("a transaction")
    };
    (id, items.into_iter().map(signed).collect())
}

/// The owner lists another sequencer, whose identity it uploads.
async fn list_sequencer(owner: &Channel, psid: &PhysicalSynchronizerId, new: &Channel) -> String {
    let (id, transactions) = identity(new).await;
    let mut write = TopologyManagerWriteServiceClient::new(owner.clone());
    let request = admin::AddTransactionsRequest {
        transactions,
        force_changes: vec![admin::ForceFlag::AlienMember.into()],
        store: synchronizer(psid),
        wait_to_become_effective: effective(),
    };
    write.add_transactions(request).await.expect("its identity is taken");
    let request = admin::ListSequencerSynchronizerStateRequest {
        base_query: Some(admin::BaseQuery {
            store: synchronizer(psid),
            operation: TopologyChangeOp::AddReplace.into(),
            time_query: Some(admin::base_query::TimeQuery::HeadState(())),
            ..Default::default()
        }),
        filter_synchronizer_id: psid.logical().to_string(),
    };
    let listed = TopologyManagerReadServiceClient::new(owner.clone()).list_sequencer_synchronizer_state(request).await;
    let mut state = listed.expect("answers").into_inner().results.remove(0).item.expect("set");
    state.active.push(id.clone());
    let mapping = protocol::topology_mapping::Mapping::SequencerSynchronizerState(state);
    let mapping = Some(protocol::TopologyMapping { mapping: Some(mapping) });
    let change = Type::Proposal(Proposal { change: TopologyChangeOp::AddReplace.into(), serial: 0, mapping });
    let request = admin::AuthorizeRequest {
        r#type: Some(change),
        store: synchronizer(psid),
        wait_to_become_effective: effective(),
        ..Default::default()
    };
    write.authorize(request).await.expect("it is listed");
    id
}

async fn onboarding_state(node: &Channel, id: &str) -> Result<Bytes, Status> {
    let request = Some(onboarding_state_v2_request::Request::SequencerUid(id.to_owned()));
    let mut service = SequencerAdministrationServiceClient::new(node.clone());
    let mut parts = service.onboarding_state_v2(OnboardingStateV2Request { request }).await?.into_inner();
    let mut state = Vec::new();
    while let Some(part) = parts.message().await? {
        state.extend_from_slice(&part.onboarding_state_for_sequencer);
    }
    Ok(state.into())
}

async fn initialize(node: &Channel, onboarding_state: Bytes) -> Result<(), Status> {
    let part = InitializeSequencerFromOnboardingStateV2Request { onboarding_state };
    let mut service = SequencerInitializationServiceClient::new(node.clone());
    service.initialize_sequencer_from_onboarding_state_v2(tokio_stream::iter([part])).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_was_not_there_at_the_founding_joins() {
    let mut operators = Operators::start();
    let psid = operators.found();
    operators.probe(0);
    let (first, new) = (connect(operators.admin(0)).await, connect(operators.admin(3)).await);
    let old = SequencerConnection::open(&operators.public(0), &ConnectOptions::default()).await.expect("it serves");
    let early = Arc::new(MemberIdentity::fresh_participant("early").expect("an identity"));
    old.onboard(&early, OnboardingLimits::default()).await.expect("registered");

    let own = identity(&new).await.0;
    let refused = onboarding_state(&first, &own).await.expect_err("it is not listed");
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
    list_sequencer(&first, &psid, &new).await;
    let state = onboarding_state(&first, &own).await.expect("a state");
    let other = connect(operators.admin(1)).await;
    let refused = initialize(&other, state.clone()).await.expect_err("it runs");
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    initialize(&new, state).await.expect("it joins");

    operators.probe(3);
    let late = SequencerConnection::open(&operators.public(3), &ConnectOptions::default()).await.expect("it serves");
    assert_eq!(late.psid(), &psid);
    let session = Session::new(late, early);
    let mut stream = session.subscribe(None, Vec::new()).await.expect("it logs in");
    let refused = stream.next().await.expect_err("events from before it joined are not served").to_string();
    assert!(refused.contains("cannot serve timestamps at or before"), "{refused}");

    // With the new one there are enough without one of the old ones.
    operators.sequencers.remove(2).kill();
    operators.probe(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_joins_what_one_sequencer_orders_alone() {
    let nodes = Nodes::start(1);
    let other = Nodes::start(0);
    nodes.bootstrap(&nodes.describe(""));
    let (running, new) = (connect(nodes.base + 1).await, connect(other.base + 1).await);
    let id = identity(&new).await.0;
    let refused = onboarding_state(&running, &id).await.expect_err("it orders alone");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("SEQUENCER_ONBOARDING_NOT_POSSIBLE(9,"), "{refused}");
    nodes.stop();
    other.stop();
}
