//! The metrics of this crate.

use super::MetricName;

/// Always 1; the label `version` says what runs.
pub const BUILD_INFO: MetricName = MetricName::new("synod_build_info", "Always 1; which version runs");

/// Health by component, the name that Canton's dashboards look for (ch. 05 §4).
pub const HEALTH_STATUS: MetricName =
    MetricName::new("daml_health_status", "1 when the component is initialized, active and healthy, else 0");
