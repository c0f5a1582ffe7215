//! What a task is: when it stops in a shutdown, and what its end means.

use std::fmt;

/// The steps of a shutdown, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// What takes new work in: listeners, the intake of ordering, schedules.
    Intake,
    /// What turns work into blocks and commits them.
    Block,
    /// What delivers committed work: subscriptions.
    Streams,
    /// What the others stand on: the store, its lease, health and metrics.
    Store,
}

impl Phase {
    /// All phases in the order of a shutdown.
    pub const ALL: [Self; 4] = [Self::Intake, Self::Block, Self::Streams, Self::Store];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Intake => 0,
            Self::Block => 1,
            Self::Streams => 2,
            Self::Store => 3,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intake => "intake",
            Self::Block => "block",
            Self::Streams => "streams",
            Self::Store => "store",
        })
    }
}

/// What the end of a task means for the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Any end before the task was told to stop is a fault, and so is an error or a panic at any time. The default.
    Essential,
    /// The task may end when it is done; an error or a panic is a fault.
    Finite,
    /// The node does without it: an error or a panic is a line in the log.
    BestEffort,
}

/// Phase and policy of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskKind {
    phase: Phase,
    policy: Policy,
}

impl TaskKind {
    /// A task without which the node must stop.
    #[must_use]
    pub const fn essential(phase: Phase) -> Self {
        Self { phase, policy: Policy::Essential }
    }

    /// A task that comes to an end of its own, and must not fail.
    #[must_use]
    pub const fn finite(phase: Phase) -> Self {
        Self { phase, policy: Policy::Finite }
    }

    /// A task that may fail.
    #[must_use]
    pub const fn best_effort(phase: Phase) -> Self {
        Self { phase, policy: Policy::BestEffort }
    }

    /// When the task is told to stop.
    #[must_use]
    pub const fn phase(self) -> Phase {
        self.phase
    }

    /// What its end means.
    #[must_use]
    pub const fn policy(self) -> Policy {
        self.policy
    }
}
