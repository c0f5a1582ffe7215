//! When nothing is wrong with a call, but the node behind the service cannot answer it.

use thiserror::Error;
use tonic::Status;

/// Why the node behind a service could not do what it was asked. The caller is told which of the two, the log the cause.
#[derive(Debug, Error)]
pub enum NodeFault {
    /// What the call needs is starting or stopping: the same call works later.
    #[error("the node is starting or stopping")]
    Unavailable,
    /// The node is broken: its database failed, or what is stored cannot be read.
    #[error("the node failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl NodeFault {
    /// A node that is broken, and what shows it.
    #[must_use]
    pub fn broken(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(cause.into())
    }

    /// The status of the call, after the cause is logged.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Unavailable => Status::unavailable("the node is starting or stopping"),
            Self::Broken(_) => {
                tracing::error!(error = %synod_runtime::Chain(self), "an administration call failed");
                Status::internal("the node failed; see its log")
            }
        }
    }
}
