//! The connections of a running mediator, for the administration API.

use std::sync::Arc;
use std::time::Duration;

use synod_client::{ConnectionValidation, PoolConfig};
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{MediatorConnections, ReplaceRefused};
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_runtime::Chain;
use tokio::sync::Mutex;
use tonic::{Status, async_trait};

use super::{MediatorNode, sequencers};

/// How long each new connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Those of one node.
#[derive(Debug)]
pub(super) struct Connections {
    node: Arc<MediatorNode>,
    /// Of two changes at the same time one waits for the other.
    turn: Mutex<()>,
}

impl Connections {
    pub(super) fn new(node: Arc<MediatorNode>) -> Self {
        Self { node, turn: Mutex::default() }
    }
}

#[async_trait]
impl MediatorConnections for Connections {
    async fn connections(&self) -> Result<Option<SequencerConnections>, NodeFault> {
        let stored = self.node.store.configuration().await.map_err(NodeFault::broken)?;
        let stored = stored.map(|configuration| sequencers::of_bytes(&configuration.sequencer_connections));
        stored.transpose().map_err(NodeFault::broken)
    }

    async fn replace(&self, connections: SequencerConnections) -> Result<(), ReplaceRefused> {
        let running = self.node.status.running.get().ok_or(NodeFault::Unavailable)?;
        let config =
            PoolConfig::from_proto(&connections).map_err(|error| ReplaceRefused::NotUsable(error.to_string()))?;
        let validation = ConnectionValidation::ThresholdActive;
        let _turn = self.turn.lock().await;
        let prepared = running.pool.prepare_config(config, validation, CONNECT_LIMIT).await;
        let prepared = prepared.map_err(|error| ReplaceRefused::NotUsable(Chain(&error).to_string()))?;
        // Stored first: what is used is what a restart uses. When it is not known whether they are stored, the node stops.
        let stored = sequencers::to_bytes(&connections);
        let stored = self.node.store.set_connections(&self.node.foundation.lease, &stored).await;
        stored.map_err(|error| ReplaceRefused::Fault(NodeFault::broken(error)))?;
        running.pool.use_config(prepared);
        Ok(())
    }

    async fn logout(&self) -> Result<(), Status> {
        let running = self.node.status.running.get().ok_or_else(|| Status::unavailable("the mediator is starting"))?;
        running.pool.logout().await.map_err(|error| match error.status() {
            Some(status) => status.clone(),
            None => Status::unavailable(error.to_string()),
        })
    }
}
