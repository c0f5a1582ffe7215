//! A sequencer node, from its configuration to a running sequencer.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use synod_client::KeyRing;
use synod_machine::{Checkpoint, Machine, State};
use synod_node_admin::sequencer::{InitializeRefused, OnboardingState};
use synod_node_admin::{AdminSecurity, LogLevels, TopologyStores};
use synod_ordering::Clock;
use synod_pipeline::{BlockExecutor, Committer, EventLog};
use synod_proto::protocol::v30::StaticSynchronizerParameters as StaticParametersProto;
use synod_runtime::health::Role;
use synod_runtime::tls::ServerTls;
use synod_runtime::{Phase, Supervisor, TaskKind};
use synod_sequencer_gateway::{Gateway, GatewayMetrics, GatewayParts, GatewaySettings, PrivateKeys};
use synod_store::StoreError;
use synod_types::{MemberKind, SequencerId};
use synod_wire::versioned;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard};

use super::StartError;
use super::admin::{self, AdminParts};
use super::broadcaster::SequencerBroadcaster;
use super::consortium::Consortium;
use super::foundation::{Foundation, FoundationParts, listen, place_of};
use super::identity::{self, NodeIdentityError};
use super::initializer::Initializer;
use super::keys::{MemberKeyRing, SequencerKeys};
use super::onboarding::{self, Onboarding};
use super::operations::Operations;
use super::ordering::{self, Ordering, Pipeline};
use super::security::{self, AdminAccess};
use super::status::{NodeStatus, Running};
use crate::config::SequencerConfig;

/// Newest events that are kept in memory.
const TAIL_BYTES: usize = 32 * 1024 * 1024;

/// A sequencer node.
#[derive(Debug)]
pub(crate) struct SequencerNode {
    config: SequencerConfig,
    public_tls: Option<ServerTls>,
    foundation: Foundation,
    status: Arc<NodeStatus>,
    stores: TopologyStores,
    /// What a synchronizer needs, taken when the node becomes part of one.
    start: Mutex<Option<StartParts>>,
    /// Held by whoever makes the node part of a synchronizer.
    initializing: Mutex<()>,
}

#[derive(Debug)]
struct StartParts {
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
        let access = AdminAccess::load(&config.admin_api)?;
        let public_tls = security::public_tls(config.public_api.tls.as_ref())?;
        let public = listen("public API", config.public_api.address, config.public_api.port).await?;
        let admin = listen("admin API", config.admin_api.address, config.admin_api.port).await?;
        let consortium = match &config.cometbft {
            Some(cometbft) => Some(Consortium::open(cometbft).await?),
            None => None,
        };
        let foundation = Foundation::open(FoundationParts {
            kind: MemberKind::Sequencer,
            name: &config.name,
            init: &config.init,
            storage: &config.storage,
            monitoring: &config.monitoring,
            features: config.features,
            place: place_of(&public),
            supervisor,
            clock,
        })
        .await?;
        let status = Arc::new(NodeStatus {
            stage: foundation.stage.clone(),
            public_port: place_of(&public).port(),
            admin_port: place_of(&admin).port(),
            started: Instant::now(),
            health: foundation.health.clone(),
            outbox: foundation.outbox.clone(),
            running: OnceLock::new(),
        });
        let stores = foundation.topology_stores(Arc::clone(&status) as _).await?;
        let start = Mutex::new(Some(StartParts { public, consortium }));
        let security = foundation.admin_security(access)?;
        let node =
            Arc::new(Self { config, public_tls, foundation, status, stores, start, initializing: Mutex::default() });
        if let Some(checkpoint) = node.foundation.store.load_checkpoint().await? {
            // Who joins follows all blocks first, which may take long.
            match Onboarding::stored(&node.foundation.store).await? {
                Some(_) => node.run_aside(checkpoint),
                None => node.run_sequencer(checkpoint).await?,
            }
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
        let server = admin::sequencer(AdminParts {
            foundation: &self.foundation,
            stores: self.stores.clone(),
            levels,
            status: Arc::clone(&self.status) as _,
            initializer: Arc::new(Initializer(Arc::clone(self))),
            operations: Arc::new(Operations::new(
                Arc::clone(&self.status),
                self.foundation.store.clone(),
                Arc::clone(&self.foundation.clock),
            )),
        })?
        .secured(security);
        self.foundation.supervisor.spawn("admin API", TaskKind::essential(Phase::Intake), |stop| {
            server.serve(listener, stop.cancelled_owned())
        });
        Ok(())
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
        let _turn = self.turn()?;
        self.check_waits().await?;
        Onboarding::forget(&self.foundation.store).await.map_err(|error| fault(error.into()))?;
        self.begin(checkpoint).await
    }

