//! CometBFT as the tests play it: four connections to each node, one decision for all of them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use bytes::Bytes;
use prometheus::Registry;
use prost::Message;
use synod_machine::{Checkpoint, EventRecord, OrderedKind};
use synod_ordering::Entry;
use synod_ordering::frame::{FrameContent, OrderingFrame};
use synod_store::Store;
use synod_testkit::nodes::{Founding, NodeParts};
use synod_testkit::requests::{Submission, TestMember};
use synod_types::CantonTimestamp;
use tempfile::TempDir;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::request::Value;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{
    Request, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestFlush, RequestInfo, RequestInitChain,
    RequestPrepareProposal, RequestProcessProposal, Response, ResponseCheckTx, ResponseFinalizeBlock, ResponseInfo,
    response,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::app::{AppParts, SynodApp};
use crate::server::{Server, Serving};
use crate::{AbciFault, AbciMetrics};

pub(super) const CHAIN: &str = "synod-test";
/// Room of a block for transactions.
const BLOCK_BYTES: i64 = 20 * 1024 * 1024;

/// Time of the first block: 2027-01-15.
const START_MICROS: i64 = 1_800_000_000_000_000;

pub(super) fn at(seconds: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(START_MICROS + seconds * 1_000_000).expect("in range")
}

pub(super) fn header_time(time: CantonTimestamp) -> Option<Timestamp> {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    // Headers have nanoseconds.
    Some(Timestamp { seconds, nanos: nanos + 999 })
}

/// One connection, as CometBFT's socket client uses it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Connection {
    pub(super) fn open(path: &Path) -> Self {
        Self { stream: UnixStream::connect(path).expect("the node listens"), received: Vec::new() }
    }

    /// Sends requests and a flush, and gives the answers; `None` when the connection ended without them.
    pub(super) fn call_all(&mut self, values: Vec<Value>) -> Option<Vec<response::Value>> {
        let count = values.len();
        let requests = values.into_iter().chain([Value::Flush(RequestFlush {})]);
        let bytes: Vec<u8> =
            requests.flat_map(|value| Request { value: Some(value) }.encode_length_delimited_to_vec()).collect();
        self.stream.write_all(&bytes).ok()?;
        let mut answers = Vec::new();
        while answers.len() <= count {
            answers.push(self.read()?);
        }
        assert!(matches!(answers.pop(), Some(response::Value::Flush(_))));
        Some(answers)
    }

    pub(super) fn call(&mut self, value: Value) -> Option<response::Value> {
        self.call_all(vec![value])?.pop()
    }

    fn read(&mut self) -> Option<response::Value> {
        loop {
            let mut rest = self.received.as_slice();
            if let Ok(response) = Response::decode_length_delimited(&mut rest) {
                let read = self.received.len() - rest.len();
                self.received.drain(..read);
                return Some(response.value.expect("content"));
            }
            let mut chunk = vec![0; 1 << 16];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.received.extend_from_slice(&chunk[..read]),
            }
        }
    }
}

