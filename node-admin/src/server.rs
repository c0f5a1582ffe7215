//! The administration port.

use std::future::Future;
use std::time::Duration;

use futures::future::Either;
use synod_rpc::FILE_DESCRIPTOR_SET;
use synod_runtime::tls::{ServerTls, accepted, secured};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::util::option_layer;

use crate::ApiInfo;
use crate::access::AdminGuard;

/// Largest message that the administration API takes, in bytes (`admin-api.max-inbound-message-size`).
pub(crate) const MAX_INBOUND_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// Most bytes of a genesis or an import, all parts together. The Console sends parts of at most 2 MiB; a state this large
/// has several 100,000 transactions.
pub(crate) const MAX_STREAM_BYTES: usize = 512 * 1024 * 1024;

/// Largest metadata of a call, tokens and all (`ServerConfig.defaultMaxInboundMetadataSize`).
const MAX_METADATA_BYTES: u32 = 8 * 1024;
/// A connection on which nothing happened for so long is pinged (`BasicKeepAliveServerConfig`).
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(40);
/// A ping that is not answered for so long closes the connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

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

/// How long calls may take to end when the port stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Who may reach a port, and how. Without anything, everybody in plain text.
#[derive(Debug, Clone, Default)]
pub struct AdminSecurity {
    /// TLS; plain text when absent.
    pub tls: Option<ServerTls>,
    /// Who may call; everybody when absent.
    pub guard: Option<AdminGuard>,
}

/// All services of an administration port.
#[derive(Debug)]
pub struct AdminServer {
    routes: Routes,
    security: AdminSecurity,
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
        let routes = Routes::new(ApiInfo::ADMIN.into_service()).add_service(reflection);
        Ok(Self { routes, security: AdminSecurity::default() })
    }

    /// Adds services to the port.
    #[must_use]
    pub fn with(mut self, add: impl FnOnce(Routes) -> Routes) -> Self {
        self.routes = add(self.routes);
        self
    }

    /// Says who may reach the port.
    #[must_use]
    pub fn secured(mut self, security: AdminSecurity) -> Self {
        self.security = security;
        self
    }

    /// Serves until `shutdown` is done, then lets running calls finish, for at most two seconds: a client that does not
    /// let go does not hold the node.
    ///
    /// # Errors
    /// [`AdminServerFault::Serve`].
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), AdminServerFault> {
        let Self { routes, security } = self;
        serve_routes("administration API", routes, security, listener, shutdown).await.map_err(AdminServerFault::Serve)
    }
}

/// Serves a port until `shutdown` is done, then lets running calls finish for [`SHUTDOWN_GRACE`].
pub(crate) async fn serve_routes(
    what: &'static str,
    routes: Routes,
    security: AdminSecurity,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), tonic::transport::Error> {
    let (told, is_told) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        // Nobody listens when the server has ended by itself.
        let _ = told.send(());
    };
    let server = Server::builder()
        .http2_max_header_list_size(MAX_METADATA_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .layer(option_layer(security.guard))
        .add_routes(routes);
    let incoming = accepted(TcpIncoming::from(listener).with_nodelay(Some(true)));
    let server = match &security.tls {
        None => Either::Left(server.serve_with_incoming_shutdown(incoming, shutdown)),
        Some(tls) => Either::Right(server.serve_with_incoming_shutdown(secured(incoming, tls), shutdown)),
    };
    let grace = async {
        match is_told.await {
            Ok(()) => tokio::time::sleep(SHUTDOWN_GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = server => ended,
        () = grace => {
            tracing::warn!(what, "connections were still open when it stopped");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    /// The beginning of every HTTP/2 connection, with empty settings.
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

    #[tokio::test]
    async fn a_client_that_does_not_let_go_does_not_hold_the_node() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let server = AdminServer::new().expect("good descriptors");
        let serving = tokio::spawn(server.serve(listener, async { stopped.await.unwrap_or_default() }));
        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(PREFACE).await.expect("sent");
        client.read_u8().await.expect("it speaks");
        stop.send(()).expect("it serves");
        let ended = timeout(SHUTDOWN_GRACE * 2, serving).await.expect("it ends in time");
        ended.expect("no panic").expect("no fault");
    }
}
