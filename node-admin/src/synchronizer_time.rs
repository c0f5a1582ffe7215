//! `SynchronizerTimeService` (chapter 04 §7).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use synod_proto::time::admin::v30::{AwaitTimeRequest, AwaitTimeResponse, FetchTimeRequest, FetchTimeResponse};
use synod_proto::topology::admin::v30::{Synchronizer, synchronizer};
use synod_rpc::time::admin::v30::synchronizer_time_service_server::{
    SynchronizerTimeService, SynchronizerTimeServiceServer,
};
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SynchronizerId};
use tonic::{Request, Response, Status, async_trait};

use crate::{NodeFault, StageReceiver, times};

/// The time of the synchronizer, as the node has observed it.
#[async_trait]
pub trait SynchronizerTime: Debug + Send + Sync {
    /// The synchronizer of the node; `None` when the node does not run.
    fn synchronizer(&self) -> Option<PhysicalSynchronizerId>;

    /// A time of the synchronizer that was observed at most `freshness` ago; the node asks for one when the last one is
    /// older. Zero asks for a new one.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn fetch_time(&self, freshness: Duration) -> Result<CantonTimestamp, NodeFault>;

    /// Returns when a time of `time` or later is observed; at once when it was already. The node asks for a time when
    /// none comes by itself.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn await_time(&self, time: CantonTimestamp) -> Result<(), NodeFault>;
}

/// Serves the time of the synchronizer, from when the node runs.
#[derive(Debug, Clone)]
pub struct SynchronizerTimeAdmin {
    stage: StageReceiver,
    time: Arc<dyn SynchronizerTime>,
}

impl SynchronizerTimeAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, time: Arc<dyn SynchronizerTime>) -> Self {
        Self { stage, time }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SynchronizerTimeServiceServer<Self> {
        SynchronizerTimeServiceServer::new(self)
    }

    /// The node runs, and the synchronizer that the caller means, if it says one, is that of the node.
    fn check(&self, asked: Option<&Synchronizer>) -> Result<(), Status> {
        self.stage.running_or_unimplemented("SynchronizerTimeService")?;
        let Some(asked) = asked else { return Ok(()) };
        let own = self.time.synchronizer().ok_or_else(|| NodeFault::Unavailable.status(&self.stage))?;
        let invalid = |error: synod_types::InvalidIdentifier| Status::invalid_argument(error.to_string());
        let is_own = match asked.kind.as_ref() {
            None => return Err(Status::invalid_argument(times::not_set("kind"))),
            Some(synchronizer::Kind::Id(id)) => SynchronizerId::parse(id).map_err(invalid)? == *own.logical(),
            Some(synchronizer::Kind::PhysicalId(id)) => PhysicalSynchronizerId::parse(id).map_err(invalid)? == own,
        };
        if is_own {
            Ok(())
        } else {
            Err(Status::invalid_argument("Provided synchronizer id does not match running synchronizer"))
        }
    }
}

#[async_trait]
impl SynchronizerTimeService for SynchronizerTimeAdmin {
    async fn fetch_time(&self, request: Request<FetchTimeRequest>) -> Result<Response<FetchTimeResponse>, Status> {
        let request = request.into_inner();
        self.check(request.synchronizer.as_ref())?;
        let freshness = times::duration("freshnessBound", request.freshness_bound).map_err(Status::invalid_argument)?;
        let time = self.time.fetch_time(freshness).await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(FetchTimeResponse { timestamp: Some(times::to_proto(time)) }))
    }

    async fn await_time(&self, request: Request<AwaitTimeRequest>) -> Result<Response<AwaitTimeResponse>, Status> {
        let request = request.into_inner();
        self.check(request.synchronizer.as_ref())?;
        let time = times::required("timestamp", request.timestamp).map_err(Status::invalid_argument)?;
        self.time.await_time(time).await.map_err(|fault| fault.status(&self.stage))?;
        Ok(Response::new(AwaitTimeResponse {}))
    }
}

#[cfg(test)]
mod tests;
