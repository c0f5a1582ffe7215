//! `SequencerAdministrationService`: members, traffic and pruning of a sequencer (chapter 05 §1.8).
//!
//! Not served: the older ways to add a sequencer (`OnboardingState`, `Snapshot`), throughput caps, and what belongs to an upgrade
//! to a successor.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use synod_proto::sequencer::admin::v30::traffic_control_state_request::{RelativeTimestamp, TimestampSelector};
use synod_proto::sequencer::admin::v30::{
    DisableMemberRequest, DisableMemberResponse, GenerateAuthenticationTokenRequest,
    GenerateAuthenticationTokenResponse, GetLsuTrafficControlStateRequest, GetLsuTrafficControlStateResponse,
    GetThroughputCapRequest, GetThroughputCapResponse, OnboardingStateRequest, OnboardingStateResponse,
    OnboardingStateV2Request, OnboardingStateV2Response, PerformLsuSequencingTestRequest,
    PerformLsuSequencingTestResponse, PruningStatusRequest, PruningStatusResponse, SequencerMemberStatus,
    SequencerPruningStatus, SetLsuTrafficControlStateRequest, SetLsuTrafficControlStateResponse,
    SetThroughputCapRequest, SetThroughputCapResponse, SetTrafficPurchasedRequest, SetTrafficPurchasedResponse,
    SnapshotRequest, SnapshotResponse, TrafficControlStateRequest, TrafficControlStateResponse,
};
use synod_rpc::sequencer::admin::v30::sequencer_administration_service_server::{
    SequencerAdministrationService, SequencerAdministrationServiceServer,
};
use synod_types::{CantonTimestamp, Member, MemberKind};
use synod_wire::status::short_member;
use tonic::{Request, Response, Status, async_trait};

use super::onboarding::{SequencerOnboarding, reference};
use super::pruning::{SequencerMember, SequencerPruning, SequencerPruningState};
use super::traffic::{PurchaseRefused, SequencerTraffic, TrafficTime};
use crate::errors::{AdminError, ErrorCode, Trace, fault, malformed};
use crate::topology_read::parts;
use crate::{NodeStage, StageReceiver};

const CANNOT_DISABLE_LOCAL_SEQUENCER_MEMBER: ErrorCode =
    ErrorCode { id: "CANNOT_DISABLE_LOCAL_SEQUENCER_MEMBER", category: 8 };
const TRAFFIC_CONTROL_DISABLED: ErrorCode = ErrorCode { id: "TRAFFIC_CONTROL_DISABLED", category: 11 };
const TRAFFIC_CONTROL_SERIAL_TOO_LOW: ErrorCode = ErrorCode { id: "TRAFFIC_CONTROL_SERIAL_TOO_LOW", category: 11 };
const TRAFFIC_CONTROL_TOP_UP_SUBMISSION_FAILED: ErrorCode =
    ErrorCode { id: "TRAFFIC_CONTROL_TOP_UP_SUBMISSION_FAILED", category: 11 };

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves the operation of a sequencer, from when it runs.
#[derive(Debug, Clone)]
pub struct SequencerAdministrationAdmin {
    stage: StageReceiver,
    pruning: Arc<dyn SequencerPruning>,
    traffic: Arc<dyn SequencerTraffic>,
    onboarding: Arc<dyn SequencerOnboarding>,
}

impl SequencerAdministrationAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(
        stage: StageReceiver,
        pruning: Arc<dyn SequencerPruning>,
        traffic: Arc<dyn SequencerTraffic>,
        onboarding: Arc<dyn SequencerOnboarding>,
    ) -> Self {
        Self { stage, pruning, traffic, onboarding }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SequencerAdministrationServiceServer<Self> {
        SequencerAdministrationServiceServer::new(self)
    }

    fn check_stage(&self) -> Result<(), Status> {
        self.stage.running_or_unimplemented("SequencerAdministrationService")
    }

    /// Whether this is the sequencer itself as a member.
    fn is_own(&self, member: &Member) -> bool {
        let NodeStage::Running { uid } = self.stage.current() else { return false };
        *member == Member::new(MemberKind::Sequencer, uid)
    }
}

fn not_served(what: &str) -> Status {
    Status::unimplemented(format!("{what} is not served by this node"))
}

