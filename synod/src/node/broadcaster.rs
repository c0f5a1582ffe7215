//! How a sequencer node sends topology: by its own sequencer, as a member of its own.

use bytes::Bytes;
use synod_node_admin::{NotBroadcast, TopologyBroadcaster};
use synod_pipeline::HeadReceiver;
use synod_sequencer_gateway::GatewayHandle;
use synod_types::CantonTimestamp;
use tonic::async_trait;

/// The sequencer of one node.
#[derive(Debug)]
pub(super) struct SequencerBroadcaster {
    pub(super) gateway: GatewayHandle,
    pub(super) head: HeadReceiver,
}

#[async_trait]
impl TopologyBroadcaster for SequencerBroadcaster {
    async fn broadcast(&self, content: Bytes) -> Result<CantonTimestamp, NotBroadcast> {
        self.gateway.broadcast(content).await.map_err(NotBroadcast::new)
    }

    async fn observed_after(&self, time: CantonTimestamp) {
        if self.head.clone().wait_until(|head| head.state.last_time() > time).await.is_none() {
            // The node stops: there is nothing more to observe.
            std::future::pending::<()>().await;
        }
    }
}
