//! What a sequencer or a mediator has forgotten, may forget, and is to forget.

use std::time::Duration;

use synod_proto::admin::pruning::v30::{
    ClearScheduleRequest, FindPruningTimestampRequest, GetScheduleRequest, PruningSchedule, SetScheduleRequest,
};
use synod_proto::mediator::admin::v30::mediator_pruning;
use synod_proto::sequencer::admin::v30::{
    DisableMemberRequest, PruneRequest, PruningStatusRequest, SequencerPruningStatus,
};
use synod_rpc::mediator::admin::v30::mediator_administration_service_client::MediatorAdministrationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_pruning_administration_service_client::SequencerPruningAdministrationServiceClient;
use synod_types::CantonTimestamp;

use super::connecting::AdminChannel;
use super::{AdminCallError, NodeAdmin, times};

/// When a mediator prunes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When it begins, as Quartz writes it.
    pub(crate) cron: String,
    /// How long it may take each time.
    pub(crate) max_duration: Duration,
    /// How old data has to be.
    pub(crate) retention: Duration,
}

impl NodeAdmin {
    /// Of a sequencer: what its members have read.
    pub(crate) async fn sequencer_pruning(&self) -> Result<SequencerPruningStatus, AdminCallError> {
        let answer = self.sequencer().pruning_status(PruningStatusRequest {}).await;
        Ok(answer.map_err(self.refused("PruningStatus"))?.into_inner().pruning_status.unwrap_or_default())
    }

    /// Has a sequencer delete the events before a time. Returns what it says about that.
    pub(crate) async fn prune_sequencer(&self, before: CantonTimestamp) -> Result<String, AdminCallError> {
        let mut service = SequencerPruningAdministrationServiceClient::new(self.channel());
        let request = PruneRequest { timestamp: Some(times::timestamp(before)) };
        Ok(service.prune(request).await.map_err(self.refused("Prune"))?.into_inner().details)
    }

    /// Has a sequencer refuse a member for ever.
    pub(crate) async fn disable_member(&self, member: &str) -> Result<(), AdminCallError> {
        let disabled = self.sequencer().disable_member(DisableMemberRequest { member: member.to_owned() }).await;
        disabled.map(|_| ()).map_err(self.refused("DisableMember"))
    }

    fn mediator(&self) -> MediatorAdministrationServiceClient<AdminChannel> {
        MediatorAdministrationServiceClient::new(self.channel())
    }

    /// Has a mediator delete the verdicts up to a time.
    pub(crate) async fn prune_mediator(&self, up_to: CantonTimestamp) -> Result<(), AdminCallError> {
        let request = mediator_pruning::PruneRequest { timestamp: Some(times::timestamp(up_to)) };
        self.mediator().prune(request).await.map(|_| ()).map_err(self.refused("Prune"))
    }

    /// The time of the oldest verdict that a mediator has.
    pub(crate) async fn oldest_verdict(&self) -> Result<Option<CantonTimestamp>, AdminCallError> {
        let found = self.mediator().find_pruning_timestamp(FindPruningTimestampRequest { index: 1 }).await;
        let found = found.map_err(self.refused("FindPruningTimestamp"))?.into_inner().timestamp;
        Ok(found.as_ref().and_then(times::from_proto))
    }

    /// When a mediator prunes by itself, if it does.
    pub(crate) async fn pruning_schedule(&self) -> Result<Option<Schedule>, AdminCallError> {
        let answer = self.mediator().get_schedule(GetScheduleRequest {}).await.map_err(self.refused("GetSchedule"))?;
        let read = |duration: Option<prost_types::Duration>| {
            duration.and_then(|duration| Duration::try_from(duration).ok()).unwrap_or_default()
        };
        Ok(answer.into_inner().schedule.map(|schedule| Schedule {
            cron: schedule.cron,
            max_duration: read(schedule.max_duration),
            retention: read(schedule.retention),
        }))
    }

    /// Sets when a mediator prunes by itself.
    pub(crate) async fn set_pruning_schedule(&self, schedule: &Schedule) -> Result<(), AdminCallError> {
        let schedule = PruningSchedule {
            cron: schedule.cron.clone(),
            max_duration: Some(times::duration(schedule.max_duration)),
            retention: Some(times::duration(schedule.retention)),
        };
        let request = SetScheduleRequest { schedule: Some(schedule) };
        self.mediator().set_schedule(request).await.map(|_| ()).map_err(self.refused("SetSchedule"))
    }

    /// A mediator prunes by itself no more.
    pub(crate) async fn clear_pruning_schedule(&self) -> Result<(), AdminCallError> {
        let cleared = self.mediator().clear_schedule(ClearScheduleRequest {}).await;
        cleared.map(|_| ()).map_err(self.refused("ClearSchedule"))
    }
}
