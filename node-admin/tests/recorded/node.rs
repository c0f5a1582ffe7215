//! Nodes behind administration ports: real stores and keys in a database of their own; and a sequencer that only founds.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use prost::Message;
use synod_machine::genesis;
use synod_node_admin::sequencer::{
    InitializationAdmin, InitializeRefused, OnboardingState, SequencerInitializer, SequencerStatusAdmin,
    SequencerStatusSource, SequencerStatusView,
};
use synod_node_admin::{
    AdminServer, IdentityAdmin, LogLevels, ManualIdentity, NodeLifecycle, NodeStage, StageReceiver, StatusAdmin,
    StopNode, SynchronizerTopology, SynchronizerView, TopologyBroadcaster, TopologyOutbox, TopologyReadAdmin,
    TopologyStores, TopologyStoresParts, TopologyWriteAdmin, UnknownLogLevel, Vault, VaultAdmin,
};
use synod_ordering::SystemClock;
use synod_proto::protocol::v30::StaticSynchronizerParameters;
use synod_store::{Store, StoreConfig};
use synod_topology::{TopologyChanges, TopologyRow};
use synod_types::MemberKind;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::async_trait;
use tonic::service::Routes;
use tonic::transport::Channel;

use super::synchronizer::FakeSynchronizer;

/// The node behind the services.
#[derive(Debug)]
pub(crate) struct FakeNode {
    lifecycle: NodeLifecycle,
    pub(crate) genesis: Mutex<Vec<(Bytes, StaticSynchronizerParameters)>>,
    pub(crate) onboarding: Mutex<Vec<OnboardingState>>,
    pub(crate) levels: Mutex<Vec<String>>,
    pub(crate) status: Mutex<Option<SequencerStatusView>>,
    pub(crate) refuse: Mutex<Option<InitializeRefused>>,
    /// Whether a genesis is taken up.
    founds: bool,
    pub(crate) synchronizer: Arc<FakeSynchronizer>,
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
        self.synchronizer.found(checkpoint).await;
        self.lifecycle.running();
        Ok(())
    }

    async fn initialize_from_onboarding(&self, state: OnboardingState) -> Result<(), InitializeRefused> {
        self.onboarding.lock().expect("no panic").push(state);
        match self.refuse.lock().expect("no panic").take() {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }
}

impl SynchronizerTopology for FakeNode {
    fn current(&self) -> Option<SynchronizerView> {
        self.synchronizer.current()
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
    pub(crate) outbox: TopologyOutbox,
    pub(crate) channel: Channel,
    pub(crate) base: Base,
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
    let mut base = Base::open(MemberKind::Sequencer, begin.stage, begin.authorized).await;
    let synchronizer = Arc::new(FakeSynchronizer::new(base.store.clone()));
    base.broadcaster = Some(Arc::clone(&synchronizer) as _);
    let node = Arc::new(FakeNode {
        lifecycle: base.lifecycle.clone(),
        genesis: Mutex::default(),
        onboarding: Mutex::default(),
        levels: Mutex::default(),
        status: Mutex::default(),
        refuse: Mutex::default(),
        founds: begin.founds,
        synchronizer,
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
    let (lifecycle, vault, outbox) = (base.lifecycle.clone(), base.vault.clone(), base.outbox.clone());
    Port { node, lifecycle, vault, outbox, channel, base }
}

/// What nodes of both kinds are made of.
pub(crate) struct Base {
    pub(crate) store: Store,
    pub(crate) lifecycle: NodeLifecycle,
    pub(crate) stage: StageReceiver,
    pub(crate) vault: Vault,
    pub(crate) outbox: TopologyOutbox,
    pub(crate) stop: StopNode,
    /// Changes of the synchronizer are sent to it; nowhere when there is none.
    pub(crate) broadcaster: Option<Arc<dyn TopologyBroadcaster>>,
    /// Faults that would stop the node.
    pub(crate) faults: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
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
        let faults = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&faults);
        let stop = StopNode::new(move |fault| told.lock().expect("no panic").push(fault.to_string()));
        let vault = Vault::of_node(store.clone(), stop.clone());
        let outbox = TopologyOutbox::default();
        Self { store, lifecycle, stage, vault, outbox, stop, broadcaster: None, faults, _folder: folder }
    }

    /// The stores of a node with this database.
    pub(crate) async fn stores(
        &self,
        synchronizer: Arc<dyn SynchronizerTopology>,
        outbox: TopologyOutbox,
    ) -> TopologyStores {
        let parts = TopologyStoresParts {
            store: self.store.clone(),
            clock: Arc::new(SystemClock),
            lifecycle: self.lifecycle.clone(),
            stage: self.stage.clone(),
            synchronizer,
            vault: self.vault.clone(),
            outbox,
            stop: self.stop.clone(),
        };
        TopologyStores::open(parts).await.expect("opens")
    }

    /// Serves what nodes of both kinds serve, and what is added.
    pub(crate) async fn serve(
        &self,
        manual: bool,
        synchronizer: Arc<dyn SynchronizerTopology>,
        add: impl FnOnce(Routes) -> Routes,
    ) -> Channel {
        let (store, lifecycle, stage) = (self.store.clone(), self.lifecycle.clone(), self.stage.clone());
        let stores = self.stores(synchronizer, self.outbox.clone()).await;
        if let Some(broadcaster) = &self.broadcaster {
            tokio::spawn(stores.clone().dispatch(Arc::clone(broadcaster)));
        }
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
