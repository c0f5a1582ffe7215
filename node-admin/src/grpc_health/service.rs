//! What the health service answers.

use std::future::ready;
use std::pin::Pin;

use futures::{Stream, StreamExt, stream};
use synod_runtime::health::HealthReport;
use synod_types::MemberKind;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// What is asked about, by the name in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The name of the kind of the node.
    Readiness,
    /// `liveness` (Canton's `LivenessHealthService.Name`).
    Liveness,
    /// The empty name: all of them (`HealthStatusManager.SERVICE_NAME_ALL_SERVICES`).
    All,
    /// Any other name.
    Unknown,
}

impl Asked {
    fn of(kind: MemberKind, name: &str) -> Self {
        let readiness = match kind {
            MemberKind::Mediator => "mediator",
            MemberKind::Participant => "participant",
            MemberKind::Sequencer => "sequencer",
        };
        match name {
            "" => Self::All,
            "liveness" => Self::Liveness,
            name if name == readiness => Self::Readiness,
            _ => Self::Unknown,
        }
    }

    fn status(self, report: &HealthReport) -> ServingStatus {
        let serves = match self {
            Self::Readiness => report.is_ready(),
            Self::Liveness => report.is_live(),
            Self::All => report.is_ready() && report.is_live(),
            Self::Unknown => return ServingStatus::ServiceUnknown,
        };
        if serves { ServingStatus::Serving } else { ServingStatus::NotServing }
    }

    /// When the port has stopped.
    fn last_status(self) -> ServingStatus {
        if self == Self::Unknown { ServingStatus::ServiceUnknown } else { ServingStatus::NotServing }
    }
}

/// The health service of one node.
#[derive(Debug)]
pub(super) struct HealthService {
    kind: MemberKind,
    report: watch::Receiver<HealthReport>,
    is_stopped: watch::Receiver<bool>,
}

impl HealthService {
    pub(super) const fn new(
        kind: MemberKind,
        report: watch::Receiver<HealthReport>,
        is_stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { kind, report, is_stopped }
    }
}

#[async_trait]
impl Health for HealthService {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let name = request.into_inner().service;
        let asked = Asked::of(self.kind, &name);
        let status = if *self.is_stopped.borrow() { asked.last_status() } else { asked.status(&self.report.borrow()) };
        match status {
            ServingStatus::ServiceUnknown => Err(Status::not_found(format!("unknown service {name}"))),
            status => Ok(Response::new(HealthCheckResponse { status: status.into() })),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// The status now, then each other one. A name that is not known is told as such, and goes on to be watched.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let asked = Asked::of(self.kind, &request.into_inner().service);
        let mut is_stopped = self.is_stopped.clone();
        let stopped = async move {
            // A sender that is gone has stopped, too.
            let _ = is_stopped.wait_for(|is_stopped| *is_stopped).await;
        };
        let statuses = WatchStream::new(self.report.clone())
            .map(move |report| asked.status(&report))
            .take_until(Box::pin(stopped))
            .chain(stream::once(ready(asked.last_status())));
        let mut last = None;
        let changes = statuses.filter_map(move |status| {
            let is_new = last != Some(status);
            last = Some(status);
            ready(is_new.then(|| Ok(HealthCheckResponse { status: status.into() })))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
