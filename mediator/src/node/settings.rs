//! What can be set of a running mediator.

use std::time::Duration;

use crate::rules::SendingSettings;

/// How a mediator behaves in time. The defaults are Canton's.
#[derive(Debug, Clone, Copy)]
pub struct MediatorSettings {
    /// When which mediator of a group sends a verdict.
    pub sending: SendingSettings,
    /// A spare mediator does not wait when its turn would come later than so long before the decision time.
    pub immediate_before_deadline: Duration,
    /// How often events are acknowledged.
    pub acknowledgement_interval: Duration,
    /// How long after a deadline an event is awaited before one is asked for (`observation-latency`).
    pub observation_latency: Duration,
    /// How long without an event the time is not asked for (`patience-duration`).
    pub patience: Duration,
}

impl Default for MediatorSettings {
    fn default() -> Self {
        Self {
            sending: SendingSettings::default(),
            immediate_before_deadline: Duration::from_secs(5),
            acknowledgement_interval: Duration::from_mins(1),
            observation_latency: Duration::from_millis(250),
            patience: Duration::from_millis(500),
        }
    }
}