macro_rules! answer {
    ($answer:expr, $kind:ident) => {
        match $answer {
            Some(response::Value::$kind(answer)) => Some(answer),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    };
}

/// A node and its four connections.
#[derive(Debug)]
pub(super) struct MockNode {
    pub(super) consensus: Connection,
    pub(super) mempool: Connection,
    pub(super) query: Connection,
    _snapshot: Connection,
    serving: Option<Serving>,
    pub(super) faults: mpsc::Receiver<AbciFault>,
    pub(super) store: Store,
}

impl MockNode {
    /// Starts the application on what the folder holds.
    pub(super) async fn start(folder: &Path, checkpoint: &Checkpoint) -> Self {
        let url = format!("sqlite://{}/node.db", folder.display());
        Self::serve(folder, NodeParts::open(&url, checkpoint).await)
    }

    pub(super) fn serve(folder: &Path, node: NodeParts) -> Self {
        let NodeParts { store, executor, committer, .. } = node;
        let metrics = AbciMetrics::new(&Registry::new()).expect("a fresh registry");
        let parts = AppParts { store: store.clone(), executor, committer, chain_id: CHAIN.to_owned(), metrics };
        let (app, faults) = SynodApp::new(parts, Handle::current());
        let path = folder.join("app.sock");
        let serving = Server::bind(&path).and_then(|server| server.serve(app)).expect("a free path");
        let [consensus, mempool, query, snapshot] = [(); 4].map(|()| Connection::open(&path));
        Self { consensus, mempool, query, _snapshot: snapshot, serving: Some(serving), faults, store }
    }

    /// Ends the application wherever it is, as a crash of the process would: nothing is written in the course of it.
    pub(super) async fn stop(mut self) {
        self.serving.take().expect("it runs").stop();
        self.store.close().await;
    }

    pub(super) fn info(&mut self) -> Option<ResponseInfo> {
        answer!(self.query.call(Value::Info(RequestInfo::default())), Info)
    }

    pub(super) fn init_chain(&mut self) -> Option<Bytes> {
        let request = RequestInitChain { chain_id: CHAIN.to_owned(), initial_height: 1, ..RequestInitChain::default() };
        answer!(self.consensus.call(Value::InitChain(request)), InitChain).map(|answer| answer.app_hash)
    }

    pub(super) fn check_tx(&mut self, tx: &Bytes) -> ResponseCheckTx {
        let request = RequestCheckTx { tx: tx.clone(), r#type: 0 };
        answer!(self.mempool.call(Value::CheckTx(request)), CheckTx).expect("CheckTx is always answered")
    }

    pub(super) fn prepare(&mut self, height: i64, time: CantonTimestamp, txs: Vec<Bytes>) -> Option<Vec<Bytes>> {
        let request = RequestPrepareProposal {
            height,
            time: header_time(time),
            txs,
            max_tx_bytes: BLOCK_BYTES,
            ..RequestPrepareProposal::default()
        };
        answer!(self.consensus.call(Value::PrepareProposal(request)), PrepareProposal).map(|answer| answer.txs)
    }

    /// Whether it accepts the proposal.
    pub(super) fn process(&mut self, height: i64, time: CantonTimestamp, txs: Vec<Bytes>) -> Option<bool> {
        let request =
            RequestProcessProposal { height, time: header_time(time), txs, ..RequestProcessProposal::default() };
        let answer = answer!(self.consensus.call(Value::ProcessProposal(request)), ProcessProposal)?;
        Some(answer.status == i32::from(ProposalStatus::Accept))
    }

    pub(super) fn finalize(&mut self, block: &Block) -> Option<ResponseFinalizeBlock> {
        answer!(self.consensus.call(Value::FinalizeBlock(block.request())), FinalizeBlock)
    }

    pub(super) fn commit(&mut self) -> Option<()> {
        answer!(self.consensus.call(Value::Commit(RequestCommit {})), Commit)
            .map(|answer| assert_eq!(answer.retain_height, 0, "all blocks are kept"))
    }

    /// What a participant reads, by its place in the order of registration.
    pub(super) async fn events(&self, founding: &Founding, participant: usize) -> Vec<EventRecord> {
        let member = founding.participants[participant].member();
        let registration =
            founding.checkpoint.members.iter().find(|found| found.member == *member).expect("it is registered");
        self.store
            .events(registration.index, registration.registered_from, CantonTimestamp::MIN, 1_000_000, usize::MAX)
            .await
            .expect("events can be read")
    }
}

/// A decided block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) height: i64,
    pub(super) time: CantonTimestamp,
    pub(super) txs: Vec<Bytes>,
}

impl Block {
    pub(super) fn request(&self) -> RequestFinalizeBlock {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.height.to_be_bytes()).update(&self.time.as_micros().to_be_bytes());
        self.txs.iter().for_each(|tx| {
            hasher.update(tx);
        });
        RequestFinalizeBlock {
            height: self.height,
            time: header_time(self.time),
            txs: self.txs.clone(),
            hash: Bytes::copy_from_slice(hasher.finalize().as_bytes()),
            ..RequestFinalizeBlock::default()
        }
    }
}

/// Several nodes of one chain, and all its blocks.
pub(super) struct MockConsensus {
    pub(super) founding: Founding,
    pub(super) nodes: Vec<Option<MockNode>>,
    pub(super) blocks: Vec<Block>,
    pub(super) app_hashes: Vec<Bytes>,
    folders: Vec<TempDir>,
    nonce: u64,
}

impl MockConsensus {
    /// As many nodes as active sequencers; one passive one is without a node. Three participants.
    pub(super) async fn start(nodes: usize) -> Self {
        let founding = Founding::new(nodes, 1, 3);
        let folders: Vec<TempDir> = (0..nodes).map(|_| TempDir::new().expect("temporary folder")).collect();
        let mut started = Vec::new();
        for folder in &folders {
            let mut node = MockNode::start(folder.path(), &founding.checkpoint).await;
            assert_eq!(node.info().expect("answered").last_block_height, 0);
            assert_eq!(node.init_chain().expect("answered"), founding.checkpoint.app_hash.to_vec());
            started.push(Some(node));
        }
        Self { founding, nodes: started, blocks: Vec::new(), app_hashes: Vec::new(), folders, nonce: 0 }
    }