#[async_trait]
impl SequencerAdministrationService for SequencerAdministrationAdmin {
    async fn pruning_status(
        &self,
        _: Request<PruningStatusRequest>,
    ) -> Result<Response<PruningStatusResponse>, Status> {
        self.check_stage()?;
        let state = self.pruning.pruning_state().await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(PruningStatusResponse { pruning_status: Some(render(state)) }))
    }

    async fn disable_member(
        &self,
        request: Request<DisableMemberRequest>,
    ) -> Result<Response<DisableMemberResponse>, Status> {
        self.check_stage()?;
        let trace = Trace::of(&request);
        let member = Member::parse(&request.into_inner().member)
            .map_err(|error| Status::invalid_argument(format!("Unable to convert field `member`: {error}")))?;
        if self.is_own(&member) {
            let text = format!("Sequencer {} cannot disable its local sequencer subscription", short_member(&member));
            return Err(AdminError::new(CANNOT_DISABLE_LOCAL_SEQUENCER_MEMBER, text).status(&trace));
        }
        self.pruning.disable_member(&member).await.map_err(|fault| fault.status(&self.stage))?;
        tracing::info!(%member, "a member is disabled");
        Ok(Response::new(DisableMemberResponse {}))
    }

    async fn traffic_control_state(
        &self,
        request: Request<TrafficControlStateRequest>,
    ) -> Result<Response<TrafficControlStateResponse>, Status> {
        self.check_stage()?;
        let request = request.into_inner();
        let time = traffic_time(request.timestamp_selector).map_err(Status::invalid_argument)?;
        // What is no member is passed over; when nothing is left, all are meant (`trafficControlState`).
        let members: Vec<Member> = request.members.iter().filter_map(|member| Member::parse(member).ok()).collect();
        let states = self.traffic.traffic_states(&members, time).await.map_err(|fault| fault.status(&self.stage))?;
        let traffic_states = states.into_iter().map(|(member, state)| (member.to_string(), state)).collect();
        Ok(Response::new(TrafficControlStateResponse { traffic_states }))
    }

    async fn set_traffic_purchased(
        &self,
        request: Request<SetTrafficPurchasedRequest>,
    ) -> Result<Response<SetTrafficPurchasedResponse>, Status> {
        self.check_stage()?;
        let trace = Trace::of(&request);
        let (member, serial, total) = purchase(request.get_ref()).map_err(|error| error.status(&trace))?;
        self.traffic.purchase(&member, serial, total).await.map_err(|refused| {
            let text = refused.to_string();
            let code = match refused {
                PurchaseRefused::Disabled => TRAFFIC_CONTROL_DISABLED,
                PurchaseRefused::SerialTooLow { .. } => TRAFFIC_CONTROL_SERIAL_TOO_LOW,
                PurchaseRefused::NotSent(_) => TRAFFIC_CONTROL_TOP_UP_SUBMISSION_FAILED,
                PurchaseRefused::Fault(fault) => return fault.status(&self.stage),
            };
            AdminError::new(code, text).status(&trace)
        })?;
        Ok(Response::new(SetTrafficPurchasedResponse {}))
    }

    async fn generate_authentication_token(
        &self,
        _: Request<GenerateAuthenticationTokenRequest>,
    ) -> Result<Response<GenerateAuthenticationTokenResponse>, Status> {
        self.check_stage()?;
        // As Canton answers where it is not enabled, which is the default.
        Err(Status::failed_precondition(
            "This endpoint requires the 'canton.features.enable-testing-commands = yes' config flag",
        ))
    }

    async fn get_lsu_traffic_control_state(
        &self,
        _: Request<GetLsuTrafficControlStateRequest>,
    ) -> Result<Response<GetLsuTrafficControlStateResponse>, Status> {
        Err(not_served("GetLsuTrafficControlState"))
    }

    async fn set_lsu_traffic_control_state(
        &self,
        _: Request<SetLsuTrafficControlStateRequest>,
    ) -> Result<Response<SetLsuTrafficControlStateResponse>, Status> {
        Err(not_served("SetLsuTrafficControlState"))
    }

    async fn set_throughput_cap(
        &self,
        _: Request<SetThroughputCapRequest>,
    ) -> Result<Response<SetThroughputCapResponse>, Status> {
        Err(not_served("SetThroughputCap"))
    }

    async fn get_throughput_cap(
        &self,
        _: Request<GetThroughputCapRequest>,
    ) -> Result<Response<GetThroughputCapResponse>, Status> {
        Err(not_served("GetThroughputCap"))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<SnapshotResponse>, Status> {
        Err(not_served("Snapshot"))
    }

    type OnboardingStateStream = Answers<OnboardingStateResponse>;

    async fn onboarding_state(
        &self,
        _: Request<OnboardingStateRequest>,
    ) -> Result<Response<Self::OnboardingStateStream>, Status> {
        Err(not_served("OnboardingState"))
    }

    type OnboardingStateV2Stream = Answers<OnboardingStateV2Response>;

    async fn onboarding_state_v2(
        &self,
        request: Request<OnboardingStateV2Request>,
    ) -> Result<Response<Self::OnboardingStateV2Stream>, Status> {
        self.check_stage()?;
        let trace = Trace::of(&request);
        let reference = reference(request.into_inner().request).map_err(|error| error.status(&trace))?;
        let state = self.onboarding.onboarding_state(reference).await;
        let state = state.map_err(|refused| refused.status(&trace, &self.stage))?;
        let state = state.encode().map_err(|error| fault(&error).status(&trace))?;
        let answers = parts(&state).into_iter();
        let answers = answers.map(|part| Ok(OnboardingStateV2Response { onboarding_state_for_sequencer: part }));
        Ok(Response::new(Box::pin(futures::stream::iter(answers))))
    }

    async fn perform_lsu_sequencing_test(
        &self,
        _: Request<PerformLsuSequencingTestRequest>,
    ) -> Result<Response<PerformLsuSequencingTestResponse>, Status> {
        Err(not_served("PerformLsuSequencingTest"))
    }
}

