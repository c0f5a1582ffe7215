//! Nodes behind administration ports: real stores and keys in a database of their own; and a sequencer that only founds.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use prost::Message;
use synod_machine::{State, genesis};
use synod_node_admin::sequencer::{
    InitializationAdmin, InitializeRefused, SequencerInitializer, SequencerStatusAdmin, SequencerStatusSource,
    SequencerStatusView,
};
use synod_node_admin::{
    AdminServer, IdentityAdmin, LogLevels, ManualIdentity, NodeLifecycle, NodeStage, StageReceiver, StatusAdmin,
    StopNode, SynchronizerTopology, SynchronizerView, TopologyOutbox, TopologyReadAdmin, TopologyStores, TopologyStoresParts, TopologyWriteAdmin,
    UnknownLogLevel, Vault, VaultAdmin,
};
use synod_ordering::SystemClock;
use synod_proto::protocol::v30::StaticSynchronizerParameters;
use synod_store::{Acquired, Store, StoreConfig};
use synod_topology::{TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, MemberKind};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::async_trait;
use tonic::service::Routes;
use tonic::transport::Channel;

/// The node behind the services.
#[derive(Debug)]
pub(crate) struct FakeNode {
    store: Store,
    lifecycle: NodeLifecycle,
    pub(crate) genesis: Mutex<Vec<(Bytes, StaticSynchronizerParameters)>>,
    pub(crate) levels: Mutex<Vec<String>>,
    pub(crate) status: Mutex<Option<SequencerStatusView>>,
    pub(crate) refuse: Mutex<Option<InitializeRefused>>,
    /// Whether a genesis is taken up.
    founds: bool,
    view: Mutex<Option<SynchronizerView>>,
}

#[async_trait]
impl SequencerInitializer for FakeNode {
    async fn initialize_from_genesis(
        &self,
        snapshot: Bytes,
        parameters: StaticSynchronizerParameters,
    ) -> Result<(), InitializeRefused> {
        self.genesis.lock().expect("no panic").push((snapshot.clone(), parameters.clone()));
        if let Some(refused) = self.refuse.lock().expect("no panic").take() {
            return Err(refused);
        }
        if !self.founds {
            return Ok(());
        }
        let parameters = synod_wire::versioned::wrap(30, &parameters.encode_to_vec());
        let checkpoint =
            genesis(&parameters, &snapshot).map_err(|error| InitializeRefused::Invalid(error.to_string()))?;
        let Acquired::Lease(lease) = self.store.acquire_lease("test", 60_000).await.expect("a lease") else {
            panic!("nobody else has it")
        };
        self.store.initialize(&lease, &checkpoint).await.expect("an empty store");
        let topology = State::restore(checkpoint).expect("a sound genesis").topology().clone();
        let first = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let view = SynchronizerView { topology, as_of: first.immediate_successor(), sequenced_up_to: first };
        *self.view.lock().expect("no panic") = Some(view);
        self.lifecycle.running();
        Ok(())
    }
}

impl SynchronizerTopology for FakeNode {
    fn current(&self) -> Option<SynchronizerView> {
        self.view.lock().expect("no panic").clone()
    }
}

impl SequencerStatusSource for FakeNode {
    fn status(&self) -> Option<SequencerStatusView> {
        self.status.lock().expect("no panic").clone()
    }
}

impl LogLevels for FakeNode {
    fn set(&self, level: &str) -> Result<(), UnknownLogLevel> {
        if level == "LOUD" {
            return Err(UnknownLogLevel(level.to_owned()));
        }
        self.levels.lock().expect("no panic").push(level.to_owned());
        Ok(())
    }
}

/// A served port; it ends with the runtime of the test.
pub(crate) struct Port {
    pub(crate) node: Arc<FakeNode>,
    pub(crate) lifecycle: NodeLifecycle,
    pub(crate) vault: Vault,
    pub(crate) channel: Channel,
    _folder: TempDir,
}

