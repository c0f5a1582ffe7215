//! The health service, which clients watch before they send anything (ch. 01 §1.6).

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// The name that Canton's clients ask for.
const SEQUENCER: &str = "sequencer-health-check-service";
/// The name of the server as a whole.
const SERVER: &str = "";

/// What the health service says.
#[derive(Debug, Clone)]
pub(crate) struct Health(HealthReporter);

impl Health {
    /// Everything serves: a gateway exists only when its node is ready.
    pub(crate) async fn new() -> Self {
        let reporter = HealthReporter::new();
        for name in [SERVER, SEQUENCER] {
            reporter.set_service_status(name, ServingStatus::Serving).await;
        }
        Self(reporter)
    }

    /// As a service.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }

    /// Says that nothing serves any more, and ends the calls that watch.
    pub(crate) async fn stop(&self) {
        let mut reporter = self.0.clone();
        for name in [SERVER, SEQUENCER] {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
            reporter.clear_service_status(name).await;
        }
    }
}
