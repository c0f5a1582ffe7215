//! Founding a synchronizer at nodes that wait for one, over their administration API as the Canton Console does it
//! (chapter 05 §1.4). A run that was interrupted goes on where it stopped; one that is done changes nothing.
//!
//! | file | what |
//! |---|---|
//! | `description` | `synchronizer.toml`: which nodes, who owns it, with which parameters |
//! | `access` | what is shown to which node |
//! | `nodes`, `identity` | the nodes that are reached, and what proves who they are |
//! | `agreement` | what the owners sign: a function of the description and of the identities |
//! | `signing` | signing it, each owner at its own node |
//! | `parameters` | dynamic parameters as they are written |
//! | `run` | the steps, where one command reaches all nodes |
//! | `apart` | the steps, where operators pass files on |

mod access;
mod agreement;
mod apart;
mod description;
mod identity;
mod nodes;
mod parameters;
mod run;
mod signing;

use std::io;
use std::path::PathBuf;

use synod_crypto::Hash;
use synod_runtime::SettingsErrors;
use synod_topology::build::BuildError;
use synod_topology::genesis::InvalidGenesis;
use thiserror::Error;

use crate::admin_client::AdminCallError;

use self::agreement::InvalidSigned;
use self::identity::InvalidIdentity;

pub(crate) use agreement::trust_threshold;
pub(crate) use apart::{Operator, run as run_apart};
pub(crate) use description::{MediatorEntry, SequencerEntry, SynchronizerDescription};
pub(crate) use parameters::ParametersEntry;
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
    #[error("what {node} says about itself cannot be used")]
    Identity {
        node: String,
        #[source]
        source: InvalidIdentity,
    },
    #[error(
        "{0} says something else about itself than a file does: either a file is not true, or the node has other keys \
         now; in the latter case all operators begin anew, without the files"
    )]
    OtherIdentity(String),
    #[error("{0} is not a node of the description, or of another kind there")]
    UnknownNode(String),
    #[error(
        "{0} and a running sequencer have different signatures of the same genesis: take the newest files of all operators"
    )]
    OtherGenesis(String),
    #[error("what was signed cannot be used")]
    Signed(#[from] InvalidSigned),
    // Its own link of the chain: the exit code of the process is that of a mistake in the configuration.
    #[error("the files of the operators")]
    Files(#[from] SettingsErrors),
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the topology of the synchronizer cannot be made")]
    Build(#[from] BuildError),
    #[error("the topology that the owners agreed in is not one to begin with")]
    Genesis(#[from] InvalidGenesis),
}
