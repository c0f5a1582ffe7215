//! What Prometheus scrapes.

use std::io;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::registry::MetricsRegistry;
use crate::http;
use crate::telemetry::Chain;

/// Where the metrics are.
pub const METRICS_PATH: &str = "/metrics";

/// Serves the metrics until `stop` is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, metrics: MetricsRegistry, stop: CancellationToken) -> io::Result<()> {
    http::serve(listener, Router::new().route(METRICS_PATH, get(render)).with_state(metrics), stop).await
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], String);

async fn render(State(metrics): State<MetricsRegistry>) -> Answer {
    match metrics.render() {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text),
        Err(fault) => {
            tracing::error!(error = %Chain(&fault), "metrics cannot be exported");
            let text = "the metrics cannot be written; see the log of the node\n".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::get;

    #[tokio::test]
    async fn metrics_are_served_until_told_to_stop() {
        let metrics = MetricsRegistry::new("seq1", "sequencer", "1").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, metrics, stop.clone()));
        let (status, body) = get(address, METRICS_PATH).await;
        assert_eq!(status, 200);
        assert!(body.contains("synod_build_info"));
        assert_eq!(get(address, "/other").await.0, 404);
        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
