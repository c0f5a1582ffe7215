//! `TopologyManagerReadService`: reads the node's topology stores.
//!
//! Served is what founding needs: `ListAllV2` of the authorized store. All other calls answer `UNIMPLEMENTED`.

mod query;
mod service;

use std::fmt::Debug;
use std::sync::Arc;

use synod_rpc::topology::admin::v30::topology_manager_read_service_server::TopologyManagerReadServiceServer;
use synod_topology::TopologyRow;

use crate::StageReceiver;

/// Serves reads of the authorized store: the transactions that the node made of itself.
#[derive(Debug, Clone)]
pub struct TopologyReadAdmin {
    stage: StageReceiver,
    authorized: Arc<[TopologyRow]>,
}

impl TopologyReadAdmin {
    /// The service of the node whose stage this is, over the rows of its authorized store in order of insertion.
    #[must_use]
    pub const fn new(stage: StageReceiver, authorized: Arc<[TopologyRow]>) -> Self {
        Self { stage, authorized }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> TopologyManagerReadServiceServer<Self> {
        TopologyManagerReadServiceServer::new(self)
    }
}
