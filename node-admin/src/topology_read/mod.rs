//! `TopologyManagerReadService`: reads the node's topology stores.

mod export;
mod lists;
mod query;
mod service;

use synod_rpc::topology::admin::v30::topology_manager_read_service_server::TopologyManagerReadServiceServer;

use crate::StageReceiver;
use crate::stores::TopologyStores;

pub(crate) use export::parts;

/// Serves reads of the topology stores of a node.
#[derive(Debug, Clone)]
pub struct TopologyReadAdmin {
    stage: StageReceiver,
    stores: TopologyStores,
}

impl TopologyReadAdmin {
    /// The service of the node whose stage this is, over its stores.
    #[must_use]
    pub const fn new(stage: StageReceiver, stores: TopologyStores) -> Self {
        Self { stage, stores }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> TopologyManagerReadServiceServer<Self> {
        TopologyManagerReadServiceServer::new(self)
    }
}