    /// Stores the beginning of a synchronizer that runs, and follows its blocks up to what the state says (ADR 008).
    ///
    /// # Errors
    /// As [`Self::initialize`].
    pub(super) async fn join(self: &Arc<Self>, state: &OnboardingState) -> Result<(), InitializeRefused> {
        let fault = |error: StartError| InitializeRefused::Fault(Box::new(error));
        let sequencer = self.sequencer_id().await.map_err(fault)?;
        if self.config.cometbft.is_none() {
            let text = "a sequencer that orders by itself cannot join a synchronizer: this needs [cometbft]";
            return Err(InitializeRefused::Invalid(text.to_owned()));
        }
        let goal = Onboarding::of(state, &sequencer)?;
        let checkpoint = onboarding::beginning(state)?;
        let _turn = self.turn()?;
        self.check_waits().await?;
        if let Some(StartParts { consortium: Some(consortium), .. }) = &*self.start.lock().await {
            let own = consortium.chain_of(&checkpoint.app_hash);
            if own.as_str() != goal.chain {
                let (own, other) = (own.as_str(), &goal.chain);
                let text =
                    format!("with this operators' file the chain is {own}, and the onboarding state is of {other}");
                return Err(InitializeRefused::Invalid(text));
            }
        }
        goal.keep(&self.foundation.store).await.map_err(|error| fault(error.into()))?;
        self.begin(checkpoint).await
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, InitializeRefused> {
        let taken = |_| InitializeRefused::WrongStage("the sequencer is being initialized".to_owned());
        self.initializing.try_lock().map_err(taken)
    }

    async fn check_waits(&self) -> Result<(), InitializeRefused> {
        match &*self.start.lock().await {
            Some(_) => Ok(()),
            None => Err(InitializeRefused::WrongStage("the sequencer is initialized already".to_owned())),
        }
    }

    async fn begin(self: &Arc<Self>, checkpoint: Checkpoint) -> Result<(), InitializeRefused> {
        let fault = |error: StartError| InitializeRefused::Fault(Box::new(error));
        match self.foundation.store.initialize(&self.foundation.lease, &checkpoint).await {
            Ok(()) => self.run_sequencer(checkpoint).await.map_err(fault),
            Err(StoreError::Refused(refused)) => Err(InitializeRefused::WrongStage(refused.to_string())),
            Err(error) => Err(fault(error.into())),
        }
    }

    /// Runs the sequencer while the administration API is served already.
    fn run_aside(self: &Arc<Self>, checkpoint: Checkpoint) {
        let node = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = node.run_sequencer(checkpoint).await {
                node.stop_with(Box::new(error));
            }
        });
    }

    /// This sequencer. It has an identity when it is asked for.
    async fn sequencer_id(&self) -> Result<SequencerId, StartError> {
        let uid = self.foundation.store.node_identity().await?;
        Ok(SequencerId::new(uid.ok_or(NodeIdentityError::NoIdentity)?))
    }

    /// Stops the node with a fault.
    pub(super) fn stop_with(&self, fault: Box<dyn Error + Send + Sync>) {
        self.foundation.stop_with(fault);
    }

    /// Starts ordering, the pipeline and the public API from a stored state.
    async fn run_sequencer(self: &Arc<Self>, checkpoint: Checkpoint) -> Result<(), StartError> {
        let Some(StartParts { public, consortium }) = self.start.lock().await.take() else { return Ok(()) };
        let Foundation { supervisor, clock, store, lease, metrics, health, lifecycle, .. } = &self.foundation;
        let sequencer = self.sequencer_id().await?;
        identity::check_protocol_key(store).await?;
        let private_keys = PrivateKeys::default();
        let observer = Arc::new(SequencerKeys(private_keys.clone()));
        self.foundation.vault.observe(observer).await.map_err(NodeIdentityError::from)?;
        let (psid, height) = (checkpoint.psid.clone(), checkpoint.height);
        let state = State::restore(checkpoint)?;
        let events = Arc::new(EventLog::new(store.clone(), state.last_time(), TAIL_BYTES));
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let executor = BlockExecutor::new(Arc::new(Machine::new(threads)), state.clone());
        let committer = Committer::new(store.clone(), lease.clone(), Arc::clone(&events), height, state.clone());
        let pipeline = Pipeline { store: store.clone(), executor, committer, sequencer: sequencer.clone() };
        let Ordering { orderer, head, time, chain } = match consortium {
            None => ordering::local(pipeline, Arc::clone(clock), supervisor),
            Some(consortium) => {
                let keys = KeyRing::default();
                let observer = Arc::new(MemberKeyRing(keys.clone()));
                self.foundation.vault.observe(observer).await.map_err(NodeIdentityError::from)?;
                ordering::by_cometbft(pipeline, &consortium, keys, metrics, supervisor).await?
            }
        };
        if let Some(goal) = Onboarding::stored(store).await? {
            goal.follow(head.clone(), store).await?;
        }
        let gateway = Gateway::new(GatewayParts {
            sequencer,
            head: head.clone(),
            orderer,
            events,
            store: store.clone(),
            keys: private_keys,
            clock: Arc::clone(clock),
            settings: GatewaySettings { sequencing_time: time, ..self.gateway_settings() },
            metrics: GatewayMetrics::register(metrics)?,
        })
        .await?;
        let component = health.component("sequencer", Role::CRITICAL);
        let handle = gateway.handle();
        supervisor.spawn("public API", TaskKind::essential(Phase::Intake), |stop| {
            gateway.serve(public, stop.cancelled_owned())
        });
        component.ok();
        let broadcaster = SequencerBroadcaster { gateway: handle.clone(), head: head.clone() };
        // Set once: the parts above were taken.
        let _ = self.status.running.set(Arc::new(Running { psid, head, gateway: handle, chain }));
        self.foundation.dispatch(self.stores.clone(), Arc::new(broadcaster));
        lifecycle.running();
        tracing::info!(height = ?height, "the sequencer is running");
        Ok(())
    }

    fn gateway_settings(&self) -> GatewaySettings {
        let public = &self.config.public_api;
        GatewaySettings {
            node_name: self.config.name.0.clone(),
            tls: self.public_tls.clone(),
            nonce_expiration: Duration::from_millis(public.nonce_expiration_interval_ms),
            token_expiration: Duration::from_millis(public.max_token_expiration_interval_ms),
            max_calls_per_connection: public.max_concurrent_calls_per_connection,
            override_max_request_size: public.override_max_request_size.map(|bytes| bytes as usize),
            ..GatewaySettings::default()
        }
    }
}
