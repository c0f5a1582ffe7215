//! The administration API of a node, as the Canton Console uses it.
//!
//! What sequencer and mediator share is at the top, what only a sequencer has is in [`sequencer`]. The services are thin:
//! they translate between messages and the node behind the traits that they take.

mod api_info;
mod identity;
mod log_level;
mod release;
pub mod sequencer;
mod server;
mod stage;
mod topology_read;

pub use api_info::ApiInfo;
pub use identity::IdentityAdmin;
pub use log_level::{LogLevels, StatusAdmin, UnknownLogLevel};
pub use release::RELEASE_VERSION;
pub use server::{AdminServer, AdminServerFault};
pub use stage::{NodeStage, StageReceiver, StageSender};
pub use topology_read::TopologyReadAdmin;
