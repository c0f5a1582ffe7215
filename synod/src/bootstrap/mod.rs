//! Founding a synchronizer at nodes that wait for one, over their administration API as the Canton Console does it
//! (chapter 05 §1.4). A run that was interrupted goes on where it stopped; one that is done changes nothing.
//!
//! | file | what |
//! |---|---|
//! | `description` | `synchronizer.toml`: which nodes, who owns it, with which parameters |
//! | `admin` | the calls to one node |
//! | `agreement` | what the owners sign, each at its own node |
//! | `run` | the steps in their order |

mod admin;
mod agreement;
mod description;
mod run;

use synod_crypto::Hash;
use synod_topology::InvalidMessage;
use synod_topology::build::BuildError;
use synod_topology::genesis::InvalidGenesis;
use synod_types::InvalidIdentifier;
use thiserror::Error;

pub(crate) use agreement::trust_threshold;
pub(crate) use description::{MediatorEntry, SequencerEntry, SynchronizerDescription};
pub(crate) use run::run;

/// The synchronizer could not be founded.
#[derive(Debug, Error)]
pub(crate) enum BootstrapError {
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
        status: Box<tonic::Status>,
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
    #[error("{node} is part of {found} already, and others of {expected}")]
    OtherSynchronizer { node: String, found: String, expected: String },
    #[error("the mediator {0} is part of a synchronizer already, and no sequencer is")]
    LonelyMediator(String),
    #[error("the owners do not sign the same: {node} signed {found}, others {expected}")]
    Disagreement { node: String, found: Hash, expected: Hash },
    #[error("the synchronizer has no owner")]
    NoOwner,
    #[error("no sequencer runs after all were initialized")]
    NotRunning,
    #[error("the topology of the synchronizer cannot be made")]
    Build(#[from] BuildError),
    #[error("the topology that the owners agreed in is not one to begin with")]
    Genesis(#[from] InvalidGenesis),
}
