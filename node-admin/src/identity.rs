//! `IdentityInitializationService` of a node that made its own identity (chapter 05 §1.2).

use std::time::{SystemTime, UNIX_EPOCH};

use synod_proto::topology::admin::v30::{
    CurrentTimeRequest, CurrentTimeResponse, GetIdRequest, GetIdResponse, InitIdRequest, InitIdResponse,
};
use synod_rpc::topology::admin::v30::identity_initialization_service_server::{
    IdentityInitializationService, IdentityInitializationServiceServer,
};
use tonic::{Request, Response, Status, async_trait};

use crate::StageReceiver;

/// Serves the identity of a node with `init.identity.type = auto`.
#[derive(Debug, Clone)]
pub struct IdentityAdmin {
    stage: StageReceiver,
}

impl IdentityAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub const fn new(stage: StageReceiver) -> Self {
        Self { stage }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> IdentityInitializationServiceServer<Self> {
        IdentityInitializationServiceServer::new(self)
    }
}

#[async_trait]
impl IdentityInitializationService for IdentityAdmin {
    async fn init_id(&self, _: Request<InitIdRequest>) -> Result<Response<InitIdResponse>, Status> {
        Err(Status::failed_precondition("the node makes its identity itself: its identity type is auto"))
    }

    async fn get_id(&self, _: Request<GetIdRequest>) -> Result<Response<GetIdResponse>, Status> {
        let uid = self.stage.uid();
        Ok(Response::new(GetIdResponse {
            initialized: uid.is_some(),
            unique_identifier: uid.map(|uid| uid.to_string()).unwrap_or_default(),
        }))
    }

    async fn current_time(&self, _: Request<CurrentTimeRequest>) -> Result<Response<CurrentTimeResponse>, Status> {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| Status::internal("the clock of this machine is before 1970"))?;
        let current_time = i64::try_from(since_epoch.as_micros())
            .map_err(|_| Status::internal("the clock of this machine is out of range"))?;
        Ok(Response::new(CurrentTimeResponse { current_time }))
    }
}