    pub(super) fn node(&mut self, index: usize) -> &mut MockNode {
        self.nodes[index].as_mut().expect("the node runs")
    }

    pub(super) fn next_height(&self) -> i64 {
        i64::try_from(self.blocks.len()).expect("few blocks") + 1
    }

    /// Proposes what `mempool` holds, on the node whose turn it is, and lets all that run vote, apply and commit.
    pub(super) fn round(&mut self, time: CantonTimestamp, mempool: Vec<Bytes>) -> ResponseFinalizeBlock {
        let height = self.next_height();
        let running: Vec<usize> = (0..self.nodes.len()).filter(|index| self.nodes[*index].is_some()).collect();
        let proposer = running[self.blocks.len() % running.len()];
        let txs = self.node(proposer).prepare(height, time, mempool).expect("answered");
        for index in running {
            let accepted = self.node(index).process(height, time, txs.clone()).expect("answered");
            assert!(accepted, "node {index} rejects what node {proposer} proposed at height {height}");
        }
        self.decide(time, txs)
    }

    /// Applies and commits a block on all nodes that run, whatever is in it.
    pub(super) fn decide(&mut self, time: CantonTimestamp, txs: Vec<Bytes>) -> ResponseFinalizeBlock {
        let block = Block { height: self.next_height(), time, txs };
        let mut decided: Option<ResponseFinalizeBlock> = None;
        for node in self.nodes.iter_mut().flatten() {
            let response = node.finalize(&block).expect("answered");
            assert_eq!(response.tx_results.len(), block.txs.len());
            assert_eq!(*decided.get_or_insert_with(|| response.clone()), response, "height {}", block.height);
            node.commit().expect("answered");
        }
        let decided = decided.expect("a node runs");
        self.blocks.push(block);
        self.app_hashes.push(decided.app_hash.clone());
        decided
    }

    pub(super) async fn stop(&mut self, index: usize) {
        self.nodes[index].take().expect("the node runs").stop().await;
    }

    /// Starts a node on what it has stored, and replays the blocks that it lacks, as CometBFT does. Gives the height
    /// that it had.
    pub(super) async fn restart(&mut self, index: usize) -> i64 {
        let mut node = MockNode::start(self.folders[index].path(), &self.founding.checkpoint).await;
        let info = node.info().expect("answered");
        let stored = usize::try_from(info.last_block_height).expect("not negative");
        let hash = stored
            .checked_sub(1)
            .map_or(self.founding.checkpoint.app_hash.to_vec(), |last| self.app_hashes[last].to_vec());
        assert_eq!(info.last_block_app_hash, hash, "the hash of height {stored}");
        if stored == 0 {
            node.init_chain().expect("answered");
        }
        for (block, expected) in self.blocks.iter().zip(&self.app_hashes).skip(stored) {
            let response = node.finalize(block).expect("answered");
            assert_eq!(response.app_hash, expected, "height {}", block.height);
            node.commit().expect("answered");
        }
        self.nodes[index] = Some(node);
        info.last_block_height
    }

    /// A frame of a sequencer with these entries, valid for a minute after `time`.
    pub(super) fn frame(&mut self, sequencer: usize, time: CantonTimestamp, entries: Vec<Entry>) -> Bytes {
        let signer = self.founding.sequencers[sequencer].clone();
        let content = self.content(sequencer, time, entries);
        seal(content, &signer)
    }

    pub(super) fn content(&mut self, sequencer: usize, time: CantonTimestamp, entries: Vec<Entry>) -> FrameContent {
        self.nonce += 1;
        FrameContent {
            synchronizer: self.founding.network.psid().clone(),
            origin: self.founding.sequencer_id(sequencer),
            nonce: u128::from(self.nonce).to_be_bytes(),
            valid_until: time.saturating_add_micros(60_000_000),
            entries,
        }
    }

    /// A request of one participant to another.
    pub(super) fn send(&self, from: usize, to: usize, message_id: &str) -> Entry {
        let recipient = self.founding.participants[to].member().to_string();
        let submission = Submission::new(&self.founding.participants[from], message_id);
        Entry { kind: OrderedKind::Send, bytes: submission.to(&[&recipient], b"content").bytes() }
    }
}

pub(super) fn seal(content: FrameContent, signer: &TestMember) -> Bytes {
    OrderingFrame::seal(content, signer.protocol_key()).expect("the key signs").1
}

pub(super) fn junk() -> Entry {
    Entry { kind: OrderedKind::Send, bytes: Bytes::from_static(b"no request") }
}
