//! A mediator node, from its configuration to a running mediator.

mod broadcaster;
mod connections;
mod initializer;
mod pruning;
mod sequencers;
mod status;
mod time;
mod told;
mod verdicts;
mod watch;

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prost::Message;
use synod_client::{
    ClientError, ClientIdentity, MemberSigner, MemberTopology, PoolConfig, SequencerPool, TopologyError,
};
use synod_mediator::node::{Mediator, MediatorFault, MediatorMetrics, MediatorParts, MediatorSettings, Resume};
use synod_mediator::store::{MediatorState, MediatorStore};
use synod_node_admin::{AdminSecurity, LogLevels, TopologyStores};
use synod_ordering::Clock;
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_runtime::health::{Component, Role};
use synod_runtime::metrics::MetricsFault;
use synod_runtime::{Chain, Phase, Supervisor, TaskKind};
use synod_store::{StoreError, StoreFault};
use synod_topology::{LoadFault, TopologyState};
use synod_types::{MediatorId, Member, MemberKind, PhysicalSynchronizerId};
use synod_wire::versioned;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::admin::{self, MediatorAdminParts};
use super::foundation::{Foundation, FoundationParts, listen, place_of};
use super::identity::{self, NodeIdentityError};
use super::keys::MemberKeyRing;
use super::security::{self, AdminAccess};
use crate::config::MediatorConfig;
use broadcaster::MediatorBroadcaster;
use initializer::Initializer;
use pruning::Pruning;
use sequencers::StoredConnectionsFault;
use status::{MediatorStatus, Running};
use time::ObservedTime;
use watch::{SequencerWatch, SequencersLost};

/// Pause between two attempts to download the topology.
const DOWNLOAD_PAUSE: Duration = Duration::from_millis(200);

