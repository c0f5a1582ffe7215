//! How an administration call stops the node when its database fails.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::errors::{AdminError, ErrorCode, fault};
use crate::fault::is_away;

type Stop = dyn Fn(Box<dyn Error + Send + Sync>) + Send + Sync;

/// Stops the node with a fault: what a node whose database failed would answer from then on cannot be trusted, and another
/// process may be waiting to take its place. A database that cannot be reached is waited for elsewhere: a call that finds none
/// has changed nothing. Clones stop the same node.
#[derive(Clone)]
pub struct StopNode(Arc<Stop>);

impl fmt::Debug for StopNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopNode")
    }
}

impl StopNode {
    /// Stops by calling this, which may happen more than once.
    #[must_use]
    pub fn new(stop: impl Fn(Box<dyn Error + Send + Sync>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(stop))
    }

    /// The node goes on: faults are in its log alone.
    #[must_use]
    pub fn never() -> Self {
        Self::new(|_| {})
    }

    /// Stops the node, unless its database is only away, and says what the caller is told of it.
    pub(crate) fn fault(&self, cause: impl Error + Send + Sync + 'static) -> AdminError {
        if is_away(&cause) {
            tracing::warn!(cause = %synod_runtime::Chain(&cause), "an administration call found no database");
            return AdminError::new(ErrorCode::NODE_DATABASE_UNAVAILABLE, "The database of the node cannot be reached");
        }
        let told = fault(&cause);
        self.stop(cause);
        told
    }

    /// Stops the node.
    pub(crate) fn stop(&self, cause: impl Error + Send + Sync + 'static) {
        self.stop_with(Box::new(cause));
    }

    /// As [`Self::stop`].
    pub(crate) fn stop_with(&self, cause: Box<dyn Error + Send + Sync>) {
        (self.0)(cause);
    }
}
