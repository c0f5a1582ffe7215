//! gRPC health of a node on a port of its own (chapter 05 §4; Canton's `GrpcHealthServer`).

mod service;

use std::future::Future;

use synod_runtime::Health;
use synod_types::MemberKind;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::pb::FILE_DESCRIPTOR_SET;
use tonic_health::pb::health_server::HealthServer;

use crate::AdminSecurity;
use crate::server::serve_routes;
use service::HealthService;

/// The port cannot be served.
#[derive(Debug, Error)]
pub enum GrpcHealthFault {
    /// Reflection could not be built: the descriptors in this binary are broken.
    #[error("the reflection service of the health server could not be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The server ended with an error.
    #[error("the gRPC health server failed")]
    Serve(#[source] tonic::transport::Error),
}

/// Serves `grpc.health.v1.Health` and reflection. There are three services:
/// the kind of the node (`sequencer` or `mediator`) for readiness, `liveness`, and the empty name for both.
///
/// What is not ready yet is told, not refused, so it is served from the beginning.
#[derive(Debug)]
pub struct GrpcHealthServer {
    kind: MemberKind,
    health: Health,
}

impl GrpcHealthServer {
    /// The health of a node of this kind.
    #[must_use]
    pub const fn new(kind: MemberKind, health: Health) -> Self {
        Self { kind, health }
    }

    /// Serves until `shutdown` is done; then those that watch are told that nothing serves any more, and let go.
    ///
    /// # Errors
    /// [`GrpcHealthFault`].
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), GrpcHealthFault> {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(GrpcHealthFault::Reflection)?;
        let (stop, is_stopped) = watch::channel(false);
        let service = HealthService::new(self.kind, self.health.watch(), is_stopped);
        let routes = Routes::new(HealthServer::new(service)).add_service(reflection);
        let shutdown = async move {
            shutdown.await;
            stop.send_replace(true);
        };
        // Health is open to everybody, as in Canton: probes have no tokens.
        let open = AdminSecurity::default();
        serve_routes("gRPC health", routes, open, listener, shutdown).await.map_err(GrpcHealthFault::Serve)
    }
}

#[cfg(test)]
mod tests;
