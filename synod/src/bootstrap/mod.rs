//! Founding a synchronizer at nodes that wait for one, over their administration API as the Canton Console does it
//! (chapter 05 §1.4). A run that was interrupted goes on where it stopped; one that is done changes nothing.
//!
//! | file | what |
//! |---|---|
//! | `description` | `synchronizer.toml`: which nodes, who owns it, with which parameters |
//! | `access` | what is shown to which node |
//! | `agreement` | what the owners sign, each at its own node |
//! | `run` | the steps in their order |

mod access;
mod agreement;
mod description;
mod run;

use synod_crypto::Hash;
use synod_topology::build::BuildError;
use synod_topology::genesis::InvalidGenesis;
use thiserror::Error;

use crate::admin_client::AdminCallError;

pub(crate) use agreement::trust_threshold;
pub(crate) use description::{MediatorEntry, SequencerEntry, SynchronizerDescription};
pub(crate) use run::run;

/// The synchronizer could not be founded.
#[derive(Debug, Error)]
pub(crate) enum BootstrapError {
    #[error(transparent)]
    Call(#[from] AdminCallError),
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
