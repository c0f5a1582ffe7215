//! A sequencer node, from its configuration to a running sequencer.

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use synod_machine::{Checkpoint, Fault, Machine, State};
use synod_node_admin::sequencer::InitializeRefused;
use synod_node_admin::{
    AdminServerFault, AuthorizedStoreFault, IdentityAdmin, LogLevels, ManualIdentity, NodeLifecycle, NodeStage,
    StageReceiver, TopologyStores, TopologyStoresParts, Vault,
};
use synod_ordering::Clock;
use synod_pipeline::{BlockExecutor, Committer, EventLog};
use synod_proto::protocol::v30::StaticSynchronizerParameters as StaticParametersProto;
use synod_runtime::health::{self, Role};
use synod_runtime::{Health, MetricsRegistry, Phase, Supervisor, TaskKind, metrics};
use synod_sequencer_gateway::{
    Gateway, GatewayFault, GatewayMetrics, GatewayParts, GatewaySettings, PrivateKeys, TlsIdentity,
};
use synod_store::{Acquired, Lease, Store, StoreConfig, StoreError, StoreFault};
use synod_types::{CantonTimestamp, MemberKind, SequencerId};
use synod_wire::versioned;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::admin::{self, AdminParts};
use super::consortium::{Consortium, ConsortiumError};
use super::identity::{self, NodeIdentity, NodeIdentityError};
use super::initializer::Initializer;
use super::ordering::{self, Ordering, OrderingError, Pipeline};
use super::status::{NodeStatus, Running};
use crate::config::{IdentityType, MonitoringConfig, SequencerConfig, StorageConfig};

/// How long the lease lasts without being renewed.
const LEASE_MS: u32 = 10_000;
/// How often it is renewed, and how often a standby tries to get it.
const LEASE_RENEWAL: Duration = Duration::from_secs(3);
/// Newest events that are kept in memory.
const TAIL_BYTES: usize = 32 * 1024 * 1024;

