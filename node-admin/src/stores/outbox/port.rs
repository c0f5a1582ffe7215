//! What the outbox needs of the node around it.

use std::error::Error;
use std::fmt::Debug;

use bytes::Bytes;
use synod_types::CantonTimestamp;
use thiserror::Error;
use tonic::async_trait;

/// Nobody has taken a broadcast, or it is not known whether somebody has. It is tried again.
#[derive(Debug, Error)]
#[error("a topology broadcast was not taken")]
pub struct NotBroadcast(#[source] Box<dyn Error + Send + Sync>);

impl NotBroadcast {
    /// Because of this.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// How the node speaks to its synchronizer as one of its members.
#[async_trait]
pub trait TopologyBroadcaster: Debug + Send + Sync {
    /// Sends an envelope to all members, in a submission of the node without topology timestamp and aggregation. `content`:
    /// versioned `EnvelopeContent` with a topology broadcast. Returns when the submission was taken, and its max sequencing
    /// time: once that has passed it is not sequenced any more.
    ///
    /// # Errors
    /// [`NotBroadcast`].
    async fn broadcast(&self, content: Bytes) -> Result<CantonTimestamp, NotBroadcast>;

    /// Returns once the node has observed something that was sequenced after `time`. May be dropped at any time.
    async fn observed_after(&self, time: CantonTimestamp);
}
