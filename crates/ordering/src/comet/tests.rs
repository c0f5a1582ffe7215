//! Ordering by CometBFT with a stand-in for CometBFT's RPC, and blocks that the tests make.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use synod_machine::OrderedKind;
use synod_testkit::nodes::{Founding, NodeParts};
use synod_testkit::requests::{Submission, acknowledgement};
use synod_types::CantonTimestamp;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::rpc::tests::read_request;
use super::*;
use crate::frame::{FrameContent, OpenedBlock, OrderingFrame};
use crate::{Entry, IntakeLimits, Orderer, SubmitError};

const NOW_MICROS: i64 = 1_800_000_000_000_000;
const ACCEPTED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"code":0,"log":""}}"#;
const FULL: &str =
    r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"Internal error","data":"mempool is full"}}"#;

fn at(seconds: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(NOW_MICROS + seconds * 1_000_000).expect("in range")
}

/// Takes frames as CometBFT does, answers what it is told, and does nothing else.
struct StandIn {
    address: std::net::SocketAddr,
    frames: mpsc::Receiver<Bytes>,
    answer: Arc<Mutex<&'static str>>,
    _task: JoinHandle<()>,
}

impl StandIn {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("free port");
        let address = listener.local_addr().expect("bound");
        // More than any test sends.
        let (sender, frames) = mpsc::channel(10_000);
        let answer = Arc::new(Mutex::new(answer));
        let task = tokio::spawn({
            let answer = Arc::clone(&answer);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Self::serve(stream, sender.clone(), Arc::clone(&answer)));
                }
            }
        });
        Self { address, frames, answer, _task: task }
    }

    async fn serve(mut stream: TcpStream, sender: mpsc::Sender<Bytes>, answer: Arc<Mutex<&'static str>>) {
        loop {
            let request = read_request(&mut stream).await;
            let value: serde_json::Value = serde_json::from_str(&request).expect("JSON");
            let frame = STANDARD.decode(value["params"]["tx"].as_str().expect("text")).expect("base64");
            let answer = *answer.lock().expect("not poisoned");
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            let sent = sender.send(frame.into()).await.is_ok();
            if !sent || stream.write_all(response.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn next(&mut self) -> Bytes {
        timeout(Duration::from_secs(20), self.frames.recv()).await.expect("a frame within 20 s").expect("it runs")
    }
}

struct Bench {
    founding: Founding,
    folder: TempDir,
    node: NodeParts,
    stand_in: StandIn,
}

struct Running {
    orderer: CometOrderer,
    stop: CancellationToken,
    task: JoinHandle<Result<(), CometFault>>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("no fault");
    }
}

impl Bench {
    /// A node after `blocks` blocks, a second apart and the last one at second 0.
    async fn new(blocks: i64) -> Self {
        let founding = Founding::new(2, 0, 1);
        let folder = TempDir::new().expect("temporary folder");
        let node = Self::open(&founding, &folder).await;
        let mut bench = Self { founding, folder, node, stand_in: StandIn::start(ACCEPTED).await };
        for second in 1 - blocks..=0 {
            bench.block(at(second), &[]).await;
        }
        bench
    }

    async fn open(founding: &Founding, folder: &TempDir) -> NodeParts {
        let url = format!("sqlite://{}/node.db", folder.path().display());
        NodeParts::open(&url, &founding.checkpoint).await
    }

    async fn reopen(&mut self) {
        self.node.store.close().await;
        let spare = TempDir::new().expect("temporary folder");
        // The file is locked as long as the node's parts live.
        self.node = Self::open(&self.founding, &spare).await;
        self.node = Self::open(&self.founding, &self.folder).await;
    }

    fn start(&self) -> Running {
        self.start_with(IntakeLimits::default())
    }

    fn start_with(&self, intake_limits: IntakeLimits) -> Running {
        let (orderer, ordering) = CometOrdering::new(CometOrderingParts {
            store: self.node.store.clone(),
            head: self.node.committer.head(),
            origin: self.founding.sequencer_id(0),
            signer: Arc::new(self.founding.sequencers[0].protocol_key().clone()),
            rpc: RpcClient::new(self.stand_in.address),
            intake_limits,
            outbox_limits: OutboxLimits::default(),
        });
        let stop = CancellationToken::new();
        Running { orderer, task: tokio::spawn(ordering.run(stop.clone())), stop }
    }

    /// Commits a block as CometBFT would decide it.
    async fn block(&mut self, header_time: CantonTimestamp, frames: &[Bytes]) -> OpenedBlock {
        let opened = OpenedBlock::open(self.node.executor.state(), header_time, frames);
        let staged = self.node.executor.stage(&opened.block).expect("the block follows");
        self.node.committer.commit(vec![staged]).await.expect("the block commits");
        opened
    }

    fn send(&self, message_id: &str, until: CantonTimestamp) -> Entry {
        let member = &self.founding.participants[0];
        let recipient = member.member().to_string();
        let submission = Submission::new(member, message_id).to(&[&recipient], b"content").until(until);
        Entry { kind: OrderedKind::Send, bytes: submission.bytes() }
    }

    async fn outbox(&self) -> Vec<Bytes> {
        self.node.store.outbox().await.expect("it can be read").into_iter().map(|row| row.frame).collect()
    }
}

fn content(frame: &Bytes) -> FrameContent {
    OrderingFrame::parse(frame).expect("a frame").into_content()
}

async fn until_nothing_is_on_its_way(orderer: &CometOrderer) {
    let mut load = orderer.load();
    let settled = load.wait_for(|load| *load == OutboxLoad::default());
    timeout(Duration::from_secs(10), settled).await.expect("settled within 10 s").expect("it runs");
}

#[tokio::test]
async fn an_entry_is_durable_before_it_is_answered_and_on_its_way_until_a_block_holds_it() {
    let mut bench = Bench::new(2).await;
    let running = bench.start();
    let entry = bench.send("a", at(60));
    running.orderer.submit(entry.clone()).await.expect("taken");
    let stored = bench.outbox().await;
    let frame = bench.stand_in.next().await;
    assert_eq!(stored, std::slice::from_ref(&frame));
    assert_eq!(content(&frame).entries, [entry]);
    assert_eq!(content(&frame).valid_until, at(60), "a minute after the base time");
    let opened = bench.block(at(1), &[frame]).await;
    assert_eq!((opened.block.events.len(), opened.verdicts.len()), (1, 1));
    until_nothing_is_on_its_way(&running.orderer).await;
    assert!(bench.outbox().await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn what_cometbft_does_not_take_is_sent_again_with_the_same_bytes() {
    let mut bench = Bench::new(2).await;
    *bench.stand_in.answer.lock().expect("not poisoned") = FULL;
    let running = bench.start();
    running.orderer.submit(bench.send("a", at(60))).await.expect("taken: it is durable");
    let first = bench.stand_in.next().await;
    assert_eq!([bench.stand_in.next().await, bench.stand_in.next().await], [first.clone(), first.clone()]);
    // What it took may get lost with its mempool: the same bytes come again after two seconds.
    *bench.stand_in.answer.lock().expect("not poisoned") = ACCEPTED;
    assert_eq!([bench.stand_in.next().await, bench.stand_in.next().await], [first.clone(), first]);
    running.stop().await;
}

#[tokio::test]
async fn what_waits_together_shares_frames_and_each_entry_is_in_one() {
    let mut bench = Bench::new(2).await;
    let running = bench.start();
    let entries: Vec<Entry> = (0..300_u32)
        .map(|index| Entry { kind: OrderedKind::Send, bytes: [&index.to_be_bytes()[..], &[0; 3_000]].concat().into() })
        .collect();
    let submits = entries.iter().map(|entry| running.orderer.submit(entry.clone()));
    let frames = async {
        let (mut frames, mut seen) = (Vec::new(), 0);
        while seen < entries.len() {
            let frame = bench.stand_in.next().await;
            seen += content(&frame).entries.len();
            frames.push(frame);
            // In blocks they make room for more.
            bench.block(at(i64::try_from(frames.len()).expect("few")), &frames[frames.len() - 1..]).await;
        }
        frames
    };
    let (answers, frames) = tokio::join!(futures::future::join_all(submits), frames);
    assert!(answers.iter().all(Result::is_ok));
    let framed: Vec<Entry> = frames.iter().flat_map(|frame| content(frame).entries).collect();
    assert_eq!(framed, entries, "in the order in which they were taken");
    assert!(frames.len() < 30, "{} frames", frames.len());
    assert!(frames.iter().all(|frame| frame.len() < 110_000));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_frame_gives_its_live_entries_to_a_new_one() {
    let mut bench = Bench::new(2).await;
    let (dead, live) = (bench.send("dead", at(61)), bench.send("live", at(62)));
    let member = &bench.founding.participants[0];
    let acknowledged = acknowledgement(member.member(), at(0), member);
    let acknowledgement = Entry { kind: OrderedKind::Acknowledge, bytes: acknowledged };
    let running = bench.start();
    for entry in [&dead, &live, &acknowledgement] {
        running.orderer.submit((*entry).clone()).await.expect("taken");
    }
    let mut lost = Vec::new();
    while lost.iter().map(|frame| content(frame).entries.len()).sum::<usize>() < 3 {
        lost.push(bench.stand_in.next().await);
    }
    // Still valid at second 60, in no block at second 61.
    bench.block(at(60), &[]).await;
    assert_eq!(bench.outbox().await, lost);
    bench.block(at(61), &[]).await;
    let again = loop {
        let frame = bench.stand_in.next().await;
        if !lost.contains(&frame) {
            break frame;
        }
    };
    assert_eq!(content(&again).entries, [live, acknowledgement]);
    assert_eq!(content(&again).valid_until, at(121));
    assert_eq!(bench.outbox().await, std::slice::from_ref(&again));
    let opened = bench.block(at(62), &[lost, vec![again]].concat()).await;
    assert_eq!(opened.block.events.len(), 2, "the old frames do not count any more");
    until_nothing_is_on_its_way(&running.orderer).await;
    running.stop().await;
}

/// The ordering sees only the newest head: here one that has forgotten the frame of the block before it.
#[tokio::test]
async fn a_frame_that_was_ordered_and_forgotten_is_not_made_again() {
    let mut bench = Bench::new(2).await;
    let running = bench.start();
    running.orderer.submit(bench.send("a", at(1_000))).await.expect("taken");
    let frame = bench.stand_in.next().await;
    let mut staged = Vec::new();
    for (second, frames) in [(1, vec![frame]), (61, Vec::new())] {
        let opened = OpenedBlock::open(bench.node.executor.state(), at(second), &frames);
        staged.push(bench.node.executor.stage(&opened.block).expect("the block follows"));
    }
    bench.node.committer.commit(staged).await.expect("the blocks commit");
    until_nothing_is_on_its_way(&running.orderer).await;
    assert!(bench.outbox().await.is_empty());
    let entry = bench.send("b", at(1_000));
    running.orderer.submit(entry.clone()).await.expect("taken");
    assert_eq!(content(&bench.stand_in.next().await).entries, [entry]);
    running.stop().await;
}

#[tokio::test]
async fn a_restart_sends_what_is_in_the_outbox() {
    let mut bench = Bench::new(2).await;
    let running = bench.start();
    running.orderer.submit(bench.send("a", at(60))).await.expect("taken");
    let frame = bench.stand_in.next().await;
    running.stop().await;
    bench.reopen().await;
    let running = bench.start();
    assert_eq!(bench.stand_in.next().await, frame);
    bench.block(at(1), &[frame]).await;
    until_nothing_is_on_its_way(&running.orderer).await;
    running.stop().await;
}

/// Nothing can be framed before the second block, whose time is the first that is not the genesis's.
#[tokio::test]
async fn what_is_above_the_limits_is_refused_at_once_and_a_stop_makes_the_rest_durable() {
    let bench = Bench::new(1).await;
    let running = bench.start_with(IntakeLimits { entries: 2, bytes: 1_000_000 });
    let entry = bench.send("a", at(60));
    let (first, second) = (running.orderer.clone(), running.orderer.clone());
    let (one, two) = (entry.clone(), entry.clone());
    let waiting =
        [tokio::spawn(async move { first.submit(one).await }), tokio::spawn(async move { second.submit(two).await })];
    // Both tasks have run up to their wait once this one runs again.
    tokio::task::yield_now().await;
    assert_eq!(running.orderer.submit(entry.clone()).await, Err(SubmitError::Overloaded));
    let orderer = running.orderer.clone();
    running.stop().await;
    for task in waiting {
        assert_eq!(task.await.expect("no panic"), Ok(()));
    }
    assert_eq!(orderer.submit(entry.clone()).await, Err(SubmitError::Unavailable));
    let entries: Vec<Entry> = bench.outbox().await.iter().flat_map(|frame| content(frame).entries).collect();
    assert_eq!(entries, [entry.clone(), entry], "equal entries are two entries");
}

#[tokio::test]
async fn a_broken_store_is_a_fault_and_no_answer() {
    let bench = Bench::new(2).await;
    let running = bench.start();
    running.orderer.submit(bench.send("a", at(60))).await.expect("taken");
    bench.node.store.close().await;
    assert_eq!(running.orderer.submit(bench.send("b", at(60))).await, Err(SubmitError::Unavailable));
    assert!(matches!(running.task.await.expect("no panic"), Err(CometFault::Store(_))));
}

#[tokio::test]
async fn an_entry_beyond_every_frame_is_refused() {
    let bench = Bench::new(2).await;
    let running = bench.start();
    let entry = Entry { kind: OrderedKind::Send, bytes: vec![0; crate::frame::MAX_FRAME_BYTES].into() };
    assert_eq!(running.orderer.submit(entry).await, Err(SubmitError::Unavailable));
    running.stop().await;
}
