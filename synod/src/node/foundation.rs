//! What every node stands on: its store and the lease of it, its identity, health and metrics.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use synod_node_admin::access::AdminGuard;
use synod_node_admin::{
    AdminSecurity, GrpcHealthServer, IdentityAdmin, ManualIdentity, NodeLifecycle, NodeStage, StageReceiver, StopNode,
    SynchronizerTopology, TopologyBroadcaster, TopologyOutbox, TopologyStores, TopologyStoresParts, Vault, VaultAdmin,
};
use synod_ordering::Clock;
use synod_runtime::health::Role;
use synod_runtime::{Health, MetricsRegistry, Phase, Supervisor, TaskKind, health, metrics};
use synod_store::{Acquired, Lease, Store, StoreConfig, StoreFault};
use synod_types::{CantonTimestamp, MemberKind};
use tokio::net::TcpListener;

use super::StartError;
use super::identity::NodeIdentity;
use super::lease::{self, LEASE_MS, LEASE_RENEWAL, LeaseKeeper};
use super::security::AdminAccess;
use crate::config::{FeaturesConfig, IdentityType, InitConfig, MonitoringConfig, NodeName, StorageConfig};

/// What is said of a node before it starts.
pub(super) struct FoundationParts<'a> {
    pub(super) kind: MemberKind,
    pub(super) name: &'a NodeName,
    pub(super) init: &'a InitConfig,
    pub(super) storage: &'a StorageConfig,
    pub(super) monitoring: &'a MonitoringConfig,
    pub(super) features: FeaturesConfig,
    /// Names this process's place on its machine: a restarted one takes its own lease back at once.
    pub(super) place: SocketAddr,
    pub(super) supervisor: Supervisor,
    pub(super) clock: Arc<dyn Clock>,
}

/// What every node stands on.
#[derive(Debug)]
pub(super) struct Foundation {
    pub(super) supervisor: Supervisor,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) metrics: MetricsRegistry,
    pub(super) health: Health,
    pub(super) lifecycle: NodeLifecycle,
    pub(super) stage: StageReceiver,
    pub(super) vault: Vault,
    /// What waits to be brought to the synchronizer.
    pub(super) outbox: TopologyOutbox,
    stop: StopNode,
    identity: IdentityType,
    features: FeaturesConfig,
}

impl Foundation {
    /// Opens the store, waits until this process is its writer, and makes or reads the identity. Health and metrics are
    /// served from the beginning: a standby is watched too.
    pub(super) async fn open(parts: FoundationParts<'_>) -> Result<Self, StartError> {
        let FoundationParts { kind, name, init, storage, monitoring, features, place, supervisor, clock } = parts;
        let component = match kind {
            MemberKind::Mediator => "mediator",
            MemberKind::Participant | MemberKind::Sequencer => "sequencer",
        };
        let metrics = MetricsRegistry::new(&name.0, component, env!("CARGO_PKG_VERSION"))?;
        let health = Health::with_metrics(&metrics)?;
        serve_monitoring(kind, monitoring, &supervisor, &health, &metrics).await?;
        // A node that has its store is ready, part of a synchronizer or not: operators have to reach it. One that stands by
        // is not, nor is one whose database is away.
        let db_storage = health.component("db-storage", Role::CRITICAL);
        let store = Store::open(&store_config(storage)?).await?;
        let lease = acquire(&store, &holder(place)).await?;
        db_storage.ok();
        let identity = init.identity.r#type;
        let stage = first_stage(kind, identity, name, &store, clock.now()).await?;
        let stop = {
            let supervisor = supervisor.clone();
            StopNode::new(move |fault| stop_with(&supervisor, fault))
        };
        let (lifecycle, stage) = NodeLifecycle::new(kind, stage);
        let stage = stage.stopping_by(stop.clone());
        let vault = Vault::of_node(store.clone(), stop.clone());
        let outbox = TopologyOutbox::default();
        let foundation = Self {
            supervisor,
            clock,
            store,
            lease,
            metrics,
            health,
            lifecycle,
            stage,
            vault,
            outbox,
            stop,
            identity,
            features,
        };
        let keeper = LeaseKeeper {
            store: foundation.store.clone(),
            lease: foundation.lease.clone(),
            health: db_storage,
            failed_to_fatal_delay: Duration::from_millis(storage.failed_to_fatal_delay_ms),
            failures: lease::failures(&foundation.metrics)?,
        };
        foundation.supervisor.spawn("lease", TaskKind::essential(Phase::Store), |stop| keeper.run(stop));
        Ok(foundation)
    }

