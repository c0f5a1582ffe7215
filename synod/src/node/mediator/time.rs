//! The time of the synchronizer, as the mediator has observed it.

use std::sync::Arc;
use std::time::Duration;

use synod_mediator::node::SequencerLink;
use synod_node_admin::{NodeFault, SynchronizerTime};
use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_types::{CantonTimestamp, MessageId, PhysicalSynchronizerId};
use tonic::async_trait;

use super::status::{MediatorStatus, Running};

/// Pause between two requests for a time that has not come.
const PAUSE: Duration = Duration::from_millis(500);

/// The time of one node.
#[derive(Debug)]
pub(super) struct ObservedTime {
    pub(super) status: Arc<MediatorStatus>,
    pub(super) clock: Arc<dyn Clock>,
}

impl ObservedTime {
    fn running(&self) -> Result<&Running, NodeFault> {
        self.status.running.get().ok_or(NodeFault::Unavailable)
    }

    /// Asks for an event until there is one that is as wanted.
    async fn observe(&self, mut wanted: impl FnMut(CantonTimestamp) -> bool) -> Result<CantonTimestamp, NodeFault> {
        let running = self.running()?;
        let mut head = running.head.clone();
        loop {
            let id = format!("tick-{}", self.clock.now().as_micros());
            let id = MessageId::parse(&id).map_err(NodeFault::broken)?;
            let now = head.borrow().now();
            if let Err(error) = SequencerLink::ask_for_time(&running.pool, id, &now).await {
                tracing::info!(error = %Chain(&error), "the time could not be asked for; trying again");
            }
            let seen = async {
                let seen = head.wait_for(|head| head.processed.is_some_and(&mut wanted)).await;
                seen.map(|head| head.processed)
            };
            if let Ok(seen) = tokio::time::timeout(PAUSE, seen).await {
                return seen.ok().flatten().ok_or(NodeFault::Unavailable);
            }
        }
    }
}

#[async_trait]
impl SynchronizerTime for ObservedTime {
    fn synchronizer(&self) -> Option<PhysicalSynchronizerId> {
        self.status.running.get().map(|running| running.psid.clone())
    }

    async fn fetch_time(&self, freshness: Duration) -> Result<CantonTimestamp, NodeFault> {
        let last = self.running()?.head.borrow().processed;
        let oldest = self.clock.now().saturating_sub(freshness);
        match last.filter(|last| *last >= oldest) {
            Some(last) => Ok(last),
            None => self.observe(|time| last.is_none_or(|last| time > last)).await,
        }
    }

    async fn await_time(&self, time: CantonTimestamp) -> Result<(), NodeFault> {
        let mut head = self.running()?.head.clone();
        let reached = |head: &synod_mediator::node::MediatorHead| head.processed.is_some_and(|last| last >= time);
        // What comes by itself need not be asked for.
        let wait = Duration::from_micros(
            u64::try_from(time.as_micros().saturating_sub(self.clock.now().as_micros())).unwrap_or_default(),
        );
        let observed = async { head.wait_for(reached).await.map(drop) };
        match tokio::time::timeout(wait + PAUSE, observed).await {
            Ok(observed) => observed.map_err(|_| NodeFault::Unavailable),
            Err(_) => self.observe(|last| last >= time).await.map(drop),
        }
    }
}
