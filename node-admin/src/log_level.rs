//! `StatusService`: log level at run time.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use synod_proto::admin::health::v30::{HealthDumpRequest, HealthDumpResponse, SetLogLevelRequest, SetLogLevelResponse};
use synod_rpc::admin::health::v30::status_service_server::{StatusService, StatusServiceServer};
use thiserror::Error;
use tonic::{Request, Response, Status, async_trait};

/// A level that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown log level `{0}`; there are TRACE, DEBUG, INFO, WARN, ERROR and OFF")]
pub struct UnknownLogLevel(pub String);

/// The log levels of the process.
pub trait LogLevels: Debug + Send + Sync {
    /// Sets the level of everything until the next start. `level` in any case, e.g. `DEBUG`.
    ///
    /// # Errors
    /// [`UnknownLogLevel`]; nothing has changed then.
    fn set(&self, level: &str) -> Result<(), UnknownLogLevel>;
}

/// Serves `StatusService`. `HealthDump` is not served yet.
#[derive(Debug, Clone)]
pub struct StatusAdmin {
    levels: Arc<dyn LogLevels>,
}

impl StatusAdmin {
    /// The service over the process's levels.
    #[must_use]
    pub fn new(levels: Arc<dyn LogLevels>) -> Self {
        Self { levels }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> StatusServiceServer<Self> {
        StatusServiceServer::new(self)
    }
}

#[async_trait]
impl StatusService for StatusAdmin {
    type HealthDumpStream = Pin<Box<dyn Stream<Item = Result<HealthDumpResponse, Status>> + Send>>;

    async fn health_dump(&self, _: Request<HealthDumpRequest>) -> Result<Response<Self::HealthDumpStream>, Status> {
        Err(Status::unimplemented("HealthDump is not served by this node"))
    }

    async fn set_log_level(
        &self,
        request: Request<SetLogLevelRequest>,
    ) -> Result<Response<SetLogLevelResponse>, Status> {
        let level = request.into_inner().level;
        self.levels.set(&level).map_err(|error| Status::invalid_argument(error.to_string()))?;
        tracing::info!(level, "log level set");
        Ok(Response::new(SetLogLevelResponse {}))
    }
}
