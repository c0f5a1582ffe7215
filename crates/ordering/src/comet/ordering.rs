//! The work behind a [`CometOrderer`]: one loop owns the outbox.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use synod_crypto::SigningError;
use synod_pipeline::{Head, HeadReceiver};
use synod_store::{OutboxFrame, Store, StoreFault};
use synod_types::{CantonTimestamp, SequencerId};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::framer::Framer;
use super::live::is_live;
use super::orderer::{CometOrderer, OutboxLoad};
use super::outbox::{Outbox, OutboxLimits, Sent};
use super::rpc::{BroadcastAnswer, RpcClient};
use crate::Entry;
use crate::frame::{FrameSigner, InvalidFrame, OrderingFrame};
use crate::intake::{Intake, IntakeLimits, Queue, Receipt, Waiting};

/// How long after the last base time a frame is valid, in microseconds. It bounds for how long a frame is remembered,
/// and how long entries wait when all copies of their frame were lost.
const VALIDITY_MICROS: i64 = 60 * 1_000_000;
/// Frames that are handed to CometBFT at the same time.
const CONCURRENT_SENDS: usize = 4;
/// Most that one transaction of the outbox takes out of the intake.
const MAX_GROUP_ENTRIES: usize = 1_000;
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Why ordering stopped. The process has to end.
#[derive(Debug, Error)]
pub enum CometFault {
    /// The outbox cannot be read or written.
    #[error("the outbox failed")]
    Store(#[source] StoreFault),
    /// The outbox holds what this node did not write.
    #[error("the outbox holds a broken frame")]
    Frame(#[source] InvalidFrame),
    /// This node has no key to sign frames with.
    #[error("a frame cannot be signed")]
    Signing(#[source] SigningError),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random(#[source] getrandom::Error),
}

/// What ordering by CometBFT needs.
#[derive(Debug)]
pub struct CometOrderingParts {
    /// Holds the outbox.
    pub store: Store,
    /// The committed heads; the state tells which frames are in a block.
    pub head: HeadReceiver,
    /// This sequencer.
    pub origin: SequencerId,
    /// Signs its frames.
    pub signer: Arc<dyn FrameSigner>,
    /// This operator's CometBFT.
    pub rpc: RpcClient,
    /// How much may wait to be written to the outbox.
    pub intake_limits: IntakeLimits,
    /// How much may be on its way into a block.
    pub outbox_limits: OutboxLimits,
}

/// Makes frames out of what waits, and sends them until blocks hold them; run it as a supervised task.
#[derive(Debug)]
pub struct CometOrdering {
    queue: Queue,
    store: Store,
    head: HeadReceiver,
    framer: Framer,
    rpc: RpcClient,
    outbox_limits: OutboxLimits,
    load: watch::Sender<OutboxLoad>,
    stopping: CancellationToken,
}

impl CometOrdering {
    /// Ordering that continues with what the outbox holds.
    #[must_use]
    pub fn new(parts: CometOrderingParts) -> (CometOrderer, Self) {
        let CometOrderingParts { store, head, origin, signer, rpc, intake_limits, outbox_limits } = parts;
        let (intake, queue) = Intake::new(intake_limits);
        let stopping = CancellationToken::new();
        let (load, following) = watch::channel(OutboxLoad::default());
        let framer = Framer { synchronizer: head.current().state.psid().clone(), origin, signer };
        let orderer = CometOrderer { intake, stopping: stopping.clone(), load: following };
        (orderer, Self { queue, store, head, framer, rpc, outbox_limits, load, stopping })
    }

    /// Orders until `stop` is cancelled. Then it takes no more entries, makes those that it has durable, and returns; the
    /// next start sends them.
    ///
    /// # Errors
    /// [`CometFault`]: the process has to end.
    pub async fn run(self, stop: CancellationToken) -> Result<(), CometFault> {
        let Self { queue, store, head, framer, rpc, outbox_limits, load, stopping } = self;
        let mut outbox = Outbox::new(outbox_limits);
        for frame in store.outbox().await.map_err(CometFault::Store)? {
            outbox.add(frame, Instant::now());
        }
        let run = Run { queue, store, framer, rpc, outbox, persisting: None, sending: FuturesUnordered::new(), load };
        run.run(head, stop, stopping).await
    }
}

type Persisting = Pin<Box<dyn Future<Output = Result<(Vec<OutboxFrame>, Vec<Receipt>), CometFault>> + Send>>;
type Sending = Pin<Box<dyn Future<Output = (u64, Sent)> + Send>>;

struct Run {
    queue: Queue,
    store: Store,
    framer: Framer,
    rpc: RpcClient,
    outbox: Outbox,
    /// The group that is being written. While it is, the next one gathers in the intake.
    persisting: Option<Persisting>,
    sending: FuturesUnordered<Sending>,
    load: watch::Sender<OutboxLoad>,
}

impl Run {
    async fn run(
        mut self,
        mut heads: HeadReceiver,
        stop: CancellationToken,
        stopping: CancellationToken,
    ) -> Result<(), CometFault> {
        let mut head = heads.current();
        self.settle(&head).await?;
        loop {
            self.send_due();
            self.publish_load();
            let seen = head.height;
            let may_frame = stopping.is_cancelled() || (has_time(&head) && self.outbox.has_room());
            let due = self.outbox.next_due().filter(|_| self.sending.len() < CONCURRENT_SENDS);
            tokio::select! {
                biased;
                Some(new) = heads.wait_until(|new| new.height != seen) => {
                    head = new;
                    self.settle(&head).await?;
                }
                Some((key, sent)) = self.sending.next() => self.outbox.sent(key, sent, Instant::now()),
                done = finish(&mut self.persisting), if self.persisting.is_some() => self.persisted(done)?,
                first = self.queue.recv(), if may_frame && self.persisting.is_none() => match first {
                    Some(first) => self.persist(first, head.state.base_time())?,
                    None => return Ok(()),
                },
                () = stop.cancelled(), if !stopping.is_cancelled() => {
                    stopping.cancel();
                    self.queue.close();
                }
                () = sleep_until(due), if due.is_some() => {}
            }
        }
    }

    fn publish_load(&self) {
        let load = self.outbox.load();
        self.load.send_if_modified(|published| std::mem::replace(published, load) != load);
    }

    /// Begins to write what waits, from `first` on.
    fn persist(&mut self, first: Waiting, base_time: CantonTimestamp) -> Result<(), CometFault> {
        let (mut entries, mut receipts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(Waiting { kind, bytes: entry, receipt }) = next {
            bytes += entry.len();
            entries.push(Entry { kind, bytes: entry });
            receipts.push(receipt);
            let is_full = entries.len() >= MAX_GROUP_ENTRIES || bytes >= MAX_GROUP_BYTES;
            next = if is_full { None } else { self.queue.try_recv().ok() };
        }
        let frames = self.framer.frame(entries, base_time.saturating_add_micros(VALIDITY_MICROS))?;
        let store = self.store.clone();
        self.persisting = Some(Box::pin(async move {
            store.while_unreachable(|| store.put_outbox(&frames)).await.map_err(CometFault::Store)?;
            Ok((frames, receipts))
        }));
        Ok(())
    }

    fn persisted(&mut self, done: Result<(Vec<OutboxFrame>, Vec<Receipt>), CometFault>) -> Result<(), CometFault> {
        self.persisting = None;
        let (frames, receipts) = done?;
        receipts.into_iter().for_each(Receipt::durable);
        frames.into_iter().for_each(|frame| self.outbox.add(frame, Instant::now()));
        Ok(())
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while self.sending.len() < CONCURRENT_SENDS {
            let Some((key, bytes)) = self.outbox.take_due(now) else { return };
            let rpc = self.rpc.clone();
            self.sending.push(Box::pin(async move { (key, send(&rpc, &bytes).await) }));
        }
    }

    /// Forgets what is in a block, and makes new frames out of the live entries of those that no block can hold any
    /// more.
    async fn settle(&mut self, head: &Head) -> Result<(), CometFault> {
        let base_time = head.state.base_time();
        let expired: BTreeSet<[u8; 32]> =
            self.outbox.settle(base_time, |id| head.state.has_frame(id)).into_iter().collect();
        if expired.is_empty() {
            return Ok(());
        }
        if self.persisting.is_some() {
            // It may hold the connection that is needed below, and nobody else drives it meanwhile.
            let done = finish(&mut self.persisting).await;
            self.persisted(done)?;
        }
        // A block may have held a frame and its id may be forgotten since. Then the commit has removed the row.
        let rows = self.store.while_unreachable(|| self.store.outbox()).await.map_err(CometFault::Store)?;
        let lost: Vec<OutboxFrame> = rows.into_iter().filter(|row| expired.contains(&row.id)).collect();
        let mut entries = Vec::new();
        for row in &lost {
            let content = OrderingFrame::parse(&row.frame).map_err(CometFault::Frame)?.into_content();
            let version = self.framer.synchronizer.protocol_version();
            entries.extend(content.entries.into_iter().filter(|entry| is_live(entry, version, base_time)));
        }
        tracing::warn!(
            frames = lost.len(),
            live_entries = entries.len(),
            "frames were in no block while they were valid"
        );
        let frames = self.framer.frame(entries, base_time.saturating_add_micros(VALIDITY_MICROS))?;
        let lost: Vec<[u8; 32]> = lost.into_iter().map(|row| row.id).collect();
        let replace = || self.store.replace_outbox(&lost, &frames);
        self.store.while_unreachable(replace).await.map_err(CometFault::Store)?;
        self.outbox.forget(&expired);
        frames.into_iter().for_each(|frame| self.outbox.add(frame, Instant::now()));
        Ok(())
    }
}

/// The first block has the time of the genesis: a frame made after it would be too old for the second one.
fn has_time(head: &Head) -> bool {
    head.height.is_some_and(|height| height > 0)
}

async fn finish(persisting: &mut Option<Persisting>) -> Result<(Vec<OutboxFrame>, Vec<Receipt>), CometFault> {
    match persisting {
        Some(persisting) => persisting.await,
        None => std::future::pending().await,
    }
}

async fn send(rpc: &RpcClient, frame: &[u8]) -> Sent {
    match rpc.broadcast_tx_sync(frame).await {
        Ok(BroadcastAnswer::Accepted | BroadcastAnswer::Known) => Sent::Taken,
        Ok(BroadcastAnswer::Rejected { code, log }) => {
            tracing::info!(code, log, "a frame was not taken");
            Sent::Refused
        }
        Err(error) => {
            tracing::info!(error = %error, "a frame was not taken");
            Sent::Refused
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due).await;
    }
}
