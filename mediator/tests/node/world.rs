//! A mediator that is started, killed, stopped and started again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use synod_client::{KeyRing, MemberSigner, MemberTopology};
use synod_crypto::SigningPrivateKey;
use synod_mediator::node::{
    HeadReceiver, Mediator, MediatorFault, MediatorMetrics, MediatorParts, MediatorSettings, Resume,
};
use synod_mediator::store::{FinalizedRow, MediatorState, MediatorStore};
use synod_ordering::Clock as _;
use synod_runtime::MetricsRegistry;
use synod_store::{Lease, Store};
use synod_testkit::databases::{TestDatabase, lease};
use synod_topology::{StaticSynchronizerParameters, TopologyState};
use synod_types::{CantonTimestamp, MediatorId};
use synod_wire::versioned;
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio_util::sync::CancellationToken;

use crate::bed::*;
use crate::sequencer::{Sequencer, TestClock};

/// Runs a case on one thread, with a clock that only the test moves.
pub(crate) fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        // While there is a blocking task, tokio's paused clock does not go on when everything waits for SQLite.
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || held.recv());
        case.await;
        drop(hold);
        let _ = blocker.await;
    });
}

/// Lets every task go as far as it can without time and without the database.
pub(crate) async fn yields() {
    for _ in 0..64 {
        yield_now().await;
    }
}

/// What outlives the process of the mediator `m1`.
pub(crate) struct World {
    database: TestDatabase,
    pub(crate) bed: Bed,
    groups: Vec<Group>,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) settings: MediatorSettings,
    keys: KeyRing,
    /// The newest clean time that was seen.
    clean: Option<CantonTimestamp>,
}

/// The process.
pub(crate) struct Shell {
    pub(crate) store: Store,
    pub(crate) mediator: MediatorStore,
    pub(crate) resumed: MediatorState,
    pub(crate) head: HeadReceiver,
    pub(crate) clean: watch::Receiver<Option<CantonTimestamp>>,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<Result<(), MediatorFault>>,
    metrics: MetricsRegistry,
}

impl World {
    /// `m1` alone is group 0.
    pub(crate) fn new() -> Self {
        Self::with_groups(&[(0, 1, &["m1"], &[])])
    }

    pub(crate) fn with_groups(groups: &[Group]) -> Self {
        let bed = Bed::with_groups(groups);
        let clock = Arc::new(TestClock::new(at(START - 1_000)));
        Self {
            database: TestDatabase::sqlite(),
            sequencer: Arc::new(Sequencer::new(bed.psid().clone(), Arc::clone(&clock))),
            bed,
            groups: groups.to_vec(),
            clock,
            settings: MediatorSettings::default(),
            keys: KeyRing::new([mediator("m1").protocol_key().clone()]),
            clean: None,
        }
    }

    /// The mediator gets a further key.
    pub(crate) fn add_key(&self, key: SigningPrivateKey) {
        self.keys.add(key);
    }

    /// Starts the process, with what is stored.
    pub(crate) async fn start(&mut self) -> Shell {
        let store = self.database.open().await;
        let mediator = MediatorStore::open(&store).await.expect("the tables are there");
        let lease = lease(&store, "m1").await;
        if mediator.load(&lease).await.expect("loads").is_none() {
            self.initialize(&mediator, &lease).await;
        }
        let state = mediator.load(&lease).await.expect("loads").expect("is initialized");
        assert!(state.prehead >= self.clean, "what was clean stays so");
        let mut topology = TopologyState::new(self.bed.psid().clone(), &parameters());
        topology.load(state.topology.clone()).expect("a stored topology");
        let member = crate::bed::mediator("m1").member().clone();
        let topology = MemberTopology::resume(topology, &member, state.head).expect("a topology with the mediator");
        let resume = Resume {
            topology: topology.state().clone(),
            head: state.head,
            clean: state.prehead,
            deduplication: state.deduplication.clone(),
            submissions: state.submissions.clone(),
        };
        let metrics = MetricsRegistry::new("m1", "mediator", "0").expect("labels");
        let running = Mediator::new(MediatorParts {
            psid: self.bed.psid().clone(),
            mediator: MediatorId::try_from(member.clone()).expect("a mediator"),
            store: mediator.clone(),
            lease,
            resume,
            events: Box::new(self.sequencer.subscribe(state.prehead, topology)),
            link: Arc::clone(&self.sequencer) as _,
            signer: MemberSigner::new(member, self.keys.clone()),
            clock: Arc::clone(&self.clock) as _,
            settings: self.settings,
            metrics: MediatorMetrics::register(&metrics).expect("metrics"),
        });
        let (head, clean, stop) = (running.head(), running.clean(), CancellationToken::new());
        let task = tokio::spawn(running.run(stop.clone()));
        Shell { store, mediator, resumed: state, head, clean, stop, task, metrics }
    }

