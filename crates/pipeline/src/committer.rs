//! Committing and publishing.

use std::sync::Arc;

use synod_machine::State;
use synod_store::{Lease, Store, StoreFault};
use thiserror::Error;
use tokio::sync::watch;

use crate::{EventLog, Head, HeadReceiver, StagedBlock};

/// A commit that failed, or whose fate is unknown. The process has to end: the state in memory is ahead of the disk.
#[derive(Debug, Error)]
#[error("the blocks {first} to {last} could not be committed")]
pub struct CommitFault {
    /// First height of the transaction.
    pub first: u64,
    /// Last height of the transaction.
    pub last: u64,
    /// What the store said.
    #[source]
    pub source: StoreFault,
}

/// Makes staged blocks durable and then visible.
#[derive(Debug)]
pub struct Committer {
    store: Store,
    lease: Lease,
    head: watch::Sender<Arc<Head>>,
    log: Arc<EventLog>,
}

impl Committer {
    /// A committer that continues after `height`, whose state is `state`.
    #[must_use]
    pub fn new(store: Store, lease: Lease, log: Arc<EventLog>, height: Option<u64>, state: State) -> Self {
        let (head, _) = watch::channel(Arc::new(Head { height, state }));
        Self { store, lease, head, log }
    }

    /// Follows the committed heads.
    #[must_use]
    pub fn head(&self) -> HeadReceiver {
        HeadReceiver(self.head.subscribe())
    }

    /// Commits consecutive staged blocks in one transaction, then publishes the last state and all events.
    ///
    /// # Errors
    /// [`CommitFault`]; nothing was published then.
    pub async fn commit(&mut self, staged: Vec<StagedBlock>) -> Result<(), CommitFault> {
        let (mut outcomes, mut state) = (Vec::with_capacity(staged.len()), None);
        for block in staged {
            outcomes.push(block.outcome);
            state = Some(block.state);
        }
        let (Some(state), Some(first), Some(last)) = (state, outcomes.first(), outcomes.last()) else {
            return Ok(());
        };
        let (first, last, last_time) = (first.height, last.height, last.last_time);
        self.store.commit(&self.lease, &outcomes).await.map_err(|source| CommitFault { first, last, source })?;
        let events = outcomes.into_iter().flat_map(|outcome| outcome.events).map(Arc::new).collect();
        self.head.send_replace(Arc::new(Head { height: Some(last), state }));
        self.log.publish(events, last_time);
        Ok(())
    }
}
