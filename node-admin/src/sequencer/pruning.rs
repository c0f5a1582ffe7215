//! What members have acknowledged, up to where that allows a sequencer to forget, and `SequencerPruningAdministrationService`
//! (chapter 03 §7.1, §7.2, chapter 05 §1.8).

use std::fmt::Debug;
use std::sync::Arc;

use synod_proto::admin::pruning::v30::{
    ClearScheduleRequest, ClearScheduleResponse, FindPruningTimestampRequest, FindPruningTimestampResponse,
    GetScheduleRequest, GetScheduleResponse, SetCronRequest, SetCronResponse, SetMaxDurationRequest,
    SetMaxDurationResponse, SetRetentionRequest, SetRetentionResponse, SetScheduleRequest, SetScheduleResponse,
};
use synod_proto::sequencer::admin::v30::{PruneRequest, PruneResponse};
use synod_rpc::sequencer::admin::v30::sequencer_pruning_administration_service_server::{
    SequencerPruningAdministrationService, SequencerPruningAdministrationServiceServer,
};
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;
use tonic::{Request, Response, Status, async_trait};

use crate::{NodeFault, StageReceiver, times};

/// What a sequencer knows of a member (`SequencerMemberStatus`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencerMember {
    /// Who it is.
    pub member: Member,
    /// From when on events may be for it.
    pub registered_at: CantonTimestamp,
    /// The newest time up to which it says that it has processed its events.
    pub last_acknowledged: Option<CantonTimestamp>,
    /// False when this sequencer refuses it.
    pub is_enabled: bool,
}

impl SequencerMember {
    /// Before this time the member does not read any more.
    #[must_use]
    pub fn safe_pruning_time(&self) -> CantonTimestamp {
        self.last_acknowledged.unwrap_or(self.registered_at)
    }
}

/// The members of a sequencer, and what it has forgotten already (`SequencerPruningStatus`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencerPruningState {
    /// The time of the sequencer's clock.
    pub now: CantonTimestamp,
    /// Events before this time are not there; `None` when nothing was pruned.
    pub lower_bound: Option<CantonTimestamp>,
    /// All registered members.
    pub members: Vec<SequencerMember>,
}

impl SequencerPruningState {
    /// The latest time up to which can be pruned: the earliest that an enabled member needs; `now` without any.
    #[must_use]
    pub fn safe_pruning_time(&self) -> CantonTimestamp {
        let enabled = self.members.iter().filter(|member| member.is_enabled);
        enabled.map(SequencerMember::safe_pruning_time).min().unwrap_or(self.now)
    }
}

/// Why a sequencer forgot nothing.
#[derive(Debug, Error)]
pub enum SequencerPruneRefused {
    /// An enabled member may read what was to be deleted (`UnsafePruningPoint`).
    #[error("Could not prune at [{requested}] as the earliest safe pruning point is [{safe}]")]
    Unsafe {
        /// Up to when data was to be deleted.
        requested: CantonTimestamp,
        /// The latest time that is possible now.
        safe: CantonTimestamp,
    },
    /// The node could not do it.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// What a running sequencer keeps, and for whom. All of it is about this node alone: other sequencers do not learn of it.
#[async_trait]
pub trait SequencerPruning: Debug + Send + Sync {
    /// Which members there are, and what they have acknowledged.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn pruning_state(&self) -> Result<SequencerPruningState, NodeFault>;

    /// Deletes the events before `before`. Returns what was deleted, in words. May be broken off and called again; with an
    /// earlier time than before it deletes nothing.
    ///
    /// # Errors
    /// [`SequencerPruneRefused`]; nothing is deleted when it is unsafe.
    async fn prune(&self, before: CantonTimestamp) -> Result<String, SequencerPruneRefused>;

    /// Refuses a member from now on, also after a restart, and does not keep anything for it any more. A member that is not
    /// registered is passed over.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn disable_member(&self, member: &Member) -> Result<(), NodeFault>;
}

/// Serves the pruning of a sequencer, from when it runs.
#[derive(Debug, Clone)]
pub struct SequencerPruningAdmin {
    stage: StageReceiver,
    pruning: Arc<dyn SequencerPruning>,
}

impl SequencerPruningAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, pruning: Arc<dyn SequencerPruning>) -> Self {
        Self { stage, pruning }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SequencerPruningAdministrationServiceServer<Self> {
        SequencerPruningAdministrationServiceServer::new(self)
    }
}

/// What block sequencers of Canton answer to all calls about a schedule.
fn no_schedule() -> Status {
    Status::unimplemented("This sequencer does not support scheduled pruning")
}

#[async_trait]
impl SequencerPruningAdministrationService for SequencerPruningAdmin {
    async fn prune(&self, request: Request<PruneRequest>) -> Result<Response<PruneResponse>, Status> {
        self.stage.running_or_unimplemented("SequencerPruningAdministrationService")?;
        let before = times::required("timestamp", request.into_inner().timestamp).map_err(Status::invalid_argument)?;
        let details = self.pruning.prune(before).await.map_err(|refused| match refused {
            SequencerPruneRefused::Unsafe { .. } => Status::failed_precondition(refused.to_string()),
            SequencerPruneRefused::Fault(fault) => fault.status(&self.stage),
        })?;
        Ok(Response::new(PruneResponse { details }))
    }

    async fn find_pruning_timestamp(
        &self,
        _: Request<FindPruningTimestampRequest>,
    ) -> Result<Response<FindPruningTimestampResponse>, Status> {
        // As block sequencers of Canton answer.
        Err(Status::unimplemented("This sequencer does not support pruning"))
    }

    async fn get_schedule(&self, _: Request<GetScheduleRequest>) -> Result<Response<GetScheduleResponse>, Status> {
        Err(no_schedule())
    }

    async fn set_schedule(&self, _: Request<SetScheduleRequest>) -> Result<Response<SetScheduleResponse>, Status> {
        Err(no_schedule())
    }

    async fn clear_schedule(
        &self,
        _: Request<ClearScheduleRequest>,
    ) -> Result<Response<ClearScheduleResponse>, Status> {
        Err(no_schedule())
    }

    async fn set_cron(&self, _: Request<SetCronRequest>) -> Result<Response<SetCronResponse>, Status> {
        Err(no_schedule())
    }

    async fn set_max_duration(
        &self,
        _: Request<SetMaxDurationRequest>,
    ) -> Result<Response<SetMaxDurationResponse>, Status> {
        Err(no_schedule())
    }

    async fn set_retention(&self, _: Request<SetRetentionRequest>) -> Result<Response<SetRetentionResponse>, Status> {
        Err(no_schedule())
    }
}

#[cfg(test)]
mod tests;
