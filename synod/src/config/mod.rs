//! Configuration of nodes.

mod admin_api;
mod cometbft;
mod mediator;
mod sequencer;
mod shared;

pub(crate) use admin_api::{AdminApiConfig, AuthServiceConfig, AuthServiceType};
pub(crate) use cometbft::CometBftConfig;
pub(crate) use mediator::{ClientCertConfig, MediatorConfig};
pub(crate) use sequencer::SequencerConfig;
pub(crate) use shared::{IdentityType, InitConfig, MonitoringConfig, NodeName, StorageConfig};

/// Every key can be overridden by a variable: `public_api.port` by `SYNOD_PUBLIC_API__PORT`.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SYNOD_";
