//! The calls to the administration API of one node, of which every command that talks to nodes is made.
//!
//! | file | what |
//! |---|---|
//! | `connecting` | [`NodeAdmin`]: the one place where a channel is made |
//! | `access` | what is shown to a node: certificates and tokens |
//! | `errors` | why a call came to nothing |
//! | `identity`, `status` | who a node is, and how it is |
//! | `stores` | names of topology stores |
//! | `topology_read`, `topology_write` | what a node knows of topology, and changes of it |
//! | `initialization` | making a node part of a synchronizer |

mod access;
mod connecting;
mod errors;
mod identity;
mod initialization;
mod status;
mod stores;
mod topology_read;
mod topology_write;

pub(crate) use access::{ACCESS_VARIABLES, AdminAccess};
pub(crate) use connecting::NodeAdmin;
pub(crate) use errors::AdminCallError;
