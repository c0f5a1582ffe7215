//! The connections of a running mediator, for the administration API.

use std::sync::Arc;

use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{MediatorConnections, ReplaceRefused};
use synod_proto::admin::sequencer::v30::SequencerConnections;
use tonic::{Status, async_trait};

use super::{MediatorNode, sequencers};

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

    async fn replace(&self, _: SequencerConnections) -> Result<(), ReplaceRefused> {
        Err(ReplaceRefused::NotUsable("connections cannot be replaced yet".to_owned()))
    }

    async fn logout(&self) -> Result<(), Status> {
        let running = self.0.status.running.get().ok_or_else(|| Status::unavailable("the mediator is starting"))?;
        running.sequencers.logout().await.map_err(|error| match error.status() {
            Some(status) => status.clone(),
            None => Status::unavailable(error.to_string()),
        })
    }
}