    async fn initialize(&self, mediator: &MediatorStore, lease: &Lease) {
        let stored = versioned::wrap(30, &parameters().to_proto().encode_to_vec());
        let psid = self.bed.psid();
        mediator.initialize(lease, psid, &stored, &"connections".into()).await.expect("is initialized");
        let mut topology = TopologyState::new(psid.clone(), &parameters());
        let time = at(START - HOUR);
        let changes = topology.apply(time, time, transactions(&self.bed.network, &self.groups), true);
        mediator.store_initial_topology(lease, &changes.inserted).await.expect("the topology is stored");
    }

    /// Moves the clock to a time, if that is later.
    pub(crate) async fn until(&self, shell: &Shell, micros: i64) {
        let left = at(micros).as_micros() - self.clock.now().as_micros();
        self.pass(shell, Duration::from_micros(u64::try_from(left).unwrap_or_default())).await;
    }

    /// Lets time pass, a little at a time, from a moment of rest on.
    pub(crate) async fn pass(&self, shell: &Shell, mut left: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        while !left.is_zero() {
            let step = left.min(STEP);
            let before = self.sequencer.activity();
            tokio::time::advance(step).await;
            left -= step;
            yields().await;
            // Nothing is stored unless an event was handed out.
            if before != self.sequencer.activity() {
                self.rest(shell).await;
            }
        }
    }

    /// Waits until the mediator can do nothing more before time passes or an event comes.
    pub(crate) async fn rest(&self, shell: &Shell) {
        loop {
            let before = self.sequencer.activity();
            let mut head = shell.head.clone();
            head.mark_unchanged();
            yields().await;
            shell.committed().await;
            yields().await;
            if before == self.sequencer.activity() && !matches!(head.has_changed(), Ok(true)) {
                return;
            }
        }
    }

    /// What an outsider may rely on at any time.
    pub(crate) async fn check(&mut self, shell: &Shell, requests: &[i64]) {
        let clean = *shell.clean.borrow();
        assert!(clean >= self.clean, "the clean time never goes back: {clean:?} after {:?}", self.clean);
        self.clean = clean;
        let (head, prehead) = shell.mediator.progress().await.expect("reads");
        assert!(prehead >= clean && head >= prehead, "what is shown is stored");
        let Some(clean) = clean else { return };
        let visible: Vec<i64> = shell.finalized(clean).await.iter().map(|row| row.request_id.as_micros()).collect();
        let all: Vec<i64> = requests.iter().copied().filter(|id| *id <= clean.as_micros()).collect();
        assert_eq!(visible, all, "up to the clean time no verdict is missing");
    }

    /// The process is gone, whatever it was doing.
    pub(crate) async fn kill(&self, shell: Shell) {
        shell.task.abort();
        let _ = shell.task.await;
        yields().await;
        drop(shell.mediator);
        shell.store.close().await;
        // No two processes start at the same time.
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    /// The process is told to end, and does.
    pub(crate) async fn stop(&self, shell: Shell) {
        shell.stop.cancel();
        shell.task.await.expect("no panic").expect("no fault");
        yields().await;
        drop(shell.mediator);
        shell.store.close().await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
}

impl Shell {
    /// Waits until the commit that is being made is made: there is one connection that writes.
    async fn committed(&self) {
        let transaction = self.store.database().begin_write().await.expect("the connection");
        transaction.commit().await.expect("nothing is committed");
    }

    /// The verdicts up to a time.
    pub(crate) async fn finalized(&self, up_to: CantonTimestamp) -> Vec<FinalizedRow> {
        self.mediator.finalized_after(CantonTimestamp::MIN, up_to, 1_000).await.expect("reads")
    }

    /// Ends with a fault, by itself.
    pub(crate) async fn fault(self) -> MediatorFault {
        self.task.await.expect("no panic").expect_err("a fault")
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// What came of submissions, as it is counted.
    pub(crate) fn submissions(&self) -> BTreeMap<String, u64> {
        let families = self.metrics.prometheus().gather();
        let family = families.iter().find(|family| family.name() == "synod_mediator_verdict_submissions_total");
        let metrics = family.into_iter().flat_map(|family| family.get_metric());
        let counted = metrics.map(|metric| {
            let label = metric.get_label().iter().find(|label| label.name() == "outcome").expect("an outcome");
            (label.value().to_owned(), metric.get_counter().get_value() as u64)
        });
        counted.collect()
    }
}

fn parameters() -> StaticSynchronizerParameters {
    StaticSynchronizerParameters::jce_defaults(VERSION)
}
