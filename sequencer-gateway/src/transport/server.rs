//! The server of the public port.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::Either;
use synod_rpc::FILE_DESCRIPTOR_SET;
use synod_rpc::connection::v30::api_info_service_server::{self as api_info, ApiInfoServiceServer};
use synod_rpc::sequencer::api::v30::sequencer_authentication_service_server::{
    self as authentication, SequencerAuthenticationServiceServer,
};
use synod_rpc::sequencer::api::v30::sequencer_connect_service_server::{
    self as connect, SequencerConnectServiceServer,
};
use synod_rpc::sequencer::api::v30::sequencer_service_server::{self as sequencer, SequencerServiceServer};
use synod_runtime::tls::{accepted, secured};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::Health;
use super::edge::EdgeLayer;
use crate::GatewayFault;
use crate::api_info::ApiInfo;
use crate::auth::{AuthenticationService, NamedMemberInterceptor, TokenInterceptor};
use crate::connect_service::ConnectService;
use crate::core::Core;
use crate::sequencer_service::MemberService;

/// Largest message of whoever has not logged in, registrations aside.
const LOGIN_MESSAGE_BYTES: usize = 64 * 1024;
/// What a message may have around a request of the largest size.
const FRAMING_BYTES: usize = 64 * 1024;
/// Flow-control window of a call: a request of usual size and several events pass without a pause.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Flow-control window of a connection, which several calls share.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Largest metadata of a call, as on the JVM.
const METADATA_BYTES: u32 = 8 * 1024;
/// A connection whose peer is gone is noticed by TCP after this time at the latest.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// All services of the public port.
#[derive(Debug)]
pub(crate) struct PublicServer {
    core: Arc<Core>,
    routes: Routes,
}

impl PublicServer {
    /// The services of a gateway.
    pub(crate) fn new(core: Arc<Core>, health: &Health) -> Result<Self, GatewayFault> {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .with_service_name(api_info::SERVICE_NAME)
            .with_service_name(authentication::SERVICE_NAME)
            .with_service_name(connect::SERVICE_NAME)
            .with_service_name(sequencer::SERVICE_NAME)
            .build_v1()
            .map_err(GatewayFault::Reflection)?;
        let request_bytes = core.max_request_size(&core.head());
        // A request that is somewhat too large is refused by the checks, which say what is wrong with it.
        let member_bytes = request_bytes.saturating_mul(2).saturating_add(FRAMING_BYTES);
        let authentication = SequencerAuthenticationServiceServer::new(AuthenticationService(Arc::clone(&core)))
            .max_decoding_message_size(LOGIN_MESSAGE_BYTES);
        let connect = SequencerConnectServiceServer::new(ConnectService(Arc::clone(&core)))
            .max_decoding_message_size(request_bytes.saturating_add(FRAMING_BYTES));
        let members = SequencerServiceServer::new(MemberService::new(Arc::clone(&core)))
            .max_decoding_message_size(member_bytes)
            .max_encoding_message_size(usize::MAX);
        let routes = Routes::new(ApiInfoServiceServer::new(ApiInfo))
            .add_service(authentication)
            .add_service(InterceptedService::new(connect, NamedMemberInterceptor))
            .add_service(InterceptedService::new(members, TokenInterceptor(Arc::clone(&core))))
            .add_service(health.service())
            .add_service(reflection);
        Ok(Self { core, routes: routes.prepare() })
    }

    /// Serves until `shutdown` is done, then lets open calls finish.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), GatewayFault> {
        let settings = &self.core.settings;
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(settings.max_calls_per_connection)
            .http2_max_header_list_size(METADATA_BYTES)
            .http2_keepalive_interval(Some(settings.keep_alive_interval))
            .http2_keepalive_timeout(Some(settings.keep_alive_timeout));
        let services =
            [api_info::SERVICE_NAME, authentication::SERVICE_NAME, connect::SERVICE_NAME, sequencer::SERVICE_NAME];
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(TCP_KEEP_ALIVE));
        let incoming = accepted(incoming);
        let server = server.layer(EdgeLayer::new(&services)).add_routes(self.routes);
        let served = match &settings.tls {
            None => Either::Left(server.serve_with_incoming_shutdown(incoming, shutdown)),
            Some(tls) => Either::Right(server.serve_with_incoming_shutdown(secured(incoming, tls), shutdown)),
        };
        served.await.map_err(GatewayFault::Serve)
    }
}
