//! Configuration of nodes.

mod cometbft;
mod sequencer;

pub(crate) use cometbft::CometBftConfig;
pub(crate) use sequencer::{IdentityType, MonitoringConfig, NodeName, SequencerConfig, StorageConfig};

/// Every key can be overridden by a variable: `public_api.port` by `SYNOD_PUBLIC_API__PORT`.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SYNOD_";
