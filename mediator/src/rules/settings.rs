//! What an operator can choose. None of it changes a verdict.

use std::time::Duration;

/// When which mediator of a group sends (`VerdictSenderParameters`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingSettings {
    /// How many mediators beyond the threshold send at once.
    pub liveness_margin: u32,
    /// How long the first of the others waits.
    pub initial_delay: Duration,
    /// How much longer each further one waits.
    pub delay: Duration,
}

impl Default for SendingSettings {
    fn default() -> Self {
        Self { liveness_margin: 3, initial_delay: Duration::from_secs(3), delay: Duration::from_secs(1) }
    }
}

/// All of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesSettings {
    /// When verdicts are sent.
    pub sending: SendingSettings,
    /// How old the topology by which a request was made may be, to say that a change in between is why it is rejected
    /// (`topology-change-warn-delay`).
    pub topology_change_warn_delay: Duration,
}

impl Default for RulesSettings {
    fn default() -> Self {
        SendingSettings::default().into()
    }
}

impl From<SendingSettings> for RulesSettings {
    fn from(sending: SendingSettings) -> Self {
        Self { sending, topology_change_warn_delay: Duration::from_mins(2) }
    }
}
