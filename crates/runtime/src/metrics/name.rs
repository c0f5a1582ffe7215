//! What a metric is called.

use thiserror::Error;

/// A metric of the interface: its name, and what it says to those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricName {
    /// Name as it is exported, e.g. `synod_abci_call_seconds`.
    pub name: &'static str,
    /// What it counts, in one line.
    pub help: &'static str,
}

/// A name that does not follow the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("metric `{name}` {rule}")]
pub struct NameError {
    name: &'static str,
    rule: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricName {
    /// A metric.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }

    /// Our own names start with `synod_`; names of Canton's, which its dashboards look for, with `daml_`.
    pub(super) fn check(&self, kind: Kind) -> Result<(), NameError> {
        let Self { name, help } = *self;
        let broken = |rule| Err(NameError { name, rule });
        if !(name.starts_with("synod_") || name.starts_with("daml_")) {
            return broken("does not start with `synod_` or `daml_`");
        }
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            return broken("has something else than lower case letters, digits and `_`");
        }
        if help.is_empty() {
            return broken("has no explanation");
        }
        match kind {
            Kind::Counter if !name.ends_with("_total") => broken("counts and does not end with `_total`"),
            Kind::Gauge if name.ends_with("_total") => broken("does not count and ends with `_total`"),
            Kind::Histogram if !["_seconds", "_bytes", "_size"].iter().any(|unit| name.ends_with(unit)) => {
                broken("is a distribution and does not end with `_seconds`, `_bytes` or `_size`")
            }
            Kind::Counter | Kind::Gauge | Kind::Histogram => Ok(()),
        }
    }
}
