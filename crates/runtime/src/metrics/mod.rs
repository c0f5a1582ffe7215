//! Metrics: a registry for one node, whose names are part of the interface, and the exporter.
//!
//! Each crate has its names as constants of type [`MetricName`] in one file. A name says its unit last; the registry
//! refuses one that does not follow the rules, so that a test that makes a crate's metrics tests its names.

mod exporter;
mod name;
pub mod names;
mod registry;

#[cfg(test)]
pub(crate) use registry::tests;

pub use exporter::{METRICS_PATH, serve};
pub use name::{MetricName, NameError};
pub use registry::{MetricsFault, MetricsRegistry};
