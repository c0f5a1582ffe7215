//! A sequencer node in this process.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use synod_machine::{Machine, State, genesis};
use synod_ordering::{BlockLimits, Clock, IntakeLimits, LocalOrdering, SystemClock};
use synod_pipeline::{BlockExecutor, Committer, EventLog, HeadReceiver};
use synod_runtime::MetricsRegistry;
use synod_sequencer_gateway::{Gateway, GatewayHandle, GatewayMetrics, GatewayParts, GatewaySettings, PrivateKeys};
use synod_store::{Acquired, Store, StoreConfig};
use synod_testkit::requests::{Network, TestMember, genesis_state};
use synod_topology::{DynamicSynchronizerParameters, StaticSynchronizerParameters};
use synod_types::{CantonTimestamp, MemberKind, ProtocolVersion, SequencerId};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Bytes of events that are kept in memory: few, so that tests read from the store too.
const TAIL_BYTES: usize = 4096;

/// What a node begins with.
pub(crate) struct Start {
    pub(crate) parameters: DynamicSynchronizerParameters,
    pub(crate) settings: GatewaySettings,
    pub(crate) participants: Vec<TestMember>,
}

impl Default for Start {
    fn default() -> Self {
        let settings = GatewaySettings { node_name: "sequencer1".to_owned(), ..GatewaySettings::default() };
        Self { parameters: DynamicSynchronizerParameters::default(), settings, participants: vec![alice(), bob()] }
    }
}

/// The clock of the machine, as much ahead as it is told to be.
#[derive(Debug, Default)]
pub(crate) struct ShiftedClock {
    ahead_micros: AtomicI64,
}

impl ShiftedClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_micros.fetch_add(i64::try_from(by.as_micros()).expect("not long"), Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> CantonTimestamp {
        SystemClock.now().saturating_add_micros(self.ahead_micros.load(Ordering::SeqCst))
    }
}

/// A running node with one sequencer, one mediator and some participants.
pub(crate) struct Node {
    pub(crate) network: Network,
    pub(crate) sequencer: TestMember,
    pub(crate) mediator: TestMember,
    pub(crate) address: SocketAddr,
    pub(crate) handle: GatewayHandle,
    pub(crate) metrics: MetricsRegistry,
    pub(crate) head: HeadReceiver,
    pub(crate) keys: PrivateKeys,
    pub(crate) clock: Arc<ShiftedClock>,
    stop_gateway: watch::Sender<bool>,
    stop_ordering: CancellationToken,
    gateway: JoinHandle<()>,
    ordering: JoinHandle<()>,
    store: Store,
    _folder: TempDir,
}

pub(crate) fn alice() -> TestMember {
    TestMember::new(MemberKind::Participant, "alice")
}

pub(crate) fn bob() -> TestMember {
    TestMember::new(MemberKind::Participant, "bob")
}

impl Node {
    /// A node with the defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(Start::default()).await
    }

    pub(crate) async fn start_with(start: Start) -> Self {
        let sequencer = TestMember::new(MemberKind::Sequencer, "sequencer1");
        let mediator = TestMember::new(MemberKind::Mediator, "mediator1");
        let network = Network::new(sequencer.clone());
        let participants: Vec<&TestMember> = start.participants.iter().collect();
        let topology = network.genesis(start.parameters, &[&sequencer], (1, &[&mediator]), &participants);
        let static_parameters = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35).encode();
        let checkpoint = genesis(&static_parameters, &genesis_state(&topology)).expect("a sound genesis");

        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("node.db").display());
        let store = Store::open(&StoreConfig::new(url)).await.expect("the store opens");
        let Acquired::Lease(lease) = store.acquire_lease("test", 60_000).await.expect("the store works") else {
            panic!("a new store has no holder");
        };
        store.initialize(&lease, &checkpoint).await.expect("the genesis is stored");
        let state = State::restore(checkpoint).expect("a sound state");

        let events = Arc::new(EventLog::new(store.clone(), state.last_time(), TAIL_BYTES));
        let committer = Committer::new(store.clone(), lease, Arc::clone(&events), None, state.clone());
        let head = committer.head();
        let executor = BlockExecutor::new(Arc::new(Machine::new(NonZeroUsize::MIN)), state);
        let id = SequencerId::try_from(sequencer.member().clone()).expect("a sequencer");
        let clock = Arc::new(ShiftedClock::default());
        let limits = (IntakeLimits::default(), BlockLimits::default());
        let (orderer, ordering) = LocalOrdering::new(executor, committer, id.clone(), clock.clone(), limits);

        let metrics = MetricsRegistry::new("sequencer1", "sequencer", "test").expect("a registry");
        let keys = PrivateKeys::new([sequencer.protocol_key().clone()]);
        let gateway = Gateway::new(GatewayParts {
            sequencer: id,
            head: head.clone(),
            orderer: Arc::new(orderer),
            events,
            store: store.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            settings: start.settings,
            metrics: GatewayMetrics::register(&metrics).expect("good names"),
        });
        let gateway = gateway.await.expect("a gateway");
        let handle = gateway.handle();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop_gateway, mut stopped) = watch::channel(false);
        let stop_ordering = CancellationToken::new();
        let ordering_stopped = stop_ordering.clone();
        let gateway = tokio::spawn(async move {
            let stopped = async move {
                stopped.wait_for(|stop| *stop).await.ok();
            };
            gateway.serve(listener, stopped).await.expect("a clean end of the gateway");
        });
        let ordering = tokio::spawn(async move {
            ordering.run(ordering_stopped).await.expect("a clean end of ordering");
        });
        Self {
            network,
            sequencer,
            mediator,
            address,
            handle,
            metrics,
            head,
            keys,
            clock,
            stop_gateway,
            stop_ordering,
            gateway,
            ordering,
            store,
            _folder: folder,
        }
    }

    /// Tells the gateway to stop, and does not wait.
    pub(crate) fn begin_stop(&self) {
        self.stop_gateway.send_replace(true);
    }

    /// Stops in order, and fails when a part did not end well.
    pub(crate) async fn stop(self) {
        self.begin_stop();
        self.gateway.await.expect("the gateway does not panic");
        self.stop_ordering.cancel();
        self.ordering.await.expect("ordering does not panic");
        self.store.close().await;
    }
}
