//! A port behind rules.

use std::sync::Arc;

use synod_node_admin::access::{AccessRules, AdminGuard};
use synod_node_admin::{AdminSecurity, AdminServer};
use synod_ordering::SimulatedClock;
use synod_proto::connection::v30::GetApiInfoRequest;
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_runtime::MetricsRegistry;
use synod_runtime::tls::ServerTls;
use synod_types::CantonTimestamp;
use tokio::net::TcpListener;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

/// Seconds since 1970 that the clock of a port shows.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A served port; it ends with the runtime of the test.
pub(crate) struct Port {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) metrics: MetricsRegistry,
}

impl Port {
    pub(crate) async fn serve(rules: AccessRules, tls: Option<ServerTls>) -> Self {
        let metrics = MetricsRegistry::new("node", "sequencer", "0").expect("labels");
        let clock = Arc::new(SimulatedClock::new(CantonTimestamp::EPOCH.saturating_add_micros(NOW * 1_000_000)));
        let guard = Some(AdminGuard::new(rules, clock, &metrics).expect("a metric"));
        let server = AdminServer::new().expect("descriptors").secured(AdminSecurity { tls, guard });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(server.serve(listener, std::future::pending()));
        Self { address, metrics }
    }

    /// A connection in plain text.
    pub(crate) async fn plain(&self) -> Channel {
        let url = format!("http://{}", self.address);
        Endpoint::from_shared(url).expect("a URL").connect().await.expect("it listens")
    }

    /// A connection with TLS.
    pub(crate) async fn tls(&self, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(format!("https://{}", self.address))?.tls_config(tls)?.connect().await
    }

    /// How often calls were refused for a cause.
    pub(crate) fn refused(&self, cause: &str) -> u64 {
        let text = self.metrics.render().expect("text");
        let label = format!("cause=\"{cause}\"");
        let line = text
            .lines()
            .find(|line| line.starts_with("synod_admin_calls_refused_total{") && line.contains(&label))
            .unwrap_or_else(|| panic!("no {cause} in:\n{text}"));
        line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
    }
}

/// Calls with this `authorization` header.
pub(crate) async fn call(channel: &Channel, authorization: Option<&str>) -> Result<String, Status> {
    let mut request = Request::new(GetApiInfoRequest {});
    if let Some(header) = authorization {
        request.metadata_mut().insert("authorization", AsciiMetadataValue::try_from(header).expect("ASCII"));
    }
    Ok(ApiInfoServiceClient::new(channel.clone()).get_api_info(request).await?.into_inner().name)
}

/// Calls with this token.
pub(crate) async fn call_with(channel: &Channel, token: &str) -> Result<String, Status> {
    call(channel, Some(&format!("Bearer {token}"))).await
}

/// The answer to somebody who is not known: nothing but that.
pub(crate) fn assert_unauthenticated(answer: &Result<String, Status>, what: &str) {
    let status = answer.as_ref().expect_err(what);
    assert_eq!(status.code(), Code::Unauthenticated, "{what}: {status}");
    assert!(status.message().starts_with("An error occurred. Please contact the operator"), "{what}: {status}");
    assert!(status.details().is_empty(), "{what}");
}
