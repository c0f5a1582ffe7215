//! Real CometBFT: one validator, and four of them.
//!
//! `cometbft` is taken from the folder `target/tools/bin`, where `cargo xtask tools` installs it, or from the PATH.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use synod_abci_app::{AbciFault, AbciMetrics, AbciNode, AbciParts, CometProcessFault, CometProgram, VoteFault};
use synod_cometbft_config::{ChainId, Home, LocalSettings, Network, Operator, genesis_json};
use synod_machine::{EventKind, EventRecord, OrderedKind};
use synod_ordering::comet::{CometOrderer, OutboxLimits};
use synod_ordering::{Entry, IntakeLimits, Orderer};
use synod_pipeline::{EventLog, HeadReceiver};
use synod_store::Store;
use synod_testkit::Mutator;
use synod_testkit::nodes::{Founding, NodeParts};
use synod_testkit::requests::Submission;
use synod_types::CantonTimestamp;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything here.
const LIMIT: Duration = Duration::from_secs(120);

/// A port that no other test gets: below those that the system gives to connections, each one once.
fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 21_000;
    const COUNT: u16 = 10_000;
    let start = u16::try_from(std::process::id() % 97).expect("below 97") * 100;
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}

/// What all operators agreed on, and each one's home.
struct Cluster {
    founding: Founding,
    network: Network,
    chain: ChainId,
    rpc_ports: Vec<u16>,
    folder: TempDir,
    databases: PathBuf,
    nodes: Vec<Option<Node>>,
}

fn home_of(folder: &TempDir, index: usize) -> PathBuf {
    folder.path().join(format!("cometbft-{index}"))
}

/// A sequencer that runs.
struct Node {
    orderer: CometOrderer,
    head: HeadReceiver,
    store: Store,
    log: Arc<EventLog>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), AbciFault>>,
}

impl Cluster {
    async fn start(operators: usize) -> Self {
        let founding = Founding::new(operators, 0, 2);
        let folder = TempDir::new().expect("temporary folder");
        let operator = |index| {
            let keys = Home::at(home_of(&folder, index)).make_keys().expect("made");
            Operator {
                name: format!("operator-{index}"),
                p2p_address: format!("127.0.0.1:{}", free_port()),
                node_id: keys.node_id(),
                validator_key: keys.validator_key(),
                power: 1,
            }
        };
        let network = Network { operators: (0..operators).map(operator).collect() };
        let chain = ChainId::derive(&network, &founding.checkpoint.app_hash);
        let mut cluster = Self {
            founding,
            network,
            chain,
            rpc_ports: (0..operators).map(|_| free_port()).collect(),
            databases: folder.path().to_owned(),
            folder,
            nodes: (0..operators).map(|_| None).collect(),
        };
        // One after the other: none waits for a block.
        for index in 0..operators {
            cluster.start_node(index).await.expect("it starts");
        }
        cluster
    }

    fn home(&self, index: usize) -> PathBuf {
        home_of(&self.folder, index)
    }

