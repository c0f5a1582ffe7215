//! Where components say how they are.

use std::sync::Arc;

use prometheus::IntGaugeVec;
use tokio::sync::watch;

use super::report::{ComponentReport, ComponentState, HealthReport, Role};
use crate::metrics::{MetricsFault, MetricsRegistry, names};

/// The health of one node. Clones are the same.
#[derive(Debug, Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    report: watch::Sender<HealthReport>,
    gauge: Option<IntGaugeVec>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// A node without components: live and not ready.
    #[must_use]
    pub fn new() -> Self {
        Self::from_gauge(None)
    }

    /// The same, shown as [`names::HEALTH_STATUS`] too.
    ///
    /// # Errors
    /// [`MetricsFault`] when the metrics have it already.
    pub fn with_metrics(metrics: &MetricsRegistry) -> Result<Self, MetricsFault> {
        // `component` is a label of every metric of the registry; Canton's has this one under the same name, which
        // Prometheus does not allow twice.
        Ok(Self::from_gauge(Some(metrics.gauge_vec(&names::HEALTH_STATUS, &["health_component"])?)))
    }

    fn from_gauge(gauge: Option<IntGaugeVec>) -> Self {
        Self { inner: Arc::new(Inner { report: watch::Sender::new(HealthReport::default()), gauge }) }
    }

    /// Adds a component that does not work yet; one of the same name is replaced.
    #[must_use]
    pub fn component(&self, name: impl Into<String>, role: Role) -> Component {
        let component = Component { health: self.clone(), name: name.into(), role };
        component.set(ComponentState::Failed("not initialized".to_owned()));
        component
    }

    /// How the node is now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        self.inner.report.borrow().clone()
    }

    /// Follows the health: wakes at each change, then tells what is the case at that time (states in between may be
    /// missed).
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<HealthReport> {
        self.inner.report.subscribe()
    }
}

/// One component of a node: says how it is. The last word stays when this is dropped.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: String,
    role: Role,
}

impl Component {
    /// Says how the component is. Nobody is woken when nothing has changed.
    pub fn set(&self, state: ComponentState) {
        if let Some(gauge) = &self.health.inner.gauge {
            gauge.with_label_values(&[&self.name]).set(i64::from(state == ComponentState::Ok));
        }
        self.health.inner.report.send_if_modified(|report| {
            report.was_fatal |= self.role.liveness && matches!(state, ComponentState::Fatal(_));
            let next = ComponentReport { state, role: self.role };
            if report.components.get(&self.name) == Some(&next) {
                return false;
            }
            tracing::info!(component = self.name, state = %next.state, "health changed");
            report.components.insert(self.name.clone(), next);
            true
        });
    }

    /// The same component, in the state that it is in, counting otherwise from now on.
    #[must_use]
    pub fn counting(&self, role: Role) -> Self {
        let component = Self { role, ..self.clone() };
        if let Some(state) = self.health.report().component(&self.name).cloned() {
            component.set(state);
        }
        component
    }

    /// It works.
    pub fn ok(&self) {
        self.set(ComponentState::Ok);
    }

    /// It does not work, and may again.
    pub fn failed(&self, why: impl Into<String>) {
        self.set(ComponentState::Failed(why.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::sample;

    #[test]
    fn readiness_is_that_of_what_counts_for_it() {
        let health = Health::new();
        assert!(!health.report().is_ready(), "nothing counts yet");
        let storage = health.component("db-storage", Role::CRITICAL);
        let sequencer = health.component("sequencer", Role::STATUS);
        assert!(!health.report().is_ready());
        storage.ok();
        assert!(health.report().is_ready());
        sequencer.failed("no orderer");
        assert!(health.report().is_ready());
        storage.set(ComponentState::Degraded("slow".to_owned()));
        assert!(health.report().is_ready());
        storage.failed("no connection");
        assert!(!health.report().is_ready());
        assert!(health.report().is_live());
        assert_eq!(health.report().to_string(), "db-storage: failed: no connection\nsequencer: failed: no orderer\n");
    }

    #[test]
    fn a_fatal_state_stays_when_it_counts_for_liveness() {
        let health = Health::new();
        let shown = health.component("shown", Role::STATUS);
        shown.set(ComponentState::Fatal("gone".to_owned()));
        assert!(health.report().is_live());
        let writer = health.component("writer", Role::CRITICAL);
        writer.set(ComponentState::Fatal("disk".to_owned()));
        writer.ok();
        assert!(!health.report().is_live());
        assert!(health.report().is_ready());
    }

    #[test]
    fn what_a_component_counts_for_can_change() {
        let health = Health::new();
        health.component("db-storage", Role::CRITICAL).ok();
        let client = health.component("sequencer-client", Role::STATUS);
        assert!(health.report().is_ready());
        let client = client.counting(Role::CRITICAL);
        assert!(!health.report().is_ready(), "it keeps its state");
        client.ok();
        assert!(health.report().is_ready());
    }

    #[test]
    fn followers_wake_at_changes_only() {
        let health = Health::new();
        let component = health.component("c", Role::CRITICAL);
        let mut follower = health.watch();
        follower.borrow_and_update();
        component.failed("not initialized");
        assert!(!follower.has_changed().unwrap());
        component.ok();
        assert!(follower.has_changed().unwrap());
        assert!(follower.borrow_and_update().is_ready());
    }

    #[test]
    fn the_metric_follows() {
        let metrics = MetricsRegistry::new("n", "sequencer", "1").unwrap();
        let health = Health::with_metrics(&metrics).unwrap();
        let component = health.component("db-storage", Role::CRITICAL);
        let value = || {
            let labels = [("component", "sequencer"), ("health_component", "db-storage"), ("node", "n")];
            sample(&metrics.render().unwrap(), "daml_health_status", &labels)
        };
        assert_eq!(value().as_deref(), Some("0"));
        component.ok();
        assert_eq!(value().as_deref(), Some("1"));
    }
}
