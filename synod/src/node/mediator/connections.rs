//! The connections of a running mediator, for the administration API.

use std::sync::Arc;
use std::time::Duration;

use synod_client::{ConnectionValidation, PoolConfig};
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{MediatorConnections, ReplaceRefused};
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_runtime::Chain;
use tonic::{Status, async_trait};

use super::{MediatorNode, sequencers};

/// How long each new connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Those of one node.
#[derive(Debug)]
pub(super) struct Connections(pub(super) Arc<MediatorNode>);

#[async_trait]
impl MediatorConnections for Connections {
    async fn connections(&self) -> Result<Option<SequencerConnections>, NodeFault> {
        let stored = self.0.store.configuration().await.map_err(NodeFault::broken)?;
        let stored = stored.map(|configuration| sequencers::of_bytes(&configuration.sequencer_connections));
        stored.transpose().map_err(NodeFault::broken)
    }

    async fn replace(&self, connections: SequencerConnections) -> Result<(), ReplaceRefused> {
        let running = self.0.status.running.get().ok_or(NodeFault::Unavailable)?;
        let config =
            PoolConfig::from_proto(&connections).map_err(|error| ReplaceRefused::NotUsable(error.to_string()))?;
        let validation = ConnectionValidation::ThresholdActive;
        let replaced = running.pool.set_config(config, validation, CONNECT_LIMIT).await;
        replaced.map_err(|error| ReplaceRefused::NotUsable(Chain(&error).to_string()))?;
        let stored = sequencers::to_bytes(&connections);
        let stored = self.0.store.set_connections(&self.0.foundation.lease, &stored).await;
        stored.map_err(|error| ReplaceRefused::Fault(NodeFault::broken(error)))
    }

    async fn logout(&self) -> Result<(), Status> {
        let running = self.0.status.running.get().ok_or_else(|| Status::unavailable("the mediator is starting"))?;
        running.pool.logout().await.map_err(|error| match error.status() {
            Some(status) => status.clone(),
            None => Status::unavailable(error.to_string()),
        })
    }
}
