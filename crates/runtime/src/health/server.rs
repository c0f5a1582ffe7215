//! HTTP health (ch. 05 §4): 200 when serving, 503 when not; the body has one line per component.

use std::io;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::component::Health;
use super::report::HealthReport;
use crate::http;

/// Readiness, under Canton's path.
pub const HEALTH_PATH: &str = "/health";
/// Readiness.
pub const READY_PATH: &str = "/health/ready";
/// Liveness.
pub const LIVE_PATH: &str = "/health/live";

/// Serves the health until `stop` is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, health: Health, stop: CancellationToken) -> io::Result<()> {
    let router = Router::new()
        .route(HEALTH_PATH, get(ready))
        .route(READY_PATH, get(ready))
        .route(LIVE_PATH, get(live))
        .with_state(health);
    http::serve(listener, router, stop).await
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let report = health.report();
    answer(report.is_ready(), &report)
}

async fn live(State(health): State<Health>) -> (StatusCode, String) {
    let report = health.report();
    answer(report.is_live(), &report)
}

fn answer(serving: bool, report: &HealthReport) -> (StatusCode, String) {
    let status = if serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, report.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{ComponentState, Role};
    use crate::http::tests::get;

    #[tokio::test]
    async fn ready_and_live_are_answered_apart() {
        let health = Health::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, health.clone(), stop.clone()));
        let storage = health.component("db-storage", Role::CRITICAL);
        assert_eq!(get(address, HEALTH_PATH).await, (503, "db-storage: failed: not initialized\n".to_owned()));
        assert_eq!(get(address, LIVE_PATH).await.0, 200);
        storage.ok();
        assert_eq!(get(address, HEALTH_PATH).await, (200, "db-storage: ok\n".to_owned()));
        assert_eq!(get(address, READY_PATH).await.0, 200);
        storage.set(ComponentState::Fatal("gone".to_owned()));
        assert_eq!(get(address, LIVE_PATH).await, (503, "db-storage: fatal: gone\n".to_owned()));
        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
