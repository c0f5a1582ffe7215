//! How a mediator node sends topology: as a member at its sequencers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_client::Submission;
use synod_machine::traffic::submission_cost;
use synod_node_admin::{NotBroadcast, TopologyBroadcaster};
use synod_ordering::Clock;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients};
use tonic::async_trait;

use super::status::MediatorStatus;

/// How long a broadcast may take to be sequenced (`topologyTransactionRegistrationTimeout`).
const LIFETIME: Duration = Duration::from_secs(20);

/// The mediator of one node.
#[derive(Debug)]
pub(super) struct MediatorBroadcaster {
    pub(super) status: Arc<MediatorStatus>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl TopologyBroadcaster for MediatorBroadcaster {
    async fn broadcast(&self, content: Bytes) -> Result<CantonTimestamp, NotBroadcast> {
        let running = self.status.running.get().ok_or_else(|| NotBroadcast::new("the mediator does not run"))?;
        // By what is in force at the last event: later changes are not effective yet.
        let now = running.head.borrow().now();
        let max_sequencing_time = self.clock.now().saturating_add(LIFETIME);
        let submission = submission(content, max_sequencing_time, &now)?;
        // It has no aggregation rule, so it goes to one sequencer.
        let signed = submission.sign_in(running.pool.signer(), &now).map_err(NotBroadcast::new)?;
        running.pool.send(signed, None).await.map_err(NotBroadcast::new)?;
        Ok(max_sequencing_time)
    }

    async fn observed_after(&self, time: CantonTimestamp) {
        let Some(running) = self.status.running.get() else { return std::future::pending().await };
        let mut head = running.head.clone();
        if head.wait_for(|head| head.processed.is_some_and(|last| last > time)).await.is_err() {
            // The mediator stops: there is nothing more to observe.
            std::future::pending::<()>().await;
        }
    }
}

/// One envelope with this content to everybody.
fn submission(
    content: Bytes,
    max_sequencing_time: CantonTimestamp,
    now: &Snapshot,
) -> Result<Submission, NotBroadcast> {
    let size = content.len();
    let everybody = Recipients::group([Recipient::AllMembersOfSynchronizer]);
    let everybody = everybody.ok_or_else(|| NotBroadcast::new("a broadcast has no recipients"))?;
    let envelope = Envelope { content, signatures: Vec::new() };
    let batch = Batch::new(now.psid().protocol_version(), vec![(envelope, everybody)]);
    let submission_cost = submission_cost(&batch, &[size], now);
    // One broadcast is sent after the other: no two have the same time.
    let message_id = MessageId::parse(&format!("topology-{}", max_sequencing_time.as_micros()));
    let message_id = message_id.map_err(NotBroadcast::new)?;
    Ok(Submission { submission_cost, ..Submission::new(message_id, batch, max_sequencing_time) })
}
