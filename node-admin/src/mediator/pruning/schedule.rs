//! When a node prunes by itself (Canton's `PruningSchedule`).

use std::time::Duration;

use synod_proto::admin::pruning::v30 as proto;

use super::Cron;
use crate::times;

/// When a node prunes by itself, and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruningSchedule {
    /// When a run begins.
    pub cron: Cron,
    /// How long a run may take: whole seconds, more than zero.
    pub max_duration: Duration,
    /// Data younger than this is kept: whole seconds, more than zero.
    pub retention: Duration,
}

/// A new value of one part of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleChange {
    /// When a run begins.
    Cron(Cron),
    /// How long a run may take: whole seconds, more than zero.
    MaxDuration(Duration),
    /// Data younger than this is kept: whole seconds, more than zero.
    Retention(Duration),
}

impl PruningSchedule {
    /// With this part changed.
    #[must_use]
    pub fn with(self, change: ScheduleChange) -> Self {
        match change {
            ScheduleChange::Cron(cron) => Self { cron, ..self },
            ScheduleChange::MaxDuration(max_duration) => Self { max_duration, ..self },
            ScheduleChange::Retention(retention) => Self { retention, ..self },
        }
    }

    /// Reads the message; what is wrong with it otherwise.
    pub(super) fn from_proto(schedule: &proto::PruningSchedule) -> Result<Self, String> {
        Ok(Self {
            cron: cron(&schedule.cron)?,
            max_duration: times::positive_seconds("max_duration", schedule.max_duration)?,
            retention: times::positive_seconds("retention", schedule.retention)?,
        })
    }

    /// As a message.
    pub(super) fn to_proto(&self) -> proto::PruningSchedule {
        proto::PruningSchedule {
            cron: self.cron.to_string(),
            max_duration: times::duration_to_proto(self.max_duration),
            retention: times::duration_to_proto(self.retention),
        }
    }
}

impl ScheduleChange {
    /// The part that it changes, as Canton names it.
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Self::Cron(_) => "cron",
            Self::MaxDuration(_) => "max_duration",
            Self::Retention(_) => "retention",
        }
    }
}

/// Reads a cron expression; what is wrong with it otherwise.
pub(super) fn cron(text: &str) -> Result<Cron, String> {
    Cron::parse(text).map_err(|error| format!("Unable to convert field `cron`: {error}"))
}