    async fn start_node(&mut self, index: usize) -> Result<(), AbciFault> {
        let app_socket = self.databases.join(format!("app-{index}.sock"));
        let settings = LocalSettings {
            index,
            app_socket: app_socket.clone(),
            rpc_port: self.rpc_ports[index],
            p2p_listen: self.network.operators[index].p2p_address.clone(),
            metrics_port: None,
        };
        let genesis = genesis_json(&self.network, &self.chain, &self.founding.checkpoint.app_hash);
        let home = Home::at(self.home(index));
        home.write_genesis(&genesis).expect("it is written");
        home.write_config(&self.network, &settings).expect("it is written");
        let url = format!("sqlite://{}/node-{index}.db", self.databases.display());
        let NodeParts { store, executor, committer, log } = NodeParts::open(&url, &self.founding.checkpoint).await;
        let head = committer.head();
        let starting = AbciNode::start(AbciParts {
            store: store.clone(),
            executor,
            committer,
            origin: self.founding.sequencer_id(index),
            signer: Arc::new(self.founding.sequencers[index].protocol_key().clone()),
            chain_id: self.chain.as_str().to_owned(),
            program: program().await,
            home: self.home(index),
            app_socket,
            rpc_address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.rpc_ports[index])),
            intake_limits: IntakeLimits::default(),
            outbox_limits: OutboxLimits::default(),
            metrics: AbciMetrics::new(&Registry::new()).expect("a fresh registry"),
        });
        let (orderer, node) = match timeout(LIMIT, starting).await.expect("it starts in time") {
            Ok(started) => started,
            Err(fault) => {
                store.close().await;
                return Err(fault);
            }
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(node.run(stop.clone()));
        self.nodes[index] = Some(Node { orderer, head, store, log, stop, task });
        Ok(())
    }

    fn node(&self, index: usize) -> &Node {
        self.nodes[index].as_ref().expect("it runs")
    }

    async fn stop_node(&mut self, index: usize) {
        let node = self.nodes[index].take().expect("it runs");
        node.stop.cancel();
        timeout(LIMIT, node.task).await.expect("it stops in time").expect("no panic").expect("no fault");
        node.store.close().await;
    }

    /// Ends the tasks of a node wherever they are; its CometBFT gets a SIGKILL with them.
    async fn kill_node(&mut self, index: usize) {
        let Node { task, store, log, .. } = self.nodes[index].take().expect("it runs");
        task.abort();
        assert!(task.await.expect_err("it was aborted").is_cancelled());
        // The threads of the application end by themselves, and let go of what they hold.
        let gone = async {
            while Arc::strong_count(&log) > 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, gone).await.expect("the application ends in time");
        store.close().await;
    }

    async fn stop(mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].is_some() {
                self.stop_node(index).await;
            }
        }
    }

    fn submission(&self, message_id: &str) -> Entry {
        self.submission_with(message_id, &[7; 500])
    }

    fn submission_with(&self, message_id: &str, content: &[u8]) -> Entry {
        let [from, to] = [0, 1].map(|index| &self.founding.participants[index]);
        let submission = Submission::new(from, message_id).to(&[&to.member().to_string()], content);
        Entry { kind: OrderedKind::Send, bytes: submission.bytes() }
    }

    /// Submits messages of these names on these nodes in turn, many at a time.
    async fn submit(&mut self, names: Vec<String>, nodes: &[usize]) {
        let submits = names.iter().enumerate().map(|(index, name)| {
            let (orderer, entry) = (&self.node(nodes[index % nodes.len()]).orderer, self.submission(name));
            async move { orderer.submit(entry).await }
        });
        let answers = futures::future::join_all(submits).await;
        if let Some(index) = answers.iter().position(Result::is_err) {
            let node = self.nodes[nodes[index % nodes.len()]].take().expect("it runs");
            let ended = node.task.is_finished().then(|| futures::FutureExt::now_or_never(node.task));
            panic!("{:?}; the node has ended: {ended:?}", answers[index]);
        }
    }

    /// The first `count` events of a participant on a node, in the order in which it reads them.
    async fn read(&self, node: usize, participant: usize, count: usize) -> Vec<EventRecord> {
        let member = self.founding.participants[participant].member();
        let members = &self.founding.checkpoint.members;
        let registration = members.iter().find(|found| found.member == *member).expect("it is registered");
        let from = registration.registered_from;
        let mut reader = self.node(node).log.reader(registration.index, from, CantonTimestamp::MIN);
        let mut events = Vec::new();
        let reading = async {
            while events.len() < count {
                events.extend(reader.next().await.expect("events can be read").iter().map(|event| (**event).clone()));
            }
        };
        if timeout(LIMIT, reading).await.is_err() {
            panic!("node {node} has {} of {count} events after {LIMIT:?}", events.len());
        }
        events
    }

    async fn assert_read_everywhere(&self, names: &BTreeSet<String>) {
        for participant in 0..2 {
            let mut first: Option<Vec<EventRecord>> = None;
            for node in (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()) {
                let events = self.read(node, participant, names.len()).await;
                let read: Vec<&str> = events.iter().map(|event| event.message_id.as_str()).collect();
                let distinct: BTreeSet<String> = read.iter().map(|name| (*name).to_owned()).collect();
                assert_eq!((read.len(), &distinct), (names.len(), names), "each message once, on node {node}");
                assert!(events.iter().all(|event| event.kind == EventKind::Deliver));
                assert!(*first.get_or_insert_with(|| events.clone()) == events, "node {node} reads something else");
            }
        }
    }
}

