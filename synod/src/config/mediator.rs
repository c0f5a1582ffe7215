//! Configuration of a mediator node. Names follow Canton's where the notion is Canton's.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};

use super::AdminApiConfig;
use super::shared::{
    FAILED_TO_FATAL_DELAY_MS, FeaturesConfig, InitConfig, LoggingConfig, MonitoringConfig, NodeName, StorageConfig,
};

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
    /// How it calls sequencers.
    pub(crate) sequencer_client: SequencerClientConfig,
    /// Health and metrics.
    pub(crate) monitoring: MonitoringConfig,
    /// What is written to the log.
    pub(crate) logging: LoggingConfig,
    /// What is off without being asked for.
    pub(crate) features: FeaturesConfig,
}

impl Default for MediatorConfig {
    fn default() -> Self {
        Self {
            name: NodeName("mediator".to_owned()),
            init: InitConfig::default(),
            storage: StorageConfig::file("mediator.db"),
            admin_api: AdminApiConfig::local(5007),
            sequencer_client: SequencerClientConfig::default(),
            monitoring: MonitoringConfig::local(5062, 5064, 10014),
            logging: LoggingConfig::default(),
            features: FeaturesConfig::default(),
        }
    }
}

/// `[sequencer_client]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SequencerClientConfig {
    /// After how long without enough sequencers the node ends, in milliseconds.
    pub(crate) failed_to_fatal_delay_ms: u64,
    /// Certificate that it shows to sequencers that ask for one.
    pub(crate) client_cert: Option<ClientCertConfig>,
}

impl Default for SequencerClientConfig {
    fn default() -> Self {
        Self { failed_to_fatal_delay_ms: FAILED_TO_FATAL_DELAY_MS, client_cert: None }
    }
}

/// A certificate with its key (Canton's `TlsClientCertificate`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientCertConfig {
    /// PEM file with the certificate and what leads to its root.
    pub(crate) cert_chain_file: PathBuf,
    /// PEM file with the private key.
    pub(crate) private_key_file: PathBuf,
}

impl Settings for MediatorConfig {
    fn check(&self, mistakes: &mut Mistakes) {
        self.name.check(mistakes);
        self.storage.check(mistakes);
        self.admin_api.check(mistakes);
    }
}
