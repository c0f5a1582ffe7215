//! `SequencerStatusService` (chapter 05 §1.3).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use synod_proto::admin::health::v30::{Status as CommonStatus, TopologyQueueStatus};
use synod_proto::admin::sequencer::v30::sequencer_status_response::{
    ConnectedMediator, ConnectedParticipant, Kind, SequencerStatusResponseStatus,
};
use synod_proto::admin::sequencer::v30::{
    SequencerAdminStatus, SequencerHealthStatus, SequencerStatusRequest, SequencerStatusResponse,
};
use synod_rpc::admin::sequencer::v30::sequencer_status_service_server::{
    SequencerStatusService, SequencerStatusServiceServer,
};
use synod_types::{Member, MemberKind, PhysicalSynchronizerId, UniqueIdentifier};
use tonic::{Request, Response, Status, async_trait};

use crate::component::component;
use crate::{RELEASE_VERSION, StageReceiver};

/// A running sequencer, seen from outside.
#[derive(Debug, Clone)]
pub struct SequencerStatusView {
    /// Its identity.
    pub uid: UniqueIdentifier,
    /// The synchronizer that it serves.
    pub psid: PhysicalSynchronizerId,
    /// Since when the process runs.
    pub uptime: Duration,
    /// Port of the public API.
    pub public_port: u16,
    /// Port of the administration API.
    pub admin_port: u16,
    /// Members with an open subscription here.
    pub connected: Vec<Member>,
    /// Whether it takes submissions.
    pub active: bool,
    /// Its parts by name, each with what is wrong with it, if anything.
    pub components: Vec<(String, Option<String>)>,
    /// Topology transactions that were taken but are not yet effective.
    pub topology_queues: TopologyQueueStatus,
}

/// Where the status comes from.
pub trait SequencerStatusSource: Debug + Send + Sync {
    /// The status now; `None` when the sequencer does not run.
    fn status(&self) -> Option<SequencerStatusView>;
}

/// Serves the status of a sequencer.
#[derive(Debug, Clone)]
pub struct SequencerStatusAdmin {
    stage: StageReceiver,
    source: Arc<dyn SequencerStatusSource>,
}

impl SequencerStatusAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, source: Arc<dyn SequencerStatusSource>) -> Self {
        Self { stage, source }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SequencerStatusServiceServer<Self> {
        SequencerStatusServiceServer::new(self)
    }
}

#[async_trait]
impl SequencerStatusService for SequencerStatusAdmin {
    async fn sequencer_status(
        &self,
        _: Request<SequencerStatusRequest>,
    ) -> Result<Response<SequencerStatusResponse>, Status> {
        let kind = match self.stage.not_initialized() {
            Some(waiting) => Kind::NotInitialized(waiting),
            None => Kind::Status(render(
                self.source.status().ok_or_else(|| Status::unavailable("the sequencer is starting or stopping"))?,
            )),
        };
        Ok(Response::new(SequencerStatusResponse { kind: Some(kind) }))
    }
}

fn render(view: SequencerStatusView) -> SequencerStatusResponseStatus {
    let uids = |kind: MemberKind| {
        view.connected.iter().filter(move |member| member.kind() == kind).map(|member| member.uid().to_string())
    };
    let ports = BTreeMap::from([
        ("admin".to_owned(), i32::from(view.admin_port)),
        ("public".to_owned(), i32::from(view.public_port)),
    ]);
    let components = view.components.iter().map(|(name, problem)| component(name, problem.clone())).collect();
    SequencerStatusResponseStatus {
        connected_participants: uids(MemberKind::Participant).map(|uid| ConnectedParticipant { uid }).collect(),
        connected_mediators: uids(MemberKind::Mediator).map(|uid| ConnectedMediator { uid }).collect(),
        sequencer: Some(SequencerHealthStatus { active: view.active, details: None }),
        admin: Some(SequencerAdminStatus { accepts_admin_changes: true }),
        physical_synchronizer_id: view.psid.to_string(),
        protocol_version: view.psid.protocol_version().number(),
        common_status: Some(CommonStatus {
            uid: view.uid.to_string(),
            uptime: prost_types::Duration::try_from(view.uptime).ok(),
            ports,
            active: true,
            topology_queues: Some(view.topology_queues),
            components,
            version: RELEASE_VERSION.to_owned(),
        }),
    }
}