/// The node cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    #[error("the database failed")]
    StoreFault(#[from] StoreFault),
    #[error("the password of the database cannot be read from {path}")]
    Password {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the identity of the node")]
    Identity(#[from] NodeIdentityError),
    #[error("the topology of the node")]
    Topology(#[from] AuthorizedStoreFault),
    #[error("cannot listen on {address} for the {what}")]
    Listen {
        what: &'static str,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the administration server")]
    Admin(#[from] AdminServerFault),
    #[error("the stored state cannot be used")]
    State(#[from] Fault),
    #[error("metrics")]
    Metrics(#[from] metrics::MetricsFault),
    #[error("this operator cannot take its place in the consortium")]
    Consortium(#[from] ConsortiumError),
    #[error("ordering cannot start")]
    Ordering(#[from] OrderingError),
    #[error("the public API")]
    Gateway(#[from] GatewayFault),
    #[error("the certificate or the key cannot be read from {path}")]
    Tls {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// A sequencer node.
#[derive(Debug)]
pub(crate) struct SequencerNode {
    config: SequencerConfig,
    supervisor: Supervisor,
    clock: Arc<dyn Clock>,
    store: Store,
    metrics: MetricsRegistry,
    health: Health,
    lifecycle: NodeLifecycle,
    status: Arc<NodeStatus>,
    /// What a synchronizer needs, taken when the node becomes part of one.
    start: Mutex<Option<StartParts>>,
}

#[derive(Debug)]
struct StartParts {
    lease: Lease,
    public: TcpListener,
    consortium: Option<Consortium>,
}

impl SequencerNode {
    /// Starts the node: opens the store, makes or reads the identity, serves the administration API, and, when it is
    /// part of a synchronizer, the sequencer.
    pub(crate) async fn start(
        config: SequencerConfig,
        supervisor: Supervisor,
        clock: Arc<dyn Clock>,
        levels: Arc<dyn LogLevels>,
    ) -> Result<Arc<Self>, StartError> {
        let public = listen("public API", config.public_api.address, config.public_api.port).await?;
        let admin = listen("admin API", config.admin_api.address, config.admin_api.port).await?;
        let consortium = match &config.cometbft {
            Some(cometbft) => Some(Consortium::open(cometbft).await?),
            None => None,
        };
        let metrics = MetricsRegistry::new(&config.name.0, "sequencer", env!("CARGO_PKG_VERSION"))?;
        let health = Health::with_metrics(&metrics)?;
        // A standby is watched too.
        serve_monitoring(&config.monitoring, &supervisor, &health, &metrics).await?;
        let store = Store::open(&store_config(&config.storage)?).await?;
        let lease = acquire(&store, &holder(&public)).await?;
        let stage = first_stage(&config, &store, clock.now()).await?;
        let (lifecycle, stages) = NodeLifecycle::new(MemberKind::Sequencer, stage);
        let status = Arc::new(NodeStatus {
            stage: stages.clone(),
            public_port: port_of(&public),
            admin_port: port_of(&admin),
            started: Instant::now(),
            health: health.clone(),
            running: OnceLock::new(),
        });
        let node = Arc::new(Self {
            config,
            supervisor,
            clock,
            store,
            metrics,
            health,
            lifecycle,
            status,
            start: Mutex::new(Some(StartParts { lease: lease.clone(), public, consortium })),
        });
        node.keep_lease(lease);
        let stores = TopologyStores::open(TopologyStoresParts {
            store: node.store.clone(),
            clock: Arc::clone(&node.clock),
            lifecycle: node.lifecycle.clone(),
            stage: stages.clone(),
            synchronizer: Arc::clone(&node.status) as _,
        })
        .await?;
        if let Some(checkpoint) = node.store.load_checkpoint().await? {
            node.run_sequencer(checkpoint).await?;
        }
        node.serve_admin(admin, stages, stores, levels)?;
        Ok(node)
    }

    fn serve_admin(
        self: &Arc<Self>,
        listener: TcpListener,
        stage: StageReceiver,
        stores: TopologyStores,
        levels: Arc<dyn LogLevels>,
    ) -> Result<(), StartError> {
        let identity = match self.config.init.identity.r#type {
            IdentityType::Auto => IdentityAdmin::auto(stage.clone()),
            IdentityType::Manual => {
                let (store, lifecycle) = (self.store.clone(), self.lifecycle.clone());
                IdentityAdmin::manual(stage.clone(), ManualIdentity { store, lifecycle, stores: stores.clone() })
            }
        };
        let server = admin::server(AdminParts {
            stage,
            identity,
            vault: Vault::new(self.store.clone()),
            stores,
            levels,
            status: Arc::clone(&self.status) as _,
            initializer: Arc::new(Initializer(Arc::clone(self))),
        })?;
        self.supervisor.spawn("admin API", TaskKind::essential(Phase::Intake), |stop| {
            server.serve(listener, stop.cancelled_owned())
        });
        Ok(())
    }

    /// Renews the lease until the end, then gives it back.
    fn keep_lease(&self, lease: Lease) {
        let store = self.store.clone();
        self.supervisor.spawn("lease", TaskKind::essential(Phase::Store), |stop| async move {
            while tokio::time::timeout(LEASE_RENEWAL, stop.cancelled()).await.is_err() {
                store.renew_lease(&lease).await?;
            }
            store.release_lease(lease).await
        });
    }

    /// Stores the beginning of a synchronizer and starts the sequencer from it.
    ///
    /// # Errors
    /// After [`InitializeRefused::Fault`] the node has to stop: the beginning may be stored.
    pub(super) async fn initialize(
        self: &Arc<Self>,
        genesis: &Bytes,
        parameters: &StaticParametersProto,
    ) -> Result<(), InitializeRefused> {
        let static_parameters = versioned::wrap(30, &parameters.encode_to_vec());
        let checkpoint = synod_machine::genesis(&static_parameters, genesis)
            .map_err(|error| InitializeRefused::Invalid(synod_runtime::Chain(&error).to_string()))?;
        let fault = |error: StartError| InitializeRefused::Fault(Box::new(error));
        let sequencer = self.sequencer_id().await.map_err(fault)?;
        let state = State::restore(checkpoint.clone()).map_err(|error| fault(error.into()))?;
        let group = state.topology().head_snapshot().sequencer_group();
        if !group.is_some_and(|group| group.active.iter().chain(&group.passive).any(|listed| *listed == sequencer)) {
            return Err(InitializeRefused::Invalid(format!("the genesis does not list {sequencer} as a sequencer")));
        }
        let lease = match self.start.lock().await.as_ref() {
            Some(parts) => parts.lease.clone(),
            None => return Err(InitializeRefused::WrongStage("the sequencer is initialized already".to_owned())),
        };
        match self.store.initialize(&lease, &checkpoint).await {
            Ok(()) => self.run_sequencer(checkpoint).await.map_err(fault),
            Err(StoreError::Refused(refused)) => Err(InitializeRefused::WrongStage(refused.to_string())),
            Err(error) => Err(fault(error.into())),
        }
    }

    /// This sequencer. It has an identity when it is asked for.
    async fn sequencer_id(&self) -> Result<SequencerId, StartError> {
        let uid = self.store.node_identity().await?;
        Ok(SequencerId::new(uid.ok_or(NodeIdentityError::NoIdentity)?))
    }

    /// Stops the node with a fault.
    pub(super) fn stop_with(&self, fault: Box<dyn Error + Send + Sync>) {
        self.supervisor.spawn("initialization", TaskKind::finite(Phase::Intake), |_| async move { Err(fault) });
    }

    /// Starts ordering, the pipeline and the public API from a stored state.
    async fn run_sequencer(self: &Arc<Self>, checkpoint: Checkpoint) -> Result<(), StartError> {
        let Some(StartParts { lease, public, consortium }) = self.start.lock().await.take() else { return Ok(()) };
        let sequencer = self.sequencer_id().await?;
        let keys = identity::protocol_keys(&self.store).await?;
        let (psid, height) = (checkpoint.psid.clone(), checkpoint.height);
        let state = State::restore(checkpoint)?;
        let events = Arc::new(EventLog::new(self.store.clone(), state.last_time(), TAIL_BYTES));
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let executor = BlockExecutor::new(Arc::new(Machine::new(threads)), state.clone());
        let committer = Committer::new(self.store.clone(), lease, Arc::clone(&events), height, state.clone());
        let pipeline = Pipeline { store: self.store.clone(), executor, committer, sequencer: sequencer.clone() };
        let Ordering { orderer, head, time } = match consortium {
            None => ordering::local(pipeline, Arc::clone(&self.clock), &self.supervisor),
            Some(consortium) => {
                let key = keys[0].clone();
                ordering::by_cometbft(pipeline, &consortium, key, &self.metrics, &self.supervisor).await?
            }
        };
        let gateway = Gateway::new(GatewayParts {
            sequencer,
            head: head.clone(),
            orderer,
            events,
            store: self.store.clone(),
            keys: PrivateKeys::new(keys),
            clock: Arc::clone(&self.clock),
            settings: GatewaySettings { sequencing_time: time, ..self.gateway_settings()? },
            metrics: GatewayMetrics::register(&self.metrics)?,
        })
        .await?;
        let component = self.health.component("sequencer", Role::CRITICAL);
        let handle = gateway.handle();
        self.supervisor.spawn("public API", TaskKind::essential(Phase::Intake), |stop| {
            gateway.serve(public, stop.cancelled_owned())
        });
        component.ok();
        // Set once: the parts above were taken.
        let _ = self.status.running.set(Arc::new(Running { psid, head, gateway: handle }));
        self.lifecycle.running();
        tracing::info!(height = ?height, "the sequencer is running");
        Ok(())
    }

    fn gateway_settings(&self) -> Result<GatewaySettings, StartError> {
        let public = &self.config.public_api;
        let tls = match &public.tls {
            Some(tls) => Some(TlsIdentity {
                certificate_chain_pem: read_pem(&tls.cert_chain_file)?,
                private_key_pem: read_pem(&tls.private_key_file)?,
            }),
            None => None,
        };
        Ok(GatewaySettings {
            node_name: self.config.name.0.clone(),
            tls,
            nonce_expiration: Duration::from_millis(public.nonce_expiration_interval_ms),
            token_expiration: Duration::from_millis(public.max_token_expiration_interval_ms),
            max_calls_per_connection: public.max_concurrent_calls_per_connection,
            override_max_request_size: public.override_max_request_size.map(|bytes| bytes as usize),
            ..GatewaySettings::default()
        })
    }
}

/// The stage that a node starts in; with an automatic identity it has made it then.
async fn first_stage(config: &SequencerConfig, store: &Store, now: CantonTimestamp) -> Result<NodeStage, StartError> {
    match config.init.identity.r#type {
        IdentityType::Auto => {
            let identity = NodeIdentity::open(store, MemberKind::Sequencer, &config.name.0, now).await?;
            Ok(NodeStage::NoSynchronizer { uid: identity.identity.member().uid().clone() })
        }
        IdentityType::Manual => {
            let uid = store.node_identity().await?;
            Ok(uid.map_or(NodeStage::NoIdentity, |uid| NodeStage::NoTopology { uid }))
        }
    }
}

async fn serve_monitoring(
    monitoring: &MonitoringConfig,
    supervisor: &Supervisor,
    health: &Health,
    metrics: &MetricsRegistry,
) -> Result<(), StartError> {
    if let Some(port) = monitoring.http_health_port {
        let listener = listen("HTTP health", monitoring.address, port).await?;
        let health = health.clone();
        supervisor
            .spawn("HTTP health", TaskKind::essential(Phase::Store), |stop| health::serve(listener, health, stop));
    }
    if let Some(port) = monitoring.metrics_port {
        let listener = listen("metrics", monitoring.address, port).await?;
        let registry = metrics.clone();
        supervisor.spawn("metrics", TaskKind::essential(Phase::Store), |stop| metrics::serve(listener, registry, stop));
    }
    Ok(())
}

fn read_pem(path: &std::path::Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Tls { path: path.display().to_string(), source })
}

async fn listen(what: &'static str, address: std::net::IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(address, port);
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, source })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// Names this process's place: a restarted one takes its own lease back at once, a standby elsewhere waits.
fn holder(public: &TcpListener) -> String {
    let address = public.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}/{address}", host.trim())
}

async fn acquire(store: &Store, holder: &str) -> Result<Lease, StoreFault> {
    let mut told = false;
    loop {
        match store.acquire_lease(holder, LEASE_MS).await? {
            Acquired::Lease(lease) => return Ok(lease),
            Acquired::Held { by, expires_in_ms } => {
                if !told {
                    tracing::warn!(by, "another process is the writer of this database: standing by");
                    told = true;
                }
                tokio::time::sleep(LEASE_RENEWAL.min(Duration::from_millis(expires_in_ms.max(50)))).await;
            }
        }
    }
}

fn store_config(storage: &StorageConfig) -> Result<StoreConfig, StartError> {
    let password = match &storage.password_file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|source| StartError::Password { path: path.display().to_string(), source })?
                .trim_end()
                .to_owned()
                .into(),
        ),
        None => None,
    };
    Ok(StoreConfig {
        password,
        schema: storage.schema.clone(),
        max_readers: storage.max_connections.saturating_sub(1).max(1),
        allow_unsafe_durability: storage.allow_unsafe_durability,
        key_file: storage.private_key_encryption_key_file.clone(),
        ..StoreConfig::new(storage.url.clone())
    })
}
