//! [`MetricsRegistry`].

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use thiserror::Error;

use super::name::{Kind, MetricName, NameError};
use super::names::BUILD_INFO;

/// A metric cannot be registered or exported: a mistake in the program.
#[derive(Debug, Error)]
pub enum MetricsFault {
    /// Bad name.
    #[error("a metric has a bad name")]
    Name(#[from] NameError),
    /// Refused by the registry, e.g. because it has the name already.
    #[error("metric `{name}` is refused")]
    Refused {
        /// Which one.
        name: &'static str,
        /// Why.
        source: prometheus::Error,
    },
    /// Cannot be written.
    #[error("the metrics cannot be written")]
    Export(#[source] prometheus::Error),
}

/// The metrics of one node. Clones are the same registry; there is no global one, so two nodes fit into one process.
#[derive(Debug, Clone)]
pub struct MetricsRegistry {
    registry: Registry,
}

impl MetricsRegistry {
    /// A registry whose metrics all have the labels `node` (the node's name) and `component` (`sequencer`, `mediator`),
    /// as Canton's have (ch. 05 §5); with the metric of the version.
    ///
    /// # Errors
    /// [`MetricsFault::Refused`] when a label is not valid.
    pub fn new(node: &str, component: &str, version: &str) -> Result<Self, MetricsFault> {
        let labels =
            HashMap::from([("node".to_owned(), node.to_owned()), ("component".to_owned(), component.to_owned())]);
        let refused = |source| MetricsFault::Refused { name: BUILD_INFO.name, source };
        let metrics = Self { registry: Registry::new_custom(None, Some(labels)).map_err(refused)? };
        metrics.gauge_vec(&BUILD_INFO, &["version"])?.with_label_values(&[version]).set(1);
        Ok(metrics)
    }

    /// The registry itself, for parts that make their collectors themselves.
    #[must_use]
    pub fn prometheus(&self) -> &Registry {
        &self.registry
    }

    /// A counter.
    ///
    /// # Errors
    /// [`MetricsFault`], here and below.
    pub fn counter(&self, name: &MetricName) -> Result<IntCounter, MetricsFault> {
        self.register(name, Kind::Counter, IntCounter::with_opts(opts(name)))
    }

    /// Counters by labels. Label values come from enums, never from input.
    ///
    /// # Errors
    /// [`MetricsFault`].
    pub fn counter_vec(&self, name: &MetricName, labels: &[&str]) -> Result<IntCounterVec, MetricsFault> {
        self.register(name, Kind::Counter, IntCounterVec::new(opts(name), labels))
    }

    /// A value that goes up and down.
    ///
    /// # Errors
    /// [`MetricsFault`].
    pub fn gauge(&self, name: &MetricName) -> Result<IntGauge, MetricsFault> {
        self.register(name, Kind::Gauge, IntGauge::with_opts(opts(name)))
    }

    /// Values that go up and down, by labels.
    ///
    /// # Errors
    /// [`MetricsFault`].
    pub fn gauge_vec(&self, name: &MetricName, labels: &[&str]) -> Result<IntGaugeVec, MetricsFault> {
        self.register(name, Kind::Gauge, IntGaugeVec::new(opts(name), labels))
    }

    /// A distribution with the upper bounds `buckets`.
    ///
    /// # Errors
    /// [`MetricsFault`].
    pub fn histogram(&self, name: &MetricName, buckets: &[f64]) -> Result<Histogram, MetricsFault> {
        self.register(name, Kind::Histogram, Histogram::with_opts(histogram_opts(name, buckets)))
    }

    /// Distributions by labels.
    ///
    /// # Errors
    /// [`MetricsFault`].
    pub fn histogram_vec(
        &self,
        name: &MetricName,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, MetricsFault> {
        self.register(name, Kind::Histogram, HistogramVec::new(histogram_opts(name, buckets), labels))
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`MetricsFault::Export`].
    pub fn render(&self) -> Result<String, MetricsFault> {
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(MetricsFault::Export)
    }

    fn register<C>(&self, name: &MetricName, kind: Kind, made: Result<C, prometheus::Error>) -> Result<C, MetricsFault>
    where
        C: Collector + Clone + 'static,
    {
        name.check(kind)?;
        let refused = |source| MetricsFault::Refused { name: name.name, source };
        let collector = made.map_err(refused)?;
        self.registry.register(Box::new(collector.clone())).map_err(refused)?;
        Ok(collector)
    }
}

fn opts(name: &MetricName) -> Opts {
    Opts::new(name.name, name.help)
}

fn histogram_opts(name: &MetricName, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name.name, name.help).buckets(buckets.to_vec())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The value of the series with this name and these labels, as text.
    pub(crate) fn sample(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<String> {
        let mut wanted: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        wanted.sort();
        text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")).find_map(
            |(labels, value)| {
                let mut labels: Vec<&str> = labels.split(',').collect();
                labels.sort_unstable();
                (labels == wanted).then(|| value.to_owned())
            },
        )
    }

    #[test]
    fn labels_of_the_node_are_on_every_metric() {
        let metrics = MetricsRegistry::new("seq1", "sequencer", "1.2.3").unwrap();
        let calls = metrics.counter_vec(&MetricName::new("synod_calls_total", "Calls"), &["call"]).unwrap();
        calls.with_label_values(&["send"]).inc_by(3);
        let seconds = MetricName::new("synod_call_seconds", "Duration of calls");
        metrics.histogram(&seconds, &[0.1, 1.0]).unwrap().observe(0.5);
        let text = metrics.render().unwrap();
        let value = |name, label| {
            sample(&text, name, &[("node", "seq1"), ("component", "sequencer"), label]).ok_or_else(|| text.clone())
        };
        assert_eq!(value("synod_build_info", ("version", "1.2.3")), Ok("1".to_owned()));
        assert_eq!(value("synod_calls_total", ("call", "send")), Ok("3".to_owned()));
        assert_eq!(value("synod_call_seconds_bucket", ("le", "0.1")), Ok("0".to_owned()));
        assert_eq!(value("synod_call_seconds_bucket", ("le", "1")), Ok("1".to_owned()));
    }

    #[test]
    fn bad_names_are_refused() {
        let metrics = MetricsRegistry::new("n", "sequencer", "0").unwrap();
        let name = |name| MetricName::new(name, "help");
        assert!(matches!(metrics.counter(&name("synod_calls")), Err(MetricsFault::Name(_))));
        assert!(matches!(metrics.gauge(&name("synod_calls_total")), Err(MetricsFault::Name(_))));
        assert!(matches!(metrics.gauge(&name("other_height")), Err(MetricsFault::Name(_))));
        assert!(matches!(metrics.gauge(&name("synod_Height")), Err(MetricsFault::Name(_))));
        assert!(matches!(metrics.histogram(&name("synod_call_ms"), &[1.0]), Err(MetricsFault::Name(_))));
        assert!(matches!(metrics.gauge(&MetricName::new("synod_height", "")), Err(MetricsFault::Name(_))));
        metrics.gauge(&name("synod_height")).unwrap();
        let twice = metrics.gauge(&name("synod_height"));
        assert!(matches!(twice, Err(MetricsFault::Refused { name: "synod_height", .. })));
    }
}
