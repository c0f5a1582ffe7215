//! `MediatorStatusService` (chapter 05 §1.3).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use synod_proto::admin::health::v30::{Status as CommonStatus, TopologyQueueStatus};
use synod_proto::admin::mediator::v30::mediator_status_response::{Kind, MediatorStatusResponseStatus};
use synod_proto::admin::mediator::v30::{MediatorStatusRequest, MediatorStatusResponse};
use synod_rpc::admin::mediator::v30::mediator_status_service_server::{
    MediatorStatusService, MediatorStatusServiceServer,
};
use synod_types::{PhysicalSynchronizerId, UniqueIdentifier};
use tonic::{Request, Response, Status, async_trait};

use crate::component::component;
use crate::{RELEASE_VERSION, StageReceiver, times};

/// A running mediator, seen from outside.
#[derive(Debug, Clone)]
pub struct MediatorStatusView {
    /// Its identity.
    pub uid: UniqueIdentifier,
    /// The synchronizer whose transactions it judges.
    pub psid: PhysicalSynchronizerId,
    /// Since when the process runs.
    pub uptime: Duration,
    /// Port of the administration API.
    pub admin_port: u16,
    /// Whether it judges; false on a replica that waits for the other one to fail.
    pub active: bool,
    /// Its parts by name, each with what is wrong with it, if anything.
    pub components: Vec<(String, Option<String>)>,
    /// Topology transactions that were taken but are not yet effective. The Console waits until all are zero.
    pub topology_queues: TopologyQueueStatus,
}

/// Where the status comes from.
pub trait MediatorStatusSource: Debug + Send + Sync {
    /// The status now; `None` when the mediator does not run.
    fn status(&self) -> Option<MediatorStatusView>;
}

/// Serves the status of a mediator.
#[derive(Debug, Clone)]
pub struct MediatorStatusAdmin {
    stage: StageReceiver,
    source: Arc<dyn MediatorStatusSource>,
}

impl MediatorStatusAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, source: Arc<dyn MediatorStatusSource>) -> Self {
        Self { stage, source }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> MediatorStatusServiceServer<Self> {
        MediatorStatusServiceServer::new(self)
    }
}

#[async_trait]
impl MediatorStatusService for MediatorStatusAdmin {
    async fn mediator_status(
        &self,
        _: Request<MediatorStatusRequest>,
    ) -> Result<Response<MediatorStatusResponse>, Status> {
        let kind = match self.stage.not_initialized() {
            Some(waiting) => Kind::NotInitialized(waiting),
            None => Kind::Status(render(
                self.source.status().ok_or_else(|| Status::unavailable("the mediator is starting or stopping"))?,
            )),
        };
        Ok(Response::new(MediatorStatusResponse { kind: Some(kind) }))
    }
}

fn render(view: MediatorStatusView) -> MediatorStatusResponseStatus {
    let components = view.components.into_iter().map(|(name, problem)| component(&name, problem)).collect();
    MediatorStatusResponseStatus {
        physical_synchronizer_id: view.psid.to_string(),
        protocol_version: view.psid.protocol_version().number(),
        common_status: Some(CommonStatus {
            uid: view.uid.to_string(),
            uptime: times::duration_to_proto(view.uptime),
            ports: BTreeMap::from([("admin".to_owned(), i32::from(view.admin_port))]),
            active: view.active,
            topology_queues: Some(view.topology_queues),
            components,
            version: RELEASE_VERSION.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
