//! Configuration of nodes.

mod cometbft;
mod mediator;
mod sequencer;
mod shared;

pub(crate) use cometbft::CometBftConfig;
pub(crate) use mediator::MediatorConfig;
pub(crate) use sequencer::SequencerConfig;
pub(crate) use shared::{IdentityType, InitConfig, MonitoringConfig, NodeName, StorageConfig};

/// Every key can be overridden by a variable: `public_api.port` by `SYNOD_PUBLIC_API__PORT`.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SYNOD_";