/// The mediator cannot run.
#[derive(Debug, Error)]
pub(crate) enum MediatorNodeFault {
    #[error("the state of the mediator cannot be read or written")]
    Store(#[from] StoreFault),
    #[error("the state of the mediator cannot be read or written")]
    Open(#[from] StoreError),
    #[error("the identity of the mediator")]
    Identity(#[from] NodeIdentityError),
    #[error("the stored connections to sequencers cannot be read")]
    Connections(#[from] StoredConnectionsFault),
    #[error("the sequencers")]
    Sequencers(#[from] ClientError),
    #[error("the topology of the synchronizer")]
    Topology(#[from] TopologyError),
    #[error("the stored topology cannot be used")]
    Load(#[from] LoadFault),
    #[error("metrics")]
    Metrics(#[from] MetricsFault),
    #[error("the mediator")]
    Mediator(#[from] MediatorFault),
    #[error("the sequencers")]
    SequencersLost(#[from] SequencersLost),
    #[error("too few sequencers agree on the parameters of the synchronizer")]
    NotReady,
    #[error("the mediator has no configuration")]
    NotInitialized,
}

/// A mediator node.
#[derive(Debug)]
pub(crate) struct MediatorNode {
    foundation: Foundation,
    store: MediatorStore,
    status: Arc<MediatorStatus>,
    stores: TopologyStores,
    metrics: MediatorMetrics,
    health: Component,
    /// After how long without enough sequencers it ends.
    failed_to_fatal_delay: Duration,
    /// What it shows to sequencers that ask for a certificate.
    identity: Option<ClientIdentity>,
}

impl MediatorNode {
    /// Starts the node: opens the store, makes or reads the identity, serves the administration API, and, when it is part
    /// of a synchronizer, the mediator, as soon as enough sequencers are there.
    pub(crate) async fn start(
        config: MediatorConfig,
        supervisor: Supervisor,
        clock: Arc<dyn Clock>,
        levels: Arc<dyn LogLevels>,
    ) -> Result<Arc<Self>, StartError> {
        let access = AdminAccess::load(&config.admin_api)?;
        let identity = security::client_identity(config.sequencer_client.client_cert.as_ref())?;
        let admin = listen("admin API", config.admin_api.address, config.admin_api.port).await?;
        let foundation = Foundation::open(FoundationParts {
            kind: MemberKind::Mediator,
            name: &config.name,
            init: &config.init,
            storage: &config.storage,
            monitoring: &config.monitoring,
            features: config.features,
            place: place_of(&admin),
            supervisor,
            clock,
        })
        .await?;
        let store = MediatorStore::open(&foundation.store).await?;
        let status = Arc::new(MediatorStatus {
            stage: foundation.stage.clone(),
            admin_port: place_of(&admin).port(),
            started: Instant::now(),
            health: foundation.health.clone(),
            outbox: foundation.outbox.clone(),
            running: OnceLock::new(),
        });
        let metrics = MediatorMetrics::register(&foundation.metrics)?;
        // It does not count for readiness until the node is a mediator: whoever initializes it has to reach it.
        let sequencer_client = Role { readiness: false, liveness: true };
        let health = foundation.health.component("sequencer-client", sequencer_client);
        let stores = foundation.topology_stores(Arc::clone(&status) as _).await?;
        let security = foundation.admin_security(access)?;
        let failed_to_fatal_delay = Duration::from_millis(config.sequencer_client.failed_to_fatal_delay_ms);
        let node =
            Arc::new(Self { foundation, store, status, stores, metrics, health, failed_to_fatal_delay, identity });
        if node.store.configuration().await?.is_some() {
            node.run_aside();
        }
        node.serve_admin(admin, security, levels)?;
        Ok(node)
    }

    fn serve_admin(
        self: &Arc<Self>,
        listener: TcpListener,
        security: AdminSecurity,
        levels: Arc<dyn LogLevels>,
    ) -> Result<(), StartError> {
        let Foundation { lease, clock, .. } = &self.foundation;
        let (lease, clock, status) = (lease.clone(), Arc::clone(clock), Arc::clone(&self.status));
        let pruning = Arc::new(Pruning::new(self.store.clone(), lease, Arc::clone(&clock), Arc::clone(&status)));
        let schedule = Arc::clone(&pruning);
        self.foundation.supervisor.spawn("pruning", TaskKind::essential(Phase::Intake), |stop| schedule.run(stop));
        let server = admin::mediator(MediatorAdminParts {
            foundation: &self.foundation,
            stores: self.stores.clone(),
            levels,
            status: Arc::clone(&self.status) as _,
            initializer: Arc::new(Initializer::new(Arc::clone(self))),
            connections: Arc::new(connections::Connections::new(Arc::clone(self))),
            verdicts: Arc::new(verdicts::Verdicts::new(self.store.clone(), Arc::clone(&self.status))),
            pruning,
            time: Arc::new(ObservedTime { status, clock }),
        })?
        .secured(security);
        self.foundation.supervisor.spawn("admin API", TaskKind::essential(Phase::Intake), |stop| {
            server.serve(listener, stop.cancelled_owned())
        });
        Ok(())
    }

    /// Makes the node the mediator of a synchronizer. Returns when it runs.
    async fn initialize(
        self: &Arc<Self>,
        psid: &PhysicalSynchronizerId,
        pool: SequencerPool,
        connections: &SequencerConnections,
        topology: Vec<Item>,
    ) -> Result<(), MediatorNodeFault> {
        let parameters = pool.static_parameters().ok_or(MediatorNodeFault::NotReady)?;
        let parameters = versioned::wrap(30, &parameters.to_proto().encode_to_vec());
        let stored = sequencers::to_bytes(connections);
        self.store.initialize(&self.foundation.lease, psid, &parameters, &stored).await?;
        let mediator = self.prepare(pool, Some(topology)).await?;
        self.foundation
            .supervisor
            .spawn("mediator", TaskKind::essential(Phase::Block), |stop: CancellationToken| mediator.run(stop));
        Ok(())
    }

    /// After a restart: waits for the sequencers in a task of its own, so that the node can be administered meanwhile.
    fn run_aside(self: &Arc<Self>) {
        let node = Arc::clone(self);
        self.foundation.supervisor.spawn("mediator", TaskKind::essential(Phase::Block), |stop| async move {
            let prepared = async {
                let configuration = node.store.configuration().await?.ok_or(MediatorNodeFault::NotInitialized)?;
                let config = sequencers::pool_config(&configuration.sequencer_connections)?;
                let pool = node.pool(config, configuration.psid).await?;
                node.sequencer_watch().wait(&pool).await?;
                node.prepare(pool, None).await
            };
            let mediator = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                prepared = prepared => prepared?,
            };
            Ok::<_, MediatorNodeFault>(mediator.run(stop).await?)
        });
    }

    /// The mediator, from its stored state, ready to run. The topology to begin with may be there already.
    async fn prepare(&self, pool: SequencerPool, topology: Option<Vec<Item>>) -> Result<Mediator, MediatorNodeFault> {
        let Foundation { lease, lifecycle, clock, .. } = &self.foundation;
        let member = pool.member().clone();
        let keys = Arc::new(MemberKeyRing(pool.signer().keys().clone()));
        self.foundation.vault.observe(keys).await.map_err(NodeIdentityError::from)?;
        let mut state = self.store.load(lease).await?.ok_or(MediatorNodeFault::NotInitialized)?;
        let psid = state.configuration.psid.clone();
        let topology = self.topology(&pool, &mut state, &member, topology).await?;
        let resume = Resume {
            topology: topology.state().clone(),
            head: state.head,
            clean: state.prehead,
            deduplication: state.deduplication,
            submissions: state.submissions,
        };
        let mediator = Mediator::new(MediatorParts {
            psid: psid.clone(),
            mediator: MediatorId::new(member.uid().clone()),
            store: self.store.clone(),
            lease: lease.clone(),
            events: Box::new(pool.subscribe(state.prehead, topology)?),
            link: Arc::new(pool.clone()),
            resume,
            signer: pool.signer().clone(),
            clock: Arc::clone(clock),
            settings: MediatorSettings::default(),
            metrics: self.metrics.clone(),
        });
        let (watch, watched) = (self.sequencer_watch(), pool.clone());
        watch.health.ok();
        self.foundation
            .supervisor
            .spawn("sequencers", TaskKind::essential(Phase::Block), |stop| watch.run(watched, stop));
        // Set once: a node becomes part of one synchronizer.
        let _ = self.status.running.set(Running { psid, head: mediator.head(), clean: mediator.clean(), pool });
        let (status, clock) = (Arc::clone(&self.status), Arc::clone(clock));
        self.foundation.dispatch(self.stores.clone(), Arc::new(MediatorBroadcaster { status, clock }));
        lifecycle.running();
        tracing::info!("the mediator is running");
        Ok(mediator)
    }

    /// The topology up to the last stored event; downloaded and stored when there was none.
    async fn topology(
        &self,
        pool: &SequencerPool,
        state: &mut MediatorState,
        member: &Member,
        downloaded: Option<Vec<Item>>,
    ) -> Result<MemberTopology, MediatorNodeFault> {
        let parameters = pool.static_parameters().ok_or(MediatorNodeFault::NotReady)?;
        let psid = state.configuration.psid.clone();
        if !state.configuration.is_topology_initialized {
            let items = match downloaded {
                Some(items) => items,
                None => initial_topology(pool).await?,
            };
            let (topology, rows) = MemberTopology::start_with_rows(psid, &parameters, member, items)?;
            self.store.store_initial_topology(&self.foundation.lease, &rows).await?;
            return Ok(topology);
        }
        let mut loaded = TopologyState::new(psid, &parameters);
        loaded.load(std::mem::take(&mut state.topology))?;
        Ok(MemberTopology::resume(loaded, member, state.head)?)
    }

    /// Whether enough sequencers are there counts from when the node is a mediator.
    fn sequencer_watch(&self) -> SequencerWatch {
        let health = self.health.counting(Role::CRITICAL);
        SequencerWatch { health, failed_to_fatal_delay: self.failed_to_fatal_delay }
    }

    /// Connections to the sequencers of a synchronizer.
    async fn pool(&self, config: PoolConfig, psid: PhysicalSynchronizerId) -> Result<SequencerPool, NodeIdentityError> {
        let signer = self.signer().await?;
        Ok(SequencerPool::start_with(config, Some(psid), signer, self.identity.clone()))
    }

    /// The mediator with all keys of the node.
    async fn signer(&self) -> Result<MemberSigner, NodeIdentityError> {
        identity::signer(&self.foundation.store, MemberKind::Mediator).await
    }

    /// Stops the node with a fault.
    fn stop_with(&self, fault: Box<dyn Error + Send + Sync>) {
        self.foundation.stop_with(fault);
    }
}

/// The topology to begin with. Until all sequencers know the mediator they may disagree.
async fn initial_topology(pool: &SequencerPool) -> Result<Vec<Item>, ClientError> {
    loop {
        match pool.initial_topology().await {
            Err(error) if !matches!(error, ClientError::Topology(_) | ClientError::Closed) => {
                tracing::info!(error = %Chain(&error), "the topology cannot be downloaded yet; trying again");
                tokio::time::sleep(DOWNLOAD_PAUSE).await;
            }
            done => return done,
        }
    }
}
