//! `SequencerService`: what members do (ch. 01 §1.5, `GrpcSequencerService`). Every call has a good token.

mod acknowledge;
mod send_async;
mod subscribe;
mod topology_state;
mod traffic_state;

use std::sync::Arc;

use synod_proto::sequencer::api::v30::{
    AcknowledgeSignedRequest, AcknowledgeSignedResponse, DownloadTopologyStateForInitHashRequest,
    DownloadTopologyStateForInitHashResponse, DownloadTopologyStateForInitRequest, GetTimeRequest, GetTimeResponse,
    GetTrafficStateForMemberRequest, GetTrafficStateForMemberResponse, SendAsyncRequest, SendAsyncResponse,
    SubscriptionRequest,
};
use synod_rpc::sequencer::api::v30::sequencer_service_server::{SERVICE_NAME, SequencerService};
use synod_runtime::Chain;
use tonic::{Request, Response, Status, async_trait};

use crate::auth::Caller;
use crate::core::Core;
use crate::errors::CallContext;
use crate::limits::CallPermit;
use crate::submission::RateLimits;
use crate::subscription::EventStream;
use acknowledge::AcknowledgementWindows;
use topology_state::TopologyStream;

/// Serves members.
#[derive(Debug, Clone)]
pub(crate) struct MemberService(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    core: Arc<Core>,
    rates: RateLimits,
    acknowledged: AcknowledgementWindows,
}

/// A call with what it brings along.
struct MemberCall<T> {
    caller: Caller,
    message: T,
    context: CallContext,
    permit: CallPermit,
}

impl MemberService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let rates = RateLimits::new(core.settings.confirmation_request_burst_seconds);
        let acknowledged = AcknowledgementWindows::new(core.settings.acknowledgement_conflation);
        Self(Arc::new(Inner { core, rates, acknowledged }))
    }

    fn open<T>(&self, method: &str, request: Request<T>) -> Result<MemberCall<T>, Status> {
        let (context, permit) = self.0.core.enter(SERVICE_NAME, method, request.metadata())?;
        let caller = Caller::of(&request)?;
        Ok(MemberCall { caller, message: request.into_inner(), context, permit })
    }
}

impl Inner {
    /// This node is broken: the details are for its log.
    fn fault(context: &CallContext, fault: &(dyn std::error::Error + 'static)) -> Status {
        let error = Chain(fault).to_string();
        tracing::error!(error, "a call failed");
        context.status(&synod_wire::status::internal())
    }
}

#[async_trait]
impl SequencerService for MemberService {
    type SubscribeStream = EventStream;
    type DownloadTopologyStateForInitStream = TopologyStream;

    async fn send_async(&self, request: Request<SendAsyncRequest>) -> Result<Response<SendAsyncResponse>, Status> {
        let call = self.open("SendAsync", request)?;
        self.0.send_async(call).await.map(|()| Response::new(SendAsyncResponse {}))
    }

    async fn subscribe(
        &self,
        request: Request<SubscriptionRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = self.open("Subscribe", request)?;
        self.0.subscribe(call).await.map(Response::new)
    }

    async fn acknowledge_signed(
        &self,
        request: Request<AcknowledgeSignedRequest>,
    ) -> Result<Response<AcknowledgeSignedResponse>, Status> {
        let call = self.open("AcknowledgeSigned", request)?;
        self.0.acknowledge(call).await.map(|()| Response::new(AcknowledgeSignedResponse {}))
    }

    async fn download_topology_state_for_init(
        &self,
        request: Request<DownloadTopologyStateForInitRequest>,
    ) -> Result<Response<Self::DownloadTopologyStateForInitStream>, Status> {
        let call = self.open("DownloadTopologyStateForInit", request)?;
        self.0.topology_state(call).await.map(Response::new)
    }

    async fn download_topology_state_for_init_hash(
        &self,
        request: Request<DownloadTopologyStateForInitHashRequest>,
    ) -> Result<Response<DownloadTopologyStateForInitHashResponse>, Status> {
        let call = self.open("DownloadTopologyStateForInitHash", request)?;
        self.0.topology_state_hash(call).await.map(Response::new)
    }

    async fn get_traffic_state_for_member(
        &self,
        request: Request<GetTrafficStateForMemberRequest>,
    ) -> Result<Response<GetTrafficStateForMemberResponse>, Status> {
        let call = self.open("GetTrafficStateForMember", request)?;
        self.0.traffic_state(call).await.map(Response::new)
    }

    async fn get_time(&self, request: Request<GetTimeRequest>) -> Result<Response<GetTimeResponse>, Status> {
        let _call = self.open("GetTime", request)?;
        let core = &self.0.core;
        let time = core.sequencing_time(&core.head());
        // Before the first block ordering by consensus has no time to tell.
        let is_known = time > synod_types::CantonTimestamp::MIN;
        Ok(Response::new(GetTimeResponse { sequencing_timestamp: is_known.then_some(time.as_micros()) }))
    }
}
