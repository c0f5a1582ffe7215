//! Why a node cannot start.

use std::net::SocketAddr;

use synod_machine::Fault;
use synod_node_admin::{AdminServerFault, AuthorizedStoreFault};
use synod_runtime::{SettingsErrors, metrics};
use synod_sequencer_gateway::GatewayFault;
use synod_store::{StoreError, StoreFault};

use super::consortium::ConsortiumError;
use super::identity::NodeIdentityError;
use super::ordering::OrderingError;

/// The node cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    #[error("the database failed")]
    StoreFault(#[from] StoreFault),
    #[error("the password of the database cannot be read from {path}")]
    Password {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the identity of the node")]
    Identity(#[from] NodeIdentityError),
    #[error("the topology of the node")]
    Topology(#[from] AuthorizedStoreFault),
    #[error("cannot listen on {address} for the {what}")]
    Listen {
        what: &'static str,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the administration server")]
    Admin(#[from] AdminServerFault),
    #[error("the stored state cannot be used")]
    State(#[from] Fault),
    #[error("metrics")]
    Metrics(#[from] metrics::MetricsFault),
    #[error("this operator cannot take its place in the consortium")]
    Consortium(#[from] ConsortiumError),
    #[error("ordering cannot start")]
    Ordering(#[from] OrderingError),
    #[error("the public API")]
    Gateway(#[from] GatewayFault),
    #[error("the blocks up to {height} lead to another state than the one that this sequencer was to join with")]
    OtherState { height: u64 },
    #[error("the node stops")]
    Stopping,
    #[error("the access of others to this node")]
    Access(#[from] SettingsErrors),
}
