//! A mediator at its sequencers.

use async_trait::async_trait;
use synod_client::{
    ClientError, MemberTopology, PoolSubscription, ReceivedEvent, SequencerPool, SignedSubmission, Submission,
};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId};
use synod_wire::Batch;

use super::link::{MediatorEvents, SequencerLink};

#[async_trait]
impl SequencerLink for SequencerPool {
    async fn send(&self, submission: SignedSubmission) -> Result<(), ClientError> {
        Self::send(self, submission, None).await
    }

    async fn ask_for_time(&self, message_id: MessageId, now: &Snapshot) -> Result<(), ClientError> {
        let batch = Batch::empty(now.psid().protocol_version());
        let submission = Submission::new(message_id, batch, CantonTimestamp::MAX).sign_in(self.signer(), now)?;
        Self::send(self, submission, None).await
    }

    async fn acknowledge(&self, time: CantonTimestamp, topology: &Snapshot) -> Result<(), ClientError> {
        Self::acknowledge(self, time, topology).await
    }
}

#[async_trait]
impl MediatorEvents for PoolSubscription {
    async fn next(&mut self) -> Result<ReceivedEvent, ClientError> {
        Self::next(self).await
    }

    fn topology(&self) -> Option<&MemberTopology> {
        Self::topology(self)
    }

    fn forget_before(&mut self, time: CantonTimestamp) {
        if let Some(topology) = self.topology_mut() {
            topology.prune(time);
        }
    }
}