async fn program() -> CometProgram {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
    let folder = tools.join("cometbft").is_file().then_some(tools);
    CometProgram::find(folder.as_deref()).await.expect("`cargo xtask tools` installs cometbft")
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("message-{index}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_validator_orders_stops_and_resumes() {
    let mut cluster = Cluster::start(1).await;
    cluster.submit(names(0..50), &[0]).await;
    cluster.assert_read_everywhere(&names(0..50).into_iter().collect()).await;
    cluster.stop_node(0).await;
    cluster.start_node(0).await.expect("it resumes");
    cluster.submit(names(50..60), &[0]).await;
    cluster.assert_read_everywhere(&names(0..60).into_iter().collect()).await;
    cluster.kill_node(0).await;
    cluster.start_node(0).await.expect("it resumes after a kill");
    cluster.submit(names(60..70), &[0]).await;
    cluster.assert_read_everywhere(&names(0..70).into_iter().collect()).await;
    cluster.stop().await;
}

/// What was accepted before a stop is ordered after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_outbox_survives() {
    let mut cluster = Cluster::start(1).await;
    let mut head = cluster.node(0).head.clone();
    let blocks = head.wait_until(|head| head.height >= Some(1));
    timeout(LIMIT, blocks).await.expect("blocks in time").expect("it runs");
    cluster.submit(names(0..20), &[0]).await;
    cluster.kill_node(0).await;
    cluster.start_node(0).await.expect("it resumes");
    cluster.assert_read_everywhere(&names(0..20).into_iter().collect()).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_validators_agree_and_one_may_fail() {
    let mut cluster = Cluster::start(4).await;
    cluster.submit(names(0..200), &[0, 1, 2, 3]).await;
    cluster.assert_read_everywhere(&names(0..200).into_iter().collect()).await;

    cluster.kill_node(3).await;
    cluster.submit(names(200..300), &[0, 1, 2]).await;
    cluster.assert_read_everywhere(&names(0..300).into_iter().collect()).await;

    cluster.start_node(3).await.expect("it comes back");
    cluster.submit(names(300..340), &[3]).await;
    cluster.assert_read_everywhere(&names(0..340).into_iter().collect()).await;
    let hashes: BTreeSet<_> = {
        // All are at or after the block of the last message; at that block they have one hash.
        let last = cluster.read(0, 0, 340).await[339].time;
        let mut hashes = BTreeSet::new();
        for index in 0..4 {
            let row = cluster.node(index).store.first_block_reaching(last).await.expect("readable").expect("there");
            hashes.insert((row.height, row.app_hash));
        }
        hashes
    };
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    cluster.stop().await;
}

/// The largest request that a synchronizer allows unless its owners change that (10 MiB), through mempools and blocks.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_request_gets_through_four_validators() {
    let mut cluster = Cluster::start(4).await;
    cluster.submit(names(0..4), &[0, 1, 2, 3]).await;
    cluster.assert_read_everywhere(&names(0..4).into_iter().collect()).await;
    let mut noise = Mutator::new(1);
    let content: Vec<u8> = (0..10_400_000).map(|_| u8::try_from(noise.below(256)).expect("a byte")).collect();
    let entry = cluster.submission_with("large", &content);
    assert!((10_400_000..10 * 1024 * 1024).contains(&entry.bytes.len()), "{} bytes", entry.bytes.len());
    cluster.node(2).orderer.submit(entry).await.expect("taken");
    cluster.submit(names(4..8), &[0, 1, 2, 3]).await;
    cluster.assert_read_everywhere(&names(0..8).into_iter().chain(["large".to_owned()]).collect()).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_catches_up_and_a_newer_one_is_refused() {
    let mut cluster = Cluster::start(1).await;
    cluster.submit(names(0..10), &[0]).await;
    cluster.assert_read_everywhere(&names(0..10).into_iter().collect()).await;
    cluster.stop_node(0).await;
    let database = cluster.folder.path().join("node-0.db");
    let (data, old_data) = (cluster.home(0).join("data"), cluster.folder.path().join("old-data"));
    let old_database = std::fs::read(&database).expect("one file after it was closed");
    copy_folder(&data, &old_data);

    cluster.start_node(0).await.expect("it resumes");
    cluster.submit(names(10..20), &[0]).await;
    cluster.assert_read_everywhere(&names(0..20).into_iter().collect()).await;
    cluster.stop_node(0).await;

    // The database of an earlier day, with all of CometBFT's blocks: they are replayed.
    let new_database = std::fs::read(&database).expect("one file after it was closed");
    std::fs::write(&database, &old_database).expect("written");
    cluster.start_node(0).await.expect("it replays");
    cluster.assert_read_everywhere(&names(0..20).into_iter().collect()).await;
    cluster.stop_node(0).await;

    // CometBFT's data of an earlier day: its last vote would be cast again.
    std::fs::write(&database, &new_database).expect("written");
    let votes = std::fs::read(data.join("priv_validator_state.json")).expect("votes");
    std::fs::remove_dir_all(&data).expect("removed");
    copy_folder(&old_data, &data);
    let refused = cluster.start_node(0).await.expect_err("votes are missing");
    assert!(matches!(refused, AbciFault::Votes(VoteFault::OlderFile { .. })), "{refused:?}");

    // With the votes of today, but not the blocks: our state is ahead of them.
    std::fs::write(data.join("priv_validator_state.json"), votes).expect("written");
    let refused = cluster.start_node(0).await.expect_err("blocks are missing");
    let AbciFault::Process(process) = refused else { panic!("{refused:?}") };
    assert!(process.to_string().contains("newer than CometBFT's data"), "{process}");
    cluster.stop().await;
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("created");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// CometBFT is killed behind the node's back.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_cometbft_is_a_fault() {
    let mut cluster = Cluster::start(1).await;
    let home = cluster.home(0);
    let pid = pid_of(&home);
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill").success());
    let node = cluster.nodes[0].take().expect("it runs");
    let fault = timeout(LIMIT, node.task).await.expect("it ends in time").expect("no panic").expect_err("a fault");
    assert!(matches!(fault, AbciFault::Process(_)), "{fault:?}");
    node.store.close().await;
    drop((node.store, node.log, node.head, node.orderer));
    cluster.start_node(0).await.expect("a restart resumes");
    cluster.submit(names(0..3), &[0]).await;
    cluster.assert_read_everywhere(&names(0..3).into_iter().collect()).await;
    cluster.stop().await;
}

/// Two nodes of one home would vote twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_in_use_is_refused() {
    let mut cluster = Cluster::start(1).await;
    let node = cluster.nodes[0].take().expect("it runs");
    cluster.rpc_ports[0] = free_port();
    let spare = TempDir::new().expect("temporary folder");
    let database = std::mem::replace(&mut cluster.databases, spare.path().to_owned());
    let refused = cluster.start_node(0).await.expect_err("the home is in use");
    let AbciFault::Process(CometProcessFault::HomeInUse { home }) = refused else { panic!("{refused:?}") };
    assert_eq!(home, cluster.home(0));
    cluster.databases = database;
    cluster.nodes[0] = Some(node);
    cluster.stop().await;
}

/// The process that runs in this home.
fn pid_of(home: &Path) -> u32 {
    let home = home.display().to_string();
    let runs_here = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        words.next().is_some_and(|program| program.ends_with("cometbft")) && words.any(|word| word == home)
    };
    let pids = std::fs::read_dir("/proc").expect("a system with /proc");
    let mut pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.find(runs_here).expect("CometBFT runs")
}
