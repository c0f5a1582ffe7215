//! The application that CometBFT calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use synod_pipeline::{BlockExecutor, Committer, HeadReceiver};
use synod_store::Store;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    RequestApplySnapshotChunk, RequestCheckTx, RequestExtendVote, RequestFinalizeBlock, RequestInfo, RequestInitChain,
    RequestOfferSnapshot, RequestPrepareProposal, RequestProcessProposal, RequestQuery, RequestVerifyVoteExtension,
    ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit, ResponseExtendVote, ResponseFinalizeBlock,
    ResponseInfo, ResponseInitChain, ResponseOfferSnapshot, ResponsePrepareProposal, ResponseProcessProposal,
    ResponseQuery, ResponseVerifyVoteExtension, response_apply_snapshot_chunk, response_offer_snapshot,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::metrics::Call;
use crate::server::Halting;
use crate::{AbciFault, AbciMetrics, ServerFault, codes, commit, finalize, info, mempool, proposal};

/// What the calls of one node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) runtime: Handle,
    pub(crate) head: HeadReceiver,
    pub(crate) chain_id: String,
    pub(crate) metrics: AbciMetrics,
    consensus: Mutex<Consensus>,
    halted: AtomicBool,
    faults: mpsc::Sender<AbciFault>,
}

/// What the calls of the consensus connection change, one after the other.
#[derive(Debug)]
pub(crate) struct Consensus {
    pub(crate) executor: BlockExecutor,
    pub(crate) committer: Committer,
    /// The block that was applied and waits for its commit, with its answer.
    pub(crate) staged: Option<finalize::Finalized>,
}

/// The application. Clones are one application.
#[derive(Debug, Clone)]
pub(crate) struct SynodApp {
    shared: Arc<Shared>,
}

/// What a [`SynodApp`] is made of.
#[derive(Debug)]
pub(crate) struct AppParts {
    pub(crate) store: Store,
    pub(crate) executor: BlockExecutor,
    pub(crate) committer: Committer,
    pub(crate) chain_id: String,
    pub(crate) metrics: AbciMetrics,
}

impl SynodApp {
    /// An application that continues from the executor's state, and the place where its first fault arrives. Calls
    /// run on threads that are not of `runtime`.
    pub(crate) fn new(parts: AppParts, runtime: Handle) -> (Self, mpsc::Receiver<AbciFault>) {
        let AppParts { store, executor, committer, chain_id, metrics } = parts;
        // One is enough: the first fault ends the process.
        let (faults, receiver) = mpsc::channel(1);
        let shared = Shared {
            store,
            runtime,
            head: committer.head(),
            chain_id,
            metrics,
            consensus: Mutex::new(Consensus { executor, committer, staged: None }),
            halted: AtomicBool::new(false),
            faults,
        };
        (Self { shared: Arc::new(shared) }, receiver)
    }

    /// Answers a call, or halts. The answer of a call that halted is never sent.
    fn answer<T: Default>(&self, call: Call, answer: impl FnOnce(&Shared) -> Result<T, AbciFault>) -> T {
        if self.is_halted() {
            return T::default();
        }
        let timer = self.shared.metrics.start(call);
        let answered = answer(&self.shared);
        drop(timer);
        answered.unwrap_or_else(|fault| {
            self.fail(fault);
            T::default()
        })
    }

    fn answer_consensus<T: Default>(
        &self,
        call: Call,
        answer: impl FnOnce(&Shared, &mut Consensus) -> Result<T, AbciFault>,
    ) -> T {
        self.answer(call, |shared| {
            // A panic in a call aborts the process in production; in tests the poisoned state is never answered from.
            let mut consensus = shared.consensus.lock().unwrap_or_else(PoisonError::into_inner);
            answer(shared, &mut consensus)
        })
    }

    fn fail(&self, fault: AbciFault) {
        self.shared.halted.store(true, Ordering::SeqCst);
        // Full: an earlier fault is on its way. Closed: the node is ending already.
        let _ = self.shared.faults.try_send(fault);
    }
}

impl Halting for SynodApp {
    fn is_halted(&self) -> bool {
        self.shared.halted.load(Ordering::SeqCst)
    }

    fn halt(&self, fault: ServerFault) {
        self.fail(AbciFault::Server(fault));
    }
}

impl Application for SynodApp {
    fn info(&self, _: RequestInfo) -> ResponseInfo {
        self.answer(Call::Info, info::info)
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        self.answer_consensus(Call::InitChain, |shared, consensus| info::init_chain(shared, consensus, &request))
    }

    fn query(&self, _: RequestQuery) -> ResponseQuery {
        ResponseQuery { code: codes::UNAVAILABLE, log: "there are no queries".to_owned(), ..ResponseQuery::default() }
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        if self.is_halted() {
            return mempool::unavailable(&self.shared);
        }
        self.answer(Call::CheckTx, |shared| Ok(mempool::check_tx(shared, &request)))
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        self.answer_consensus(Call::PrepareProposal, |shared, consensus| proposal::prepare(shared, consensus, request))
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        self.answer_consensus(Call::ProcessProposal, |shared, consensus| proposal::process(shared, consensus, &request))
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.answer_consensus(Call::FinalizeBlock, |shared, consensus| finalize::finalize(shared, consensus, &request))
    }

    fn commit(&self) -> ResponseCommit {
        self.answer_consensus(Call::Commit, commit::commit)
    }

    fn extend_vote(&self, _: RequestExtendVote) -> ResponseExtendVote {
        self.answer(Call::VoteExtension, |_| Err(AbciFault::VoteExtensions))
    }

    fn verify_vote_extension(&self, _: RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension {
        self.answer(Call::VoteExtension, |_| Err(AbciFault::VoteExtensions))
    }

    /// There are no snapshots; a node joins by all blocks.
    fn offer_snapshot(&self, _: RequestOfferSnapshot) -> ResponseOfferSnapshot {
        ResponseOfferSnapshot { result: response_offer_snapshot::Result::Abort.into() }
    }

    fn apply_snapshot_chunk(&self, _: RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        ResponseApplySnapshotChunk {
            result: response_apply_snapshot_chunk::Result::Abort.into(),
            ..ResponseApplySnapshotChunk::default()
        }
    }
}
