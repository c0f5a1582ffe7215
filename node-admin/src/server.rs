//! The administration port.

use std::future::Future;

use synod_rpc::FILE_DESCRIPTOR_SET;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::ApiInfo;

/// Largest message that the administration API takes, in bytes (`admin-api.max-inbound-message-size`).
pub(crate) const MAX_INBOUND_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// Most bytes of a genesis or an import, all parts together. The Console sends parts of at most 2 MiB; a state this large
/// has several 100,000 transactions.
pub(crate) const MAX_STREAM_BYTES: usize = 512 * 1024 * 1024;

/// The port cannot be served.
#[derive(Debug, Error)]
pub enum AdminServerFault {
    /// Reflection could not be built: the descriptors in this binary are broken.
    #[error("the reflection service could not be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The server ended with an error.
    #[error("the administration server failed")]
    Serve(#[source] tonic::transport::Error),
}

/// All services of an administration port.
#[derive(Debug)]
pub struct AdminServer {
    routes: Routes,
}

impl AdminServer {
    /// A port with `ApiInfoService` and reflection.
    ///
    /// # Errors
    /// [`AdminServerFault::Reflection`].
    pub fn new() -> Result<Self, AdminServerFault> {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(AdminServerFault::Reflection)?;
        Ok(Self { routes: Routes::new(ApiInfo::ADMIN.into_service()).add_service(reflection) })
    }

    /// Adds services to the port.
    #[must_use]
    pub fn with(mut self, add: impl FnOnce(Routes) -> Routes) -> Self {
        self.routes = add(self.routes);
        self
    }

    /// Serves until `shutdown` is done, then lets running calls finish.
    ///
    /// # Errors
    /// [`AdminServerFault::Serve`].
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), AdminServerFault> {
        Server::builder()
            .tcp_nodelay(true)
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown)
            .await
            .map_err(AdminServerFault::Serve)
    }
}
