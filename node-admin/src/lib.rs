//! The administration API of a node, as the Canton Console uses it.
//!
//! What sequencer and mediator share is at the top, what only one of them has is in [`sequencer`]
//! and in [`mediator`]; who may call is in [`access`]. The services are thin:
//! they translate between messages and the node behind the traits that they take.

pub mod access;
mod api_info;
mod component;
mod errors;
mod fault;
mod grpc_health;
mod identity;
mod initialize;
mod lifecycle;
mod log_level;
pub mod mediator;
mod release;
pub mod sequencer;
mod server;
mod stage;
mod stop;
mod stores;
mod synchronizer_time;
mod times;
mod topology_aggregation;
mod topology_read;
mod topology_write;
mod vault;

pub use api_info::ApiInfo;
pub use fault::NodeFault;
pub use grpc_health::{GrpcHealthFault, GrpcHealthServer};
pub use identity::{IdentityAdmin, ManualIdentity};
pub use initialize::InitializeRefused;
pub use lifecycle::NodeLifecycle;
pub use log_level::{LogLevels, StatusAdmin, UnknownLogLevel};
pub use release::RELEASE_VERSION;
pub use server::{AdminSecurity, AdminServer, AdminServerFault};
pub use stage::{NodeStage, StageReceiver, StageSender};
pub use stop::StopNode;
pub use stores::{
    AuthorizedStoreFault, NotBroadcast, SynchronizerTopology, SynchronizerView, TopologyBroadcaster, TopologyOutbox,
    TopologyQueues, TopologyStores, TopologyStoresParts,
};
pub use synchronizer_time::{SynchronizerTime, SynchronizerTimeAdmin};
pub use topology_aggregation::TopologyAggregationAdmin;
pub use topology_read::TopologyReadAdmin;
pub use topology_write::TopologyWriteAdmin;
pub use vault::{KeyObserver, Vault, VaultAdmin, VaultFault};
