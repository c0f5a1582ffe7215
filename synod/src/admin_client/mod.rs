//! The calls to the administration API of one node, of which every command that talks to nodes is made.
//!
//! | file | what |
//! |---|---|
//! | `connecting` | [`NodeAdmin`]: the one place where a channel is made |
//! | `access` | what is shown to a node: certificates and tokens |
//! | `errors` | why a call came to nothing |
//! | `identity`, `status` | who a node is, and how it is |
//! | `stores`, `times` | names of topology stores; times as they travel |
//! | `topology_read`, `topology_write` | what a node knows of topology, and changes of it |
//! | `keys`, `traffic`, `pruning` | keys, traffic of members, and what is forgotten |
//! | `initialization` | making a node part of a synchronizer |
//! | `waiting` | waiting for something at a node, for a bounded time |

mod access;
mod connecting;
mod errors;
mod identity;
mod initialization;
mod keys;
mod pruning;
mod status;
mod stores;
mod times;
mod topology_read;
mod topology_write;
mod traffic;
mod waiting;

pub(crate) use access::{ACCESS_VARIABLES, AdminAccess};
pub(crate) use connecting::NodeAdmin;
pub(crate) use errors::AdminCallError;
pub(crate) use keys::NodeKey;
pub(crate) use pruning::Schedule;
pub(crate) use status::NodeKind;
pub(crate) use stores::TopologyStore;
pub(crate) use topology_read::TopologyQuery;
pub(crate) use topology_write::{Signing, TopologyChange};
pub(crate) use traffic::TrafficTime;
pub(crate) use waiting::Deadline;
