//! What every long-running process of ours has in common: supervised tasks with an ordered shutdown, signals, logging,
//! metrics, health, settings and exit codes.
//!
//! | module | what |
//! |---|---|
//! | [`task`] | [`Supervisor`]: each task has a name, a phase of the shutdown and a policy; the first fault ends the node |
//! | [`run`](fn@run) | a process from its runtime to its exit: signals, start, wait |
//! | [`telemetry`] | logging whose level can be changed at run time; [`Chain`] prints an error with its causes |
//! | [`metrics`] | [`MetricsRegistry`] and its exporter |
//! | [`health`] | [`Health`]: components, readiness, liveness, and the HTTP server that shows them |
//! | [`settings`] | configuration from a file and the environment; all mistakes at once; [`Secret`] |
//! | [`tls`] | TLS of servers, with or without certificates of clients |
//! | [`exit`] | exit codes |

pub mod exit;
pub mod health;
mod http;
pub mod metrics;
mod run;
pub mod settings;
pub mod signals;
pub mod task;
pub mod telemetry;
pub mod tls;

pub use health::Health;
pub use metrics::MetricsRegistry;
pub use run::{RunFault, run};
pub use settings::{Secret, SettingsErrors};
pub use task::{NodeFault, Phase, Policy, StopReason, Stopped, Supervisor, TaskKind};
pub use telemetry::Chain;
