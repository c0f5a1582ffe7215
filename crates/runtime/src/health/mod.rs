//! Health of a node: its components, readiness and liveness, shown over HTTP (and, by the node, over gRPC).
//!
//! The rules are Canton's (ch. 05 §4): a node is *ready* when none of the components that count for readiness has
//! failed; it is *live* until a component that counts for liveness is in a fatal state, and never again after that.

mod component;
mod report;
mod server;

pub use component::{Component, Health};
pub use report::{ComponentReport, ComponentState, HealthReport, Role};
pub use server::{HEALTH_PATH, LIVE_PATH, READY_PATH, serve};
