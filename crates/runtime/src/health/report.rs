//! What is known about the health of a node at one moment.

use std::collections::BTreeMap;
use std::fmt;

/// State of a component. Canton's states (`ComponentHealthState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentState {
    /// Works.
    Ok,
    /// Works, but worse than it should.
    Degraded(String),
    /// Does not work, and may again.
    Failed(String),
    /// Will not work again in this process.
    Fatal(String),
}

impl ComponentState {
    /// Whether it works: `Ok` or `Degraded`.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        matches!(self, Self::Ok | Self::Degraded(_))
    }
}

impl fmt::Display for ComponentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Degraded(why) => write!(f, "degraded: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Fatal(why) => write!(f, "fatal: {why}"),
        }
    }
}

/// What the state of a component counts for, besides being shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Role {
    /// Without it the node is not ready.
    pub readiness: bool,
    /// When it is in a fatal state, the process has to be restarted.
    pub liveness: bool,
}

impl Role {
    /// Only shown.
    pub const STATUS: Self = Self { readiness: false, liveness: false };
    /// Counts for readiness and liveness.
    pub const CRITICAL: Self = Self { readiness: true, liveness: true };
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentReport {
    /// How it is.
    pub state: ComponentState,
    /// What it counts for.
    pub role: Role,
}

/// The health of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReport {
    pub(super) components: BTreeMap<String, ComponentReport>,
    pub(super) was_fatal: bool,
}

impl HealthReport {
    /// Whether the node takes traffic: something counts for readiness, and all of that works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let mut counting = self.components.values().filter(|component| component.role.readiness).peekable();
        counting.peek().is_some() && counting.all(|component| component.state.is_working())
    }

    /// Whether the process can go on. Once false it stays so until the next start.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !self.was_fatal
    }

    /// The components by name.
    pub fn components(&self) -> impl Iterator<Item = (&str, &ComponentReport)> {
        self.components.iter().map(|(name, component)| (name.as_str(), component))
    }

    /// The state of one component.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&ComponentState> {
        self.components.get(name).map(|component| &component.state)
    }
}

impl fmt::Display for HealthReport {
    /// One line per component.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, component) in &self.components {
            writeln!(f, "{name}: {}", component.state)?;
        }
        Ok(())
    }
}
