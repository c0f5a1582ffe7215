//! One sequencer of the decentralized mode: application, CometBFT and outbox under one roof.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use synod_ordering::IntakeLimits;
use synod_ordering::comet::{CometOrderer, CometOrdering, CometOrderingParts, OutboxLimits, RpcClient};
use synod_ordering::frame::FrameSigner;
use synod_pipeline::{BlockExecutor, Committer, HeadReceiver};
use synod_store::Store;
use synod_types::SequencerId;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::app::{AppParts, SynodApp};
use crate::process::CometProcess;
use crate::server::{Server, Serving};
use crate::votes::VoteGuard;
use crate::{AbciFault, AbciMetrics, CometProgram, ServerFault};

/// How long CometBFT may go without answering its RPC or replaying a block before its start counts as failed.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const START_POLL: Duration = Duration::from_millis(50);
/// How long CometBFT may take to end after it closed its connections.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node of the decentralized mode is made of.
#[derive(Debug)]
pub struct AbciParts {
    /// Durable state, with the synchronizer's genesis in it.
    pub store: Store,
    /// Continues from the stored state.
    pub executor: BlockExecutor,
    /// Writes to the same store.
    pub committer: Committer,
    /// This sequencer.
    pub origin: SequencerId,
    /// Signs its frames.
    pub signer: Arc<dyn FrameSigner>,
    /// Name of the chain in `genesis.json`.
    pub chain_id: String,
    /// The program.
    pub program: CometProgram,
    /// Home of CometBFT, with its configuration, genesis and keys in it.
    pub home: PathBuf,
    /// The socket that the configuration names as `proxy_app`. At most 100 bytes long.
    pub app_socket: PathBuf,
    /// The address that the configuration names as `rpc.laddr`.
    pub rpc_address: SocketAddr,
    /// How much may wait to be written to the outbox.
    pub intake_limits: IntakeLimits,
    /// How much may be on its way into a block.
    pub outbox_limits: OutboxLimits,
    /// Where it counts.
    pub metrics: AbciMetrics,
}

/// A node whose CometBFT is up. It works while [`Self::run`] runs.
#[derive(Debug)]
pub struct AbciNode {
    running: Running,
    votes: VoteGuard,
    ordering: CometOrdering,
    orderer: CometOrderer,
    metrics: AbciMetrics,
}

#[derive(Debug)]
struct Running {
    serving: Serving,
    process: CometProcess,
    faults: mpsc::Receiver<AbciFault>,
    /// Set when CometBFT closed a connection: until when its end, which says more, is waited for.
    closed: Option<Instant>,
}

impl AbciNode {
    /// Starts the application and CometBFT, and returns once CometBFT has replayed what the state lacks and answers its
    /// RPC; other operators need not be there.
    ///
    /// # Errors
    /// [`AbciFault`]; everything that was started is ended again.
    pub async fn start(parts: AbciParts) -> Result<(CometOrderer, Self), AbciFault> {
        let AbciParts {
            store,
            executor,
            committer,
            origin,
            signer,
            chain_id,
            program,
            home,
            app_socket,
            rpc_address,
            intake_limits,
            outbox_limits,
            metrics,
        } = parts;
        let votes = VoteGuard::check(store.clone(), &home).await.map_err(AbciFault::Votes)?;
        let head = committer.head();
        let server = Server::bind(&app_socket).map_err(AbciFault::Server)?;
        let app = AppParts { store: store.clone(), executor, committer, chain_id, metrics: metrics.clone() };
        let (app, faults) = SynodApp::new(app, Handle::current());
        let serving = server.serve(app).map_err(AbciFault::Server)?;
        let process = match CometProcess::start(&program, &home, rpc_address).await {
            Ok(process) => process,
            Err(fault) => {
                serving.stop();
                return Err(AbciFault::Process(fault));
            }
        };
        let rpc = RpcClient::new(rpc_address);
        let mut running = Running { serving, process, faults, closed: None };
        if let Err(fault) = running.wait_until_ready(&rpc, head.clone()).await {
            running.stop().await;
            return Err(fault);
        }
        let (orderer, ordering) =
            CometOrdering::new(CometOrderingParts { store, head, origin, signer, rpc, intake_limits, outbox_limits });
        Ok((orderer.clone(), Self { running, votes, ordering, orderer, metrics }))
    }

    /// Works until `stop` is cancelled; then no more entries are taken, those that wait become durable, and CometBFT ends
    /// after the block that it is in.
    ///
    /// # Errors
    /// [`AbciFault`]: the process has to end. CometBFT has ended by then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), AbciFault> {
        let Self { mut running, mut votes, ordering, orderer, metrics } = self;
        let mut load = orderer.load();
        let ended = {
            // Each may hold a connection to the database that another one waits for: all are driven all the time.
            let mut ordering = pin!(ordering.run(stop));
            let mut watching = pin!(votes.watch());
            loop {
                tokio::select! {
                    fault = running.fault() => break Err(fault),
                    fault = &mut watching => break Err(AbciFault::Votes(fault)),
                    // It ends after it was asked to: it has made durable what it had.
                    result = &mut ordering => break result.map_err(AbciFault::Ordering),
                    Ok(()) = load.changed() => metrics.outbox(*load.borrow_and_update()),
                }
            }
        };
        running.stop().await;
        ended.and(votes.record().await.map_err(AbciFault::Votes))
    }
}

impl Running {
    /// Waits for whatever ends the node. Safe to cancel.
    async fn fault(&mut self) -> AbciFault {
        loop {
            if let Some(deadline) = self.closed {
                return match timeout_at(deadline, self.process.wait()).await {
                    Ok(fault) => AbciFault::Process(fault),
                    Err(_) => AbciFault::Server(ServerFault::Closed),
                };
            }
            tokio::select! {
                // The application's own fault comes first: CometBFT ends because of it.
                biased;
                Some(fault) = self.faults.recv() => match fault {
                    AbciFault::Server(ServerFault::Closed) => self.closed = Some(Instant::now() + END_TIMEOUT),
                    fault => return fault,
                },
                fault = self.process.wait() => return AbciFault::Process(fault),
            }
        }
    }

    /// Waits until the RPC answers. As long as blocks are replayed there is no limit.
    async fn wait_until_ready(&mut self, rpc: &RpcClient, mut head: HeadReceiver) -> Result<(), AbciFault> {
        let mut height = head.current().height;
        let mut deadline = Instant::now() + START_TIMEOUT;
        let mut answers = pin!(wait_for_answer(rpc));
        loop {
            tokio::select! {
                biased;
                fault = self.fault() => return Err(fault),
                () = &mut answers => return Ok(()),
                Some(new) = head.wait_until(|head| head.height != height) => {
                    height = new.height;
                    deadline = Instant::now() + START_TIMEOUT;
                }
                () = sleep_until(deadline) => return Err(AbciFault::NotReady { limit_s: START_TIMEOUT.as_secs() }),
            }
        }
    }

    /// Ends CometBFT, then the application.
    async fn stop(self) {
        let Self { serving, process, .. } = self;
        serving.expect_end();
        process.stop().await;
        // Joins threads, each of which may be in a commit that needs this runtime.
        let joined = tokio::task::spawn_blocking(move || serving.stop());
        // It does not panic, and is not cancelled.
        let _ = joined.await;
    }
}

async fn wait_for_answer(rpc: &RpcClient) {
    while rpc.status().await.is_err() {
        sleep(START_POLL).await;
    }
}
