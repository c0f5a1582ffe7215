//! When nothing is wrong with a call, but the node behind the service cannot answer it.

use std::error::Error as StdError;

use synod_store::StoreFault;
use thiserror::Error;
use tonic::Status;

use crate::StageReceiver;

/// Why the node behind a service could not do what it was asked. The caller is told which of the two, the log the cause; a node
/// that is broken stops.
#[derive(Debug, Error)]
pub enum NodeFault {
    /// What the call needs is starting or stopping, or the database cannot be reached: the same call works later, and this one
    /// has changed nothing.
    #[error("the node is starting or stopping, or its database is away")]
    Unavailable,
    /// The node is broken: its database failed, or what is stored cannot be read.
    #[error("the node failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl NodeFault {
    /// A node that is broken, and what shows it; [`Self::Unavailable`] when that is a database that cannot be reached.
    #[must_use]
    pub fn broken(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = cause.into();
        if is_away(cause.as_ref()) { Self::Unavailable } else { Self::Broken(cause) }
    }

    /// The status of the call. A node that is broken is stopped, and its log tells the cause.
    pub(crate) fn status(self, stage: &StageReceiver) -> Status {
        match self {
            Self::Unavailable => Status::unavailable("the node is starting or stopping, or its database is away"),
            Self::Broken(cause) => {
                tracing::error!(error = %synod_runtime::Chain(cause.as_ref()), "an administration call failed");
                stage.stop_node().stop_with(cause);
                Status::internal("the node failed; see its log")
            }
        }
    }
}

/// Whether a database that cannot be reached is among the causes: then nothing was written, and the same call works later.
pub(crate) fn is_away(cause: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(cause);
    while let Some(error) = cause {
        if error.downcast_ref::<StoreFault>().is_some_and(StoreFault::is_unreachable) {
            return true;
        }
        cause = error.source();
    }
    false
}
