//! Why a node cannot start.

use std::net::SocketAddr;

use synod_machine::Fault;
use synod_node_admin::{AdminServerFault, AuthorizedStoreFault};
use synod_runtime::exit::ConfigurationRefused;
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
    Store(#[source] StoreError),
    #[error("the database cannot be used")]
    Refused(#[source] ConfigurationRefused),
    #[error("the database failed")]
    StoreFault(#[from] StoreFault),
    #[error("the password of the database cannot be read from {path}")]
    Password {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the identity of the node")]
    Identity(#[source] NodeIdentityError),
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

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refused) if refused.is_configuration() => {
                Self::Refused(ConfigurationRefused::new(refused))
            }
            other => Self::Store(other),
        }
    }
}

impl From<NodeIdentityError> for StartError {
    fn from(error: NodeIdentityError) -> Self {
        match error {
            NodeIdentityError::Refused(refused @ StoreError::Refused(_)) => refused.into(),
            other => Self::Identity(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_runtime::exit::{CONFIGURATION, FAULT, code_of};
    use synod_store::StoreRefused;

    use super::*;

    #[test]
    fn what_an_operator_has_to_change_has_its_own_exit_code() {
        let code = |refused: StoreRefused| code_of(&StartError::from(StoreError::from(refused)));
        assert_eq!(code(StoreRefused::NewerSchema { tables: "node", found: 9, supported: 1 }), CONFIGURATION);
        assert_eq!(code(StoreRefused::UnsafeDurability { settings: "fsync=off".to_owned() }), CONFIGURATION);
        let other = || StoreRefused::OtherOwner { stored: "a".to_owned(), given: "b".to_owned() };
        assert_eq!(code(other()), CONFIGURATION);
        let identity = NodeIdentityError::Refused(other().into());
        let error = StartError::from(identity);
        assert_eq!(code_of(&error), CONFIGURATION);
        let text = synod_runtime::Chain(&error).to_string();
        assert_eq!(text, "the database cannot be used: the database belongs to a, not to b");
        // It may be free the next time.
        assert_eq!(code(StoreRefused::InUse { path: "a.db".into() }), FAULT);
    }
}