    /// The topology stores of the node, with that of its synchronizer.
    pub(super) async fn topology_stores(
        &self,
        synchronizer: Arc<dyn SynchronizerTopology>,
    ) -> Result<TopologyStores, StartError> {
        let parts = TopologyStoresParts {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            lifecycle: self.lifecycle.clone(),
            stage: self.stage.clone(),
            synchronizer,
            vault: self.vault.clone(),
            outbox: self.outbox.clone(),
            stop: self.stop.clone(),
        };
        Ok(TopologyStores::open(parts).await?)
    }

    /// What is asked of those who reach the administration port.
    pub(super) fn admin_security(&self, access: AdminAccess) -> Result<AdminSecurity, StartError> {
        let AdminAccess { tls, rules } = access;
        let guard = AdminGuard::new(rules, Arc::clone(&self.clock), &self.metrics)?;
        Ok(AdminSecurity { tls, guard: Some(guard) })
    }

    /// Brings topology to the synchronizer, from when the node runs.
    pub(super) fn dispatch(&self, stores: TopologyStores, broadcaster: Arc<dyn TopologyBroadcaster>) {
        self.supervisor.spawn("topology outbox", TaskKind::essential(Phase::Intake), |stop| async move {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                fault = stores.dispatch(broadcaster) => Err(fault),
            }
        });
    }

    /// Who tells and changes the keys of the node.
    pub(super) fn vault_admin(&self) -> VaultAdmin {
        VaultAdmin::new(self.vault.clone()).with_preview_commands(self.features.enable_preview_commands)
    }

    /// Who gives the node its identity.
    pub(super) fn identity_admin(&self, stores: &TopologyStores) -> IdentityAdmin {
        match self.identity {
            IdentityType::Auto => IdentityAdmin::auto(self.stage.clone()),
            IdentityType::Manual => {
                let (store, lifecycle) = (self.store.clone(), self.lifecycle.clone());
                IdentityAdmin::manual(self.stage.clone(), ManualIdentity { store, lifecycle, stores: stores.clone() })
            }
        }
    }

    /// Stops the node with a fault.
    pub(super) fn stop_with(&self, fault: Box<dyn Error + Send + Sync>) {
        stop_with(&self.supervisor, fault);
    }
}

fn stop_with(supervisor: &Supervisor, fault: Box<dyn Error + Send + Sync>) {
    supervisor.spawn("administration", TaskKind::finite(Phase::Intake), |_| async move { Err(fault) });
}

/// The stage that a node starts in; with an automatic identity it has made it then.
async fn first_stage(
    kind: MemberKind,
    identity: IdentityType,
    name: &NodeName,
    store: &Store,
    now: CantonTimestamp,
) -> Result<NodeStage, StartError> {
    match identity {
        IdentityType::Auto => {
            let identity = NodeIdentity::open(store, kind, &name.0, now).await?;
            Ok(NodeStage::NoSynchronizer { uid: identity.identity.member().uid().clone() })
        }
        IdentityType::Manual => {
            let uid = store.node_identity().await?;
            Ok(uid.map_or(NodeStage::NoIdentity, |uid| NodeStage::NoTopology { uid }))
        }
    }
}

async fn serve_monitoring(
    kind: MemberKind,
    monitoring: &MonitoringConfig,
    supervisor: &Supervisor,
    health: &Health,
    metrics: &MetricsRegistry,
) -> Result<(), StartError> {
    if let Some(port) = monitoring.grpc_health_port {
        let listener = listen("gRPC health", monitoring.address, port).await?;
        let server = GrpcHealthServer::new(kind, health.clone());
        supervisor.spawn("gRPC health", TaskKind::essential(Phase::Store), |stop| {
            server.serve(listener, stop.cancelled_owned())
        });
    }
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

/// Takes a port.
pub(super) async fn listen(what: &'static str, address: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(address, port);
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, source })
}

/// Where a listener listens.
pub(super) fn place_of(listener: &TcpListener) -> SocketAddr {
    // A listener that is bound has an address.
    listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

fn holder(place: SocketAddr) -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}/{place}", host.trim())
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
        failed_to_fatal_delay_ms: storage.failed_to_fatal_delay_ms,
        allow_unsafe_durability: storage.allow_unsafe_durability,
        key_file: storage.private_key_encryption_key_file.clone(),
        ..StoreConfig::new(storage.url.clone())
    })
}
