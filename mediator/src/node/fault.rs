//! What ends a mediator.

use synod_client::ClientError;
use synod_store::StoreFault;
use synod_topology::LoadFault;
use thiserror::Error;

/// The mediator cannot go on.
#[derive(Debug, Error)]
pub enum MediatorFault {
    /// Its state cannot be read or written.
    #[error("the state of the mediator cannot be read or written")]
    Store(#[from] StoreFault),
    /// The stored topology is none.
    #[error("the stored topology cannot be used")]
    Topology(#[from] LoadFault),
    /// Its events cannot be followed any further.
    #[error("the events of the mediator cannot be followed")]
    Events(#[source] ClientError),
    /// The events come without topology.
    #[error("the events of the mediator come without topology")]
    NoTopology,
    /// A part of the mediator ended before it was told to, or panicked.
    #[error("a part of the mediator ended")]
    Part(#[source] Option<tokio::task::JoinError>),
}
