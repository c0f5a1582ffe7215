//! Metrics of the public API; the names of Canton's own are those that its dashboards look for (ch. 03 §7.7).

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use synod_runtime::MetricsRegistry;
use synod_runtime::metrics::{MetricName, MetricsFault};

const SUBSCRIPTIONS: MetricName =
    MetricName::new("daml_sequencer_public_api_subscriptions", "Members with an open subscription");
const PROCESSED: MetricName =
    MetricName::new("daml_sequencer_public_api_processed_total", "Submissions that passed the first checks");
const PROCESSED_BYTES: MetricName = MetricName::new(
    "daml_sequencer_public_api_processed_bytes_total",
    "Bytes of submissions that passed the first checks",
);
const TIME_REQUESTS: MetricName =
    MetricName::new("daml_sequencer_public_api_time_requests_total", "Requests for time proofs");
const HANDSHAKES: MetricName = MetricName::new("daml_sequencer_public_api_handshakes_total", "Handshakes by outcome");
const REFUSED: MetricName =
    MetricName::new("synod_gateway_refused_submissions_total", "Submissions that were refused, by reason");
const SUBMIT_SECONDS: MetricName =
    MetricName::new("synod_gateway_submit_seconds", "Time from the first check of a submission until it is durable");
const DELIVERED: MetricName = MetricName::new("synod_gateway_delivered_events_total", "Events sent to members");
const LOGINS: MetricName = MetricName::new("synod_gateway_logins_total", "Attempts to log in by outcome");
const IGNORED_ACKNOWLEDGEMENTS: MetricName = MetricName::new(
    "synod_gateway_conflated_acknowledgements_total",
    "Acknowledgements that were answered without being ordered",
);
const REVOCATIONS: MetricName = MetricName::new("synod_gateway_revocations_total", "Members whose tokens were revoked");

const SUBMIT_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The metrics of one gateway.
#[derive(Debug, Clone)]
pub struct GatewayMetrics {
    pub(crate) subscriptions: IntGauge,
    pub(crate) processed: IntCounter,
    pub(crate) processed_bytes: IntCounter,
    pub(crate) time_requests: IntCounter,
    pub(crate) handshakes: IntCounterVec,
    pub(crate) refused: IntCounterVec,
    pub(crate) submit_seconds: Histogram,
    pub(crate) delivered: IntCounter,
    pub(crate) logins: IntCounterVec,
    pub(crate) conflated_acknowledgements: IntCounter,
    pub(crate) revocations: IntCounter,
}

impl GatewayMetrics {
    /// Registers the metrics with the node's registry.
    ///
    /// # Errors
    /// [`MetricsFault`] when they are there already.
    pub fn register(registry: &MetricsRegistry) -> Result<Self, MetricsFault> {
        Ok(Self {
            subscriptions: registry.gauge(&SUBSCRIPTIONS)?,
            processed: registry.counter(&PROCESSED)?,
            processed_bytes: registry.counter(&PROCESSED_BYTES)?,
            time_requests: registry.counter(&TIME_REQUESTS)?,
            handshakes: registry.counter_vec(&HANDSHAKES, &["status"])?,
            refused: registry.counter_vec(&REFUSED, &["reason"])?,
            submit_seconds: registry.histogram(&SUBMIT_SECONDS, &SUBMIT_BUCKETS)?,
            delivered: registry.counter(&DELIVERED)?,
            logins: registry.counter_vec(&LOGINS, &["outcome"])?,
            conflated_acknowledgements: registry.counter(&IGNORED_ACKNOWLEDGEMENTS)?,
            revocations: registry.counter(&REVOCATIONS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_follow_the_rules() {
        let registry = MetricsRegistry::new("seq1", "sequencer", "1").expect("a registry");
        let metrics = GatewayMetrics::register(&registry).expect("good names");
        metrics.handshakes.with_label_values(&["success"]).inc();
        assert!(registry.render().expect("text").contains("daml_sequencer_public_api_handshakes_total"));
    }
}
