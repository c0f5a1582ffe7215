//! A mediator at one sequencer.

use async_trait::async_trait;
use bytes::Bytes;
use synod_client::{ClientError, MemberTopology, ReceivedEvent, Session, Submission, Subscription};
use synod_types::{CantonTimestamp, MessageId};
use synod_wire::Batch;

use super::link::{MediatorEvents, SequencerLink};

#[async_trait]
impl SequencerLink for Session {
    async fn send(&self, signed: Bytes) -> Result<(), ClientError> {
        self.send_signed(signed).await
    }

    async fn ask_for_time(&self, message_id: &str) -> Result<(), ClientError> {
        let message_id = MessageId::parse(message_id)
            .map_err(|error| ClientError::Answer { call: "SendAsync", reason: error.to_string() })?;
        let version = self.connection().psid().protocol_version();
        Self::send(self, Submission::new(message_id, Batch::empty(version), CantonTimestamp::MAX)).await
    }

    async fn acknowledge(&self, time: CantonTimestamp) -> Result<(), ClientError> {
        Self::acknowledge(self, time).await
    }
}

#[async_trait]
impl MediatorEvents for Subscription {
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
