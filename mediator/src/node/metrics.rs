//! Metrics of a mediator; the names of Canton's own are those that its dashboards look for (chapter 04 §8).

use prometheus::{IntCounter, IntCounterVec, IntGauge};
use synod_runtime::MetricsRegistry;
use synod_runtime::metrics::{MetricName, MetricsFault};

const OUTSTANDING: MetricName = MetricName::new("daml_mediator_outstanding_requests", "Requests that are not decided");
const REQUESTS: MetricName = MetricName::new("daml_mediator_requests_total", "Confirmation requests that came");
const APPROVED: MetricName = MetricName::new("daml_mediator_approved_requests_total", "Requests that were approved");
const UNRESPONSIVE: MetricName = MetricName::new(
    "daml_mediator_timeout_non_responsive_participants_total",
    "Answers that did not come in time, by party and participant",
);
const DECIDED: MetricName =
    MetricName::new("synod_mediator_decided_requests_total", "Requests that were decided, by verdict");
const ALARMS: MetricName =
    MetricName::new("synod_mediator_alarms_total", "Messages that an honest member does not send, by kind");
const SUBMISSIONS: MetricName =
    MetricName::new("synod_mediator_verdict_submissions_total", "Submissions of verdicts, by what came of them");

/// The metrics of one mediator.
#[derive(Debug, Clone)]
pub struct MediatorMetrics {
    pub(super) outstanding: IntGauge,
    pub(super) requests: IntCounterVec,
    pub(super) approved: IntCounter,
    pub(super) unresponsive: IntCounterVec,
    pub(super) decided: IntCounterVec,
    pub(super) alarms: IntCounterVec,
    pub(super) submissions: IntCounterVec,
}

impl MediatorMetrics {
    /// Registers the metrics with the node's registry.
    ///
    /// # Errors
    /// [`MetricsFault`] when they are there already.
    pub fn register(registry: &MetricsRegistry) -> Result<Self, MetricsFault> {
        Ok(Self {
            outstanding: registry.gauge(&OUTSTANDING)?,
            requests: registry.counter_vec(&REQUESTS, &["duplicate_reject"])?,
            approved: registry.counter(&APPROVED)?,
            unresponsive: registry.counter_vec(&UNRESPONSIVE, &["party", "participant"])?,
            decided: registry.counter_vec(&DECIDED, &["verdict"])?,
            alarms: registry.counter_vec(&ALARMS, &["kind"])?,
            submissions: registry.counter_vec(&SUBMISSIONS, &["outcome"])?,
        })
    }
}
