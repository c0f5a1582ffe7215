//! The port between the gateway and whoever orders.

use async_trait::async_trait;
use bytes::Bytes;
use synod_machine::OrderedKind;
use thiserror::Error;

/// One thing to be ordered: the received bytes of a signed request, as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Submission or acknowledgement.
    pub kind: OrderedKind,
    /// Versioned `SignedContent`.
    pub bytes: Bytes,
}

/// Why an entry was not taken. It is not and will not be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// More entries or bytes are waiting than the node allows: try again later.
    #[error("too many requests are waiting to be ordered")]
    Overloaded,
    /// The node is shutting down, or not ordering at present.
    #[error("the sequencer is not ordering at present")]
    Unavailable,
}

/// Puts entries into the total order. Two calls with equal bytes give two ordered entries, as in Canton.
#[async_trait]
pub trait Orderer: std::fmt::Debug + Send + Sync {
    /// Returns when the entry is durable: it is sequenced exactly once, unless its maximum sequencing time passes.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] at once when the intake is full. A caller that drops the future may find the entry
    /// ordered all the same. When the node stops before the entry is durable the answer is
    /// [`SubmitError::Unavailable`] and the fate of the entry is unknown.
    async fn submit(&self, entry: Entry) -> Result<(), SubmitError>;
}
