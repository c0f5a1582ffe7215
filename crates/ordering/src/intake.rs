//! The bounded queue in front of the orderer.

use std::sync::Arc;

use bytes::Bytes;
use synod_machine::OrderedKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{Entry, SubmitError};

/// How much may wait to be ordered or committed. What is above is refused at once.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes over all entries. One entry is always let in when nothing else waits.
    pub bytes: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        // 8,192 requests of 3 kB are 24 MB: well within the memory promise, and more than one second of full load.
        Self { entries: 8_192, bytes: 32 * 1024 * 1024 }
    }
}

/// An entry that waits for its commit. Dropping it without an answer tells the submitter that its fate is unknown.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) kind: OrderedKind,
    pub(crate) bytes: Bytes,
    pub(crate) receipt: Receipt,
}

/// The submitter's end of an entry, together with its share of the limits.
#[derive(Debug)]
pub(crate) struct Receipt {
    durable: oneshot::Sender<()>,
    _entry: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Receipt {
    /// Tells the submitter that its entry is durable. It may be gone; that is its right.
    pub(crate) fn durable(self) {
        let _ = self.durable.send(());
    }
}

/// The entrance: refuses at once when the limits are reached.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    queue: mpsc::UnboundedSender<Waiting>,
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    limits: IntakeLimits,
}

/// The queue behind the entrance. Unbounded as a channel: the semaphores of [`Intake`] bound it.
pub(crate) type Queue = mpsc::UnboundedReceiver<Waiting>;

impl Intake {
    pub(crate) fn new(limits: IntakeLimits) -> (Self, Queue) {
        // Bounded by the permits for count and bytes that every item holds: see `IntakeLimits`.
        #[expect(clippy::disallowed_methods, reason = "the permits bound it, by bytes too")]
        let (queue, receiver) = mpsc::unbounded_channel();
        let intake = Self {
            queue,
            entries: Arc::new(Semaphore::new(limits.entries)),
            bytes: Arc::new(Semaphore::new(limits.bytes)),
            limits,
        };
        (intake, receiver)
    }

    /// Queues an entry; the receiver fires when it is durable.
    pub(crate) fn enter(&self, entry: Entry) -> Result<oneshot::Receiver<()>, SubmitError> {
        let share = u32::try_from(entry.bytes.len().min(self.limits.bytes)).unwrap_or(u32::MAX);
        let one = Arc::clone(&self.entries).try_acquire_owned().map_err(|_| SubmitError::Overloaded)?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| SubmitError::Overloaded)?;
        let (durable, receiver) = oneshot::channel();
        let receipt = Receipt { durable, _entry: one, _bytes: bytes };
        self.queue
            .send(Waiting { kind: entry.kind, bytes: entry.bytes, receipt })
            .map_err(|_| SubmitError::Unavailable)?;
        Ok(receiver)
    }
}
