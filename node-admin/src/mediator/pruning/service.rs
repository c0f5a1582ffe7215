//! The service over [`MediatorPruning`].

use std::num::NonZeroU32;
use std::sync::Arc;

use synod_proto::admin::pruning::v30::{
    ClearScheduleRequest, ClearScheduleResponse, FindPruningTimestampRequest, FindPruningTimestampResponse,
    GetScheduleRequest, GetScheduleResponse, SetCronRequest, SetCronResponse, SetMaxDurationRequest,
    SetMaxDurationResponse, SetRetentionRequest, SetRetentionResponse, SetScheduleRequest, SetScheduleResponse,
};
use synod_proto::mediator::admin::v30::mediator_pruning::{PruneRequest, PruneResponse};
use synod_rpc::mediator::admin::v30::mediator_administration_service_server::{
    MediatorAdministrationService, MediatorAdministrationServiceServer,
};
use tonic::{Request, Response, Status, async_trait};

use super::schedule::{PruningSchedule, ScheduleChange, cron};
use super::{ChangeScheduleRefused, MediatorPruning, PruneRefused};
use crate::errors::{Trace, malformed};
use crate::{StageReceiver, times};

/// Serves the pruning of a mediator, from when it runs.
#[derive(Debug, Clone)]
pub struct MediatorPruningAdmin {
    stage: StageReceiver,
    pruning: Arc<dyn MediatorPruning>,
}

impl MediatorPruningAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, pruning: Arc<dyn MediatorPruning>) -> Self {
        Self { stage, pruning }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> MediatorAdministrationServiceServer<Self> {
        MediatorAdministrationServiceServer::new(self)
    }

    fn check_stage(&self) -> Result<(), Status> {
        self.stage.running_or_unimplemented("MediatorAdministrationService")
    }

    /// Changes a part of the schedule, if it was read well.
    async fn change(&self, trace: &Trace, change: Result<ScheduleChange, String>) -> Result<(), Status> {
        self.check_stage()?;
        let change = change.map_err(|reason| malformed(reason).status(trace))?;
        let field = change.field();
        self.pruning.change_schedule(change).await.map_err(|refused| match refused {
            ChangeScheduleRefused::NoSchedule => Status::invalid_argument(format!(
                "Attempt to update {field} of a schedule that has not been previously configured. Use set_schedule \
                 instead."
            )),
            ChangeScheduleRefused::Fault(fault) => fault.status(&self.stage),
        })
    }
}

#[async_trait]
impl MediatorAdministrationService for MediatorPruningAdmin {
    async fn prune(&self, request: Request<PruneRequest>) -> Result<Response<PruneResponse>, Status> {
        self.check_stage()?;
        let up_to = times::required("timestamp", request.into_inner().timestamp).map_err(Status::invalid_argument)?;
        self.pruning.prune(up_to).await.map_err(|refused| match refused {
            PruneRefused::NoData => Status::failed_precondition(refused.to_string()),
            PruneRefused::TooLate { .. } => Status::invalid_argument(refused.to_string()),
            PruneRefused::Fault(fault) => fault.status(&self.stage),
        })?;
        Ok(Response::new(PruneResponse {}))
    }

    async fn find_pruning_timestamp(
        &self,
        request: Request<FindPruningTimestampRequest>,
    ) -> Result<Response<FindPruningTimestampResponse>, Status> {
        self.check_stage()?;
        let index = request.into_inner().index;
        let position = u32::try_from(index).ok().and_then(NonZeroU32::new);
        let position =
            position.ok_or_else(|| Status::invalid_argument(format!("the index is {index}; the first is 1")))?;
        let found = self.pruning.find_pruning_timestamp(position).await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(FindPruningTimestampResponse { timestamp: found.map(times::to_proto) }))
    }

    async fn get_schedule(&self, _: Request<GetScheduleRequest>) -> Result<Response<GetScheduleResponse>, Status> {
        self.check_stage()?;
        let schedule = self.pruning.schedule().await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(GetScheduleResponse { schedule: schedule.map(|schedule| schedule.to_proto()) }))
    }

    async fn set_schedule(
        &self,
        request: Request<SetScheduleRequest>,
    ) -> Result<Response<SetScheduleResponse>, Status> {
        self.check_stage()?;
        let trace = Trace::of(&request);
        let schedule = request.into_inner().schedule.ok_or_else(|| times::not_set("schedule"));
        let schedule = schedule.and_then(|schedule| PruningSchedule::from_proto(&schedule));
        let schedule = schedule.map_err(|reason| malformed(reason).status(&trace))?;
        self.pruning.set_schedule(Some(schedule)).await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(SetScheduleResponse {}))
    }

    async fn clear_schedule(
        &self,
        _: Request<ClearScheduleRequest>,
    ) -> Result<Response<ClearScheduleResponse>, Status> {
        self.check_stage()?;
        self.pruning.set_schedule(None).await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(ClearScheduleResponse {}))
    }

    async fn set_cron(&self, request: Request<SetCronRequest>) -> Result<Response<SetCronResponse>, Status> {
        let trace = Trace::of(&request);
        self.change(&trace, cron(&request.into_inner().cron).map(ScheduleChange::Cron)).await?;
        Ok(Response::new(SetCronResponse {}))
    }

    async fn set_max_duration(
        &self,
        request: Request<SetMaxDurationRequest>,
    ) -> Result<Response<SetMaxDurationResponse>, Status> {
        let trace = Trace::of(&request);
        let duration = times::positive_seconds("max_duration", request.into_inner().max_duration);
        self.change(&trace, duration.map(ScheduleChange::MaxDuration)).await?;
        Ok(Response::new(SetMaxDurationResponse {}))
    }

    async fn set_retention(
        &self,
        request: Request<SetRetentionRequest>,
    ) -> Result<Response<SetRetentionResponse>, Status> {
        let trace = Trace::of(&request);
        let duration = times::positive_seconds("retention", request.into_inner().retention);
        self.change(&trace, duration.map(ScheduleChange::Retention)).await?;
        Ok(Response::new(SetRetentionResponse {}))
    }
}

#[cfg(test)]
mod tests;
