//! The entrance of ordering by CometBFT.

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::framer::MAX_ENTRY_BYTES;
use crate::intake::Intake;
use crate::{Entry, Orderer, SubmitError};

/// Hands entries over to [`CometOrdering`](super::CometOrdering). Cheap to clone.
#[derive(Debug, Clone)]
pub struct CometOrderer {
    pub(super) intake: Intake,
    /// Cancelled when no more entries are taken.
    pub(super) stopping: CancellationToken,
    pub(super) load: watch::Receiver<OutboxLoad>,
}

/// What is on its way into a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxLoad {
    /// Frames.
    pub frames: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl CometOrderer {
    /// Follows what is on its way into a block, for metrics.
    #[must_use]
    pub fn load(&self) -> watch::Receiver<OutboxLoad> {
        self.load.clone()
    }
}

#[async_trait]
impl Orderer for CometOrderer {
    async fn submit(&self, entry: Entry) -> Result<(), SubmitError> {
        if self.stopping.is_cancelled() {
            return Err(SubmitError::Unavailable);
        }
        if entry.bytes.len() > MAX_ENTRY_BYTES {
            // The gateway's limit on requests is lower, unless the owners of the synchronizer have raised it.
            tracing::warn!(bytes = entry.bytes.len(), "a request is larger than any frame");
            return Err(SubmitError::Unavailable);
        }
        let durable = self.intake.enter(entry)?;
        durable.await.map_err(|_| SubmitError::Unavailable)
    }
}
