//! The last committed state, as everybody but the writer sees it.

use std::sync::Arc;

use synod_machine::State;
use tokio::sync::watch;

/// An immutable snapshot of everything that is committed.
#[derive(Debug, Clone)]
pub struct Head {
    /// Height of the last committed block; `None` before the first.
    pub height: Option<u64>,
    /// The state after it.
    pub state: State,
}

/// Gives the newest [`Head`]; waits for newer ones.
#[derive(Debug, Clone)]
pub struct HeadReceiver(pub(crate) watch::Receiver<Arc<Head>>);

impl HeadReceiver {
    /// The newest committed head. Cheap: a pointer is cloned.
    #[must_use]
    pub fn current(&self) -> Arc<Head> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until a committed head satisfies `reached`, and returns it. `None` when the writer is gone: the node is
    /// shutting down. The caller bounds the wait.
    pub async fn wait_until(&mut self, mut reached: impl FnMut(&Head) -> bool) -> Option<Arc<Head>> {
        self.0.wait_for(|head| reached(head)).await.ok().map(|head| Arc::clone(&head))
    }
}
