//! Configuration of nodes.

mod admin_api;
mod cometbft;
mod mediator;
mod sequencer;
mod shared;

use std::path::Path;

use synod_runtime::settings::Sources;

use crate::admin_client::ACCESS_VARIABLES;

pub(crate) use admin_api::{AdminApiConfig, AuthServiceConfig, AuthServiceType};
pub(crate) use cometbft::CometBftConfig;
pub(crate) use mediator::{ClientCertConfig, MediatorConfig};
pub(crate) use sequencer::SequencerConfig;
pub(crate) use shared::{FeaturesConfig, IdentityType, InitConfig, MonitoringConfig, NodeName, StorageConfig};

/// Every key can be overridden by a variable: `public_api.port` by `SYNOD_PUBLIC_API__PORT`.
const ENVIRONMENT_PREFIX: &str = "SYNOD_";

/// Where the configuration of a node comes from.
pub(crate) fn sources(file: &Path) -> Sources {
    Sources::of_process(ENVIRONMENT_PREFIX).except(ACCESS_VARIABLES).file(file)
}
