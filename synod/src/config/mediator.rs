//! Configuration of a mediator node. Names follow Canton's where the notion is Canton's.

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};

use super::shared::{AdminApiConfig, InitConfig, LoggingConfig, MonitoringConfig, NodeName, StorageConfig};

/// Everything that can be configured of a mediator node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediatorConfig {
    /// Name of the node: the identifier of its unique identifier when it makes its own identity.
    pub(crate) name: NodeName,
    /// How it comes to what it needs first.
    pub(crate) init: InitConfig,
    /// Where its state is kept.
    pub(crate) storage: StorageConfig,
    /// What operators call.
    pub(crate) admin_api: AdminApiConfig,
    /// Health and metrics.
    pub(crate) monitoring: MonitoringConfig,
    /// What is written to the log.
    pub(crate) logging: LoggingConfig,
}

impl Default for MediatorConfig {
    fn default() -> Self {
        Self {
            name: NodeName("mediator".to_owned()),
            init: InitConfig::default(),
            storage: StorageConfig::file("mediator.db"),
            admin_api: AdminApiConfig::local(5007),
            monitoring: MonitoringConfig::local(5062, 5064, 10014),
            logging: LoggingConfig::default(),
        }
    }
}

impl Settings for MediatorConfig {
    fn check(&self, mistakes: &mut Mistakes) {
        self.name.check(mistakes);
        self.storage.check(mistakes);
    }
}
