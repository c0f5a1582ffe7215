//! Ordering in this process (embedded and centralized mode).
//!
//! Two stages run side by side: while one block commits, the next one is cut out of what arrived and applied in memory.
//! So a batch is as large as the load makes it, and no timer delays a request when the node is idle.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use synod_machine::{Fault, OrderedBlock, State};
use synod_pipeline::{BlockExecutor, CommitFault, Committer, StagedBlock};
use synod_types::SequencerId;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cutter::{BlockLimits, ClockBehind, Cutter};
use crate::intake::{Intake, IntakeLimits, Queue, Receipt, Waiting};
use crate::{Clock, Entry, Orderer, SubmitError};

/// Blocks that may be staged while another one commits. With one, staging and committing overlap; more would only make
/// blocks smaller.
const STAGED_BLOCKS: usize = 1;
/// A pending topology change becomes observable by the first block whose base time is after its effective time.
const TICK_MARGIN: Duration = Duration::from_millis(1);

/// Why local ordering stopped. The process has to end.
#[derive(Debug, Error)]
pub enum OrderingFault {
    /// A block could not be applied.
    #[error("a block could not be applied")]
    Stage(#[source] Fault),
    /// Staged blocks could not be committed.
    #[error("ordering stopped at a commit")]
    Commit(#[source] CommitFault),
    /// The clock is behind the blocks.
    #[error("this node cannot order")]
    Clock(#[source] ClockBehind),
    /// The other half of the orderer, or a thread of it, ended.
    #[error("a part of the orderer ended unexpectedly")]
    Ended,
}

/// The entrance of local ordering.
#[derive(Debug, Clone)]
pub struct LocalOrderer {
    intake: Intake,
    /// Cancelled when no more entries are taken.
    stopping: CancellationToken,
}

/// What does the work behind a [`LocalOrderer`]; run both parts as supervised tasks.
#[derive(Debug)]
pub struct LocalOrdering {
    queue: Queue,
    executor: BlockExecutor,
    committer: Committer,
    cutter: Cutter,
    clock: Arc<dyn Clock>,
    limits: BlockLimits,
    stopping: CancellationToken,
}

impl LocalOrdering {
    /// Local ordering that continues from the executor's state, for the sequencer `origin`.
    #[must_use]
    pub fn new(
        executor: BlockExecutor,
        committer: Committer,
        origin: SequencerId,
        clock: Arc<dyn Clock>,
        (intake_limits, limits): (IntakeLimits, BlockLimits),
    ) -> (LocalOrderer, Self) {
        let (intake, queue) = Intake::new(intake_limits);
        let stopping = CancellationToken::new();
        let cutter = Cutter::new(origin, executor.state());
        let orderer = LocalOrderer { intake, stopping: stopping.clone() };
        (orderer, Self { queue, executor, committer, cutter, clock, limits, stopping })
    }

    /// Orders until `stop` is cancelled. Then it takes no more entries, commits those that it has, and returns.
    ///
    /// # Errors
    /// [`OrderingFault`]: the process has to end.
    pub async fn run(self, stop: CancellationToken) -> Result<(), OrderingFault> {
        let (staged, receiver) = mpsc::channel(STAGED_BLOCKS);
        let Self { queue, executor, committer, cutter, clock, limits, stopping } = self;
        let staging = Staging { queue, cutter, clock, limits, staged };
        let staging = async {
            let ended = async {
                stop.cancelled().await;
                stopping.cancel();
            };
            staging.run(executor, ended).await
        };
        tokio::try_join!(staging, commit_all(committer, receiver)).map(|_| ())
    }
}

#[async_trait]
impl Orderer for LocalOrderer {
    async fn submit(&self, entry: Entry) -> Result<(), SubmitError> {
        if self.stopping.is_cancelled() {
            return Err(SubmitError::Unavailable);
        }
        let durable = self.intake.enter(entry)?;
        durable.await.map_err(|_| SubmitError::Unavailable)
    }
}

type StagedWithReceipts = (StagedBlock, Vec<Receipt>);

/// Commits whatever is staged, all that waits in one transaction.
async fn commit_all(
    mut committer: Committer,
    mut staged: mpsc::Receiver<StagedWithReceipts>,
) -> Result<(), OrderingFault> {
    while let Some((block, mut receipts)) = staged.recv().await {
        let mut blocks = vec![block];
        while let Ok((block, more)) = staged.try_recv() {
            blocks.push(block);
            receipts.extend(more);
        }
        committer.commit(blocks).await.map_err(OrderingFault::Commit)?;
        receipts.into_iter().for_each(Receipt::durable);
    }
    Ok(())
}

struct Staging {
    queue: Queue,
    cutter: Cutter,
    clock: Arc<dyn Clock>,
    limits: BlockLimits,
    staged: mpsc::Sender<StagedWithReceipts>,
}

impl Staging {
    async fn run(mut self, mut executor: BlockExecutor, stop: impl Future<Output = ()>) -> Result<(), OrderingFault> {
        tokio::pin!(stop);
        let mut stopping = false;
        loop {
            // The room for a staged block comes first: what arrives until there is room joins the same block.
            let room = self.staged.clone().reserve_owned().await.map_err(|_| OrderingFault::Ended)?;
            let tick = time_to_tick(executor.state(), self.clock.as_ref());
            let mut waiting = Vec::new();
            tokio::select! {
                biased;
                first = self.queue.recv() => match first {
                    Some(first) => waiting.push(first),
                    None => return Ok(()),
                },
                () = &mut stop, if !stopping => {
                    stopping = true;
                    self.queue.close();
                    continue;
                }
                () = sleep(tick), if tick.is_some() && !stopping => {}
            }
            self.take_more(&mut waiting);
            let (block, receipts) =
                self.cutter.cut(waiting, executor.state(), self.clock.as_ref()).map_err(OrderingFault::Clock)?;
            let staged;
            (executor, staged) = stage(executor, block).await?;
            room.send((staged, receipts));
        }
    }

    fn take_more(&mut self, waiting: &mut Vec<Waiting>) {
        let mut bytes: usize = waiting.iter().map(|entry| entry.bytes.len()).sum();
        while waiting.len() < self.limits.events && bytes < self.limits.bytes {
            let Ok(entry) = self.queue.try_recv() else { break };
            bytes += entry.bytes.len();
            waiting.push(entry);
        }
    }
}

/// Applies a block on a thread that may block.
async fn stage(
    mut executor: BlockExecutor,
    block: OrderedBlock,
) -> Result<(BlockExecutor, StagedBlock), OrderingFault> {
    tokio::task::spawn_blocking(move || executor.stage(&block).map(|staged| (executor, staged)))
        .await
        .map_err(|_| OrderingFault::Ended)?
        .map_err(OrderingFault::Stage)
}

/// How long until a block without entries is needed so that a pending topology change becomes observable. With a clock
/// that stands still it is asked for again after the same wait.
fn time_to_tick(state: &State, clock: &dyn Clock) -> Option<Duration> {
    let effective = state.pending_topology_effective()?;
    let wait_micros = effective.micros_since(clock.now()).max(0);
    Some(Duration::from_micros(u64::try_from(wait_micros).unwrap_or(0)) + TICK_MARGIN)
}

async fn sleep(wait: Option<Duration>) {
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
}
