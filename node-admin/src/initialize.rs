//! What the initialization of sequencers and of mediators has in common.

use thiserror::Error;

/// Why a node was not initialized. Nothing has changed, and a correct call works.
#[derive(Debug, Error)]
pub enum InitializeRefused {
    /// What it was given is wrong: the genesis, the parameters, or the sequencers to connect to.
    #[error("{0}")]
    Invalid(String),
    /// The node is not in the stage for it.
    #[error("{0}")]
    WrongStage(String),
    /// The node could not do it.
    #[error("the node failed while it was initialized")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
}
