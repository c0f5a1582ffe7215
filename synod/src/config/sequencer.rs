//! Configuration of a sequencer node. Names follow Canton's where the notion is Canton's.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};
use synod_runtime::tls::TlsServerConfig;

use super::shared::{FeaturesConfig, InitConfig, LOOPBACK, LoggingConfig, MonitoringConfig, NodeName, StorageConfig};
use super::{AdminApiConfig, CometBftConfig};

/// Everything that can be configured of a sequencer node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequencerConfig {
    /// Name of the node: the identifier of its unique identifier when it makes its own identity.
    pub(crate) name: NodeName,
    /// How it comes to what it needs first.
    pub(crate) init: InitConfig,
    /// Where its state is kept.
    pub(crate) storage: StorageConfig,
    /// What members call.
    pub(crate) public_api: PublicApiConfig,
    /// What operators call.
    pub(crate) admin_api: AdminApiConfig,
    /// Ordering by CometBFT; the sequencer orders itself when absent.
    pub(crate) cometbft: Option<CometBftConfig>,
    /// Health and metrics.
    pub(crate) monitoring: MonitoringConfig,
    /// What is written to the log.
    pub(crate) logging: LoggingConfig,
    /// What is off without being asked for.
    pub(crate) features: FeaturesConfig,
}

impl Default for SequencerConfig {
    fn default() -> Self {
        Self {
            name: NodeName("sequencer".to_owned()),
            init: InitConfig::default(),
            storage: StorageConfig::file("sequencer.db"),
            public_api: PublicApiConfig::default(),
            admin_api: AdminApiConfig::local(5009),
            cometbft: None,
            monitoring: MonitoringConfig::local(5061, 5063, 10013),
            logging: LoggingConfig::default(),
            features: FeaturesConfig::default(),
        }
    }
}

/// `[public_api]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PublicApiConfig {
    /// Address to listen on.
    pub(crate) address: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub(crate) port: u16,
    /// TLS; plain text when absent.
    pub(crate) tls: Option<TlsServerConfig>,
    /// How long a login challenge is good, in milliseconds.
    pub(crate) nonce_expiration_interval_ms: u64,
    /// How long a session token is good at most, in milliseconds.
    pub(crate) max_token_expiration_interval_ms: u64,
    /// Most calls that one connection may have open.
    pub(crate) max_concurrent_calls_per_connection: u32,
    /// Largest request in bytes, instead of the synchronizer's own limit.
    pub(crate) override_max_request_size: Option<u32>,
}

impl Default for PublicApiConfig {
    fn default() -> Self {
        Self {
            address: LOOPBACK,
            port: 5008,
            tls: None,
            nonce_expiration_interval_ms: 60_000,
            max_token_expiration_interval_ms: 3_600_000,
            max_concurrent_calls_per_connection: 100_000,
            override_max_request_size: None,
        }
    }
}

impl Settings for SequencerConfig {
    fn check(&self, mistakes: &mut Mistakes) {
        self.name.check(mistakes);
        self.storage.check(mistakes);
        self.admin_api.check(mistakes);
        if self.public_api.port != 0 && self.public_api.port == self.admin_api.port {
            mistakes.add("admin_api.port", "is the port of the public API");
        }
        if let Some(cometbft) = &self.cometbft {
            cometbft.check(mistakes);
        }
    }
}