/// How a node begins.
pub(crate) struct Begin {
    pub(crate) stage: NodeStage,
    pub(crate) authorized: Vec<TopologyRow>,
    /// Whether an operator gives the identity.
    pub(crate) manual: bool,
    pub(crate) founds: bool,
}

/// A node with an identity of its own that founds nothing.
pub(crate) async fn serve(stage: NodeStage, authorized: Vec<TopologyRow>) -> Port {
    begin(Begin { stage, authorized, manual: false, founds: false }).await
}

pub(crate) async fn begin(begin: Begin) -> Port {
    let base = Base::open(MemberKind::Sequencer, begin.stage, begin.authorized).await;
    let node = Arc::new(FakeNode {
        store: base.store.clone(),
        lifecycle: base.lifecycle.clone(),
        genesis: Mutex::default(),
        levels: Mutex::default(),
        status: Mutex::default(),
        refuse: Mutex::default(),
        founds: begin.founds,
        view: Mutex::default(),
    });
    let stage = base.stage.clone();
    let channel = base
        .serve(begin.manual, Arc::clone(&node) as _, |routes| {
            routes
                .add_service(StatusAdmin::new(Arc::clone(&node) as _).into_service())
                .add_service(SequencerStatusAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
                .add_service(InitializationAdmin::new(stage, Arc::clone(&node) as _).into_service())
        })
        .await;
    Port { node, lifecycle: base.lifecycle, vault: base.vault, channel, _folder: base.folder }
}

/// What nodes of both kinds are made of.
pub(crate) struct Base {
    pub(crate) store: Store,
    pub(crate) lifecycle: NodeLifecycle,
    pub(crate) stage: StageReceiver,
    pub(crate) vault: Vault,
    pub(crate) folder: TempDir,
}

impl Base {
    /// A new database with these rows in the authorized store.
    pub(crate) async fn open(kind: MemberKind, stage: NodeStage, authorized: Vec<TopologyRow>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("node.db").display());
        let store = Store::open(&StoreConfig::new(url)).await.expect("opens");
        let changes = TopologyChanges { inserted: authorized, ..TopologyChanges::default() };
        store.change_authorized(&changes).await.expect("writes");
        let (lifecycle, stage) = NodeLifecycle::new(kind, stage);
        let vault = Vault::new(store.clone());
        Self { store, lifecycle, stage, vault, folder }
    }

    /// Serves what nodes of both kinds serve, and what is added.
    pub(crate) async fn serve(
        &self,
        manual: bool,
        synchronizer: Arc<dyn SynchronizerTopology>,
        add: impl FnOnce(Routes) -> Routes,
    ) -> Channel {
        let (store, lifecycle, stage) = (self.store.clone(), self.lifecycle.clone(), self.stage.clone());
        let stores = TopologyStores::open(TopologyStoresParts {
            store: store.clone(),
            clock: Arc::new(SystemClock),
            lifecycle: lifecycle.clone(),
            stage: stage.clone(),
            synchronizer,
            vault: self.vault.clone(),
            outbox: TopologyOutbox::default(),
            stop: StopNode::never(),
        })
        .await
        .expect("opens");
        let identity = if manual {
            IdentityAdmin::manual(stage.clone(), ManualIdentity { store, lifecycle, stores: stores.clone() })
        } else {
            IdentityAdmin::auto(stage.clone())
        };
        let server = AdminServer::new().expect("descriptors").with(|routes| {
            add(routes
                .add_service(VaultAdmin::new(self.vault.clone()).into_service())
                .add_service(identity.into_service())
                .add_service(TopologyReadAdmin::new(stage.clone(), stores.clone()).into_service())
                .add_service(TopologyWriteAdmin::new(stage, stores).into_service()))
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(server.serve(listener, std::future::pending()));
        Channel::from_shared(url).expect("a URL").connect().await.expect("connects")
    }
}
