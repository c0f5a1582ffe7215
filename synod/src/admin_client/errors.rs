//! Why a call came to nothing.

use synod_crypto::InvalidKey;
use synod_runtime::SettingsErrors;
use synod_topology::InvalidMessage;
use synod_types::InvalidIdentifier;
use thiserror::Error;
use tonic::Status;

/// A call to the administration API of a node came to nothing.
#[derive(Debug, Error)]
pub(crate) enum AdminCallError {
    #[error("what is to be shown to {node} cannot be used")]
    Access {
        node: String,
        #[source]
        source: SettingsErrors,
    },
    #[error("{node} at {url} cannot be reached")]
    Connect {
        node: String,
        url: String,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("{node} refused {call}")]
    Call {
        node: String,
        call: &'static str,
        #[source]
        status: Box<Status>,
    },
    #[error("{node} gave an answer to {call} that cannot be read")]
    Answer {
        node: String,
        call: &'static str,
        #[source]
        source: InvalidMessage,
    },
    #[error("the identity that {node} gives cannot be read")]
    Identity {
        node: String,
        #[source]
        source: InvalidIdentifier,
    },
    #[error("{0} has no identity yet: make one first, or let the node make it (init.identity.type = \"auto\")")]
    NoIdentity(String),
    #[error("{0} is not part of a synchronizer yet")]
    NoSynchronizer(String),
    #[error("{node} gave a key that cannot be read")]
    Key {
        node: String,
        #[source]
        source: InvalidKey,
    },
}