fn render(state: SequencerPruningState) -> SequencerPruningStatus {
    let member = |member: SequencerMember| SequencerMemberStatus {
        member: member.member.to_string(),
        registered_at: member.registered_at.as_micros(),
        last_acknowledged: member.last_acknowledged.map(CantonTimestamp::as_micros),
        enabled: member.is_enabled,
    };
    SequencerPruningStatus {
        now: state.now.as_micros(),
        // Canton's bound is the epoch when nothing was pruned.
        earliest_event_timestamp: state.lower_bound.unwrap_or(CantonTimestamp::EPOCH).as_micros(),
        members: state.members.into_iter().map(member).collect(),
    }
}

/// As of when (`TimestampSelector.fromProtoV30`).
fn traffic_time(selector: Option<TimestampSelector>) -> Result<TrafficTime, String> {
    match selector {
        None => Ok(TrafficTime::LatestSafe),
        Some(TimestampSelector::ExactTimestamp(micros)) => {
            let time = i64::try_from(micros).map_err(|error| error.to_string());
            let time = time.and_then(|micros| CantonTimestamp::from_micros(micros).map_err(|error| error.to_string()));
            time.map(TrafficTime::Exact).map_err(|error| format!("Unable to convert field `exact_timestamp`: {error}"))
        }
        Some(TimestampSelector::RelativeTimestamp(number)) => match RelativeTimestamp::try_from(number) {
            Ok(RelativeTimestamp::LatestSafeUnspecified) => Ok(TrafficTime::LatestSafe),
            Ok(RelativeTimestamp::LastUpdatePerMember) => Ok(TrafficTime::LastUpdatePerMember),
            Ok(RelativeTimestamp::LatestApproximate) => Ok(TrafficTime::LatestApproximate),
            Err(_) => Err(format!("Unable to convert field `relative_timestamp`: Unknown value: {number}")),
        },
    }
}

/// Member, serial and total; what is wrong with them otherwise.
fn purchase(request: &SetTrafficPurchasedRequest) -> Result<(Member, NonZeroU32, u64), AdminError> {
    let member = Member::parse(&request.member).map_err(malformed)?;
    // Serials have 31 bits.
    let serial = i32::try_from(request.serial).ok().and_then(|serial| NonZeroU32::new(serial.cast_unsigned()));
    let serial = serial.ok_or_else(|| malformed(format!("the serial is {}; the first is 1", request.serial)))?;
    let total = u64::try_from(request.total_traffic_purchased);
    let total = total.map_err(|_| malformed(format!("the total is negative: {}", request.total_traffic_purchased)))?;
    Ok((member, serial, total))
}

#[cfg(test)]
mod tests;
