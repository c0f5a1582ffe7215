//! Configuration of a sequencer node. Names follow Canton's where the notion is Canton's.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};
use synod_runtime::telemetry::LogFormat;
use synod_types::{Namespace, UniqueIdentifier};

use super::CometBftConfig;

/// Everything that can be configured of a sequencer node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
}

/// `[init]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InitConfig {
    /// Who makes its identity.
    pub(crate) identity: IdentityConfig,
}

/// `[init.identity]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IdentityConfig {
    /// `auto`: the node, when it starts first; `manual`: an operator, by calls.
    pub(crate) r#type: IdentityType,
}

/// Who makes the identity of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IdentityType {
    /// The node itself.
    #[default]
    Auto,
    /// An operator.
    Manual,
}

/// A node's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NodeName(pub(crate) String);

impl Default for NodeName {
    fn default() -> Self {
        Self("sequencer".to_owned())
    }
}

/// `[storage]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StorageConfig {
    /// `sqlite://PATH` or `postgres://USER@HOST/DATABASE`.
    pub(crate) url: String,
    /// File with the password of the database user (PostgreSQL).
    pub(crate) password_file: Option<PathBuf>,
    /// Schema of the node's tables (PostgreSQL); the first one of the user's search path when absent.
    pub(crate) schema: Option<String>,
    /// Most connections, from 2.
    pub(crate) max_connections: u32,
    /// Work on a database that may lose acknowledged commits (`fsync`, `synchronous_commit` or `full_page_writes` off).
    pub(crate) allow_unsafe_durability: bool,
    /// File with the key under which private keys are encrypted; 64 hexadecimal digits.
    pub(crate) private_key_encryption_key_file: Option<PathBuf>,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            url: "sqlite://sequencer.db".to_owned(),
            password_file: None,
            schema: None,
            max_connections: 8,
            allow_unsafe_durability: false,
            private_key_encryption_key_file: None,
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
    pub(crate) tls: Option<TlsConfig>,
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
            address: IpAddr::from([127, 0, 0, 1]),
            port: 5008,
            tls: None,
            nonce_expiration_interval_ms: 60_000,
            max_token_expiration_interval_ms: 3_600_000,
            max_concurrent_calls_per_connection: 100_000,
            override_max_request_size: None,
        }
    }
}

/// Certificate and key of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// PEM file with the certificate and what leads to its root.
    pub(crate) cert_chain_file: PathBuf,
    /// PEM file with the private key (PKCS#8).
    pub(crate) private_key_file: PathBuf,
}

/// `[admin_api]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminApiConfig {
    /// Address to listen on.
    pub(crate) address: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub(crate) port: u16,
}

impl Default for AdminApiConfig {
    fn default() -> Self {
        Self { address: IpAddr::from([127, 0, 0, 1]), port: 5009 }
    }
}

/// `[monitoring]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MonitoringConfig {
    /// Address of the servers below.
    pub(crate) address: IpAddr,
    /// Port of the HTTP health server; none when absent.
    pub(crate) http_health_port: Option<u16>,
    /// Port of the Prometheus exporter; none when absent.
    pub(crate) metrics_port: Option<u16>,
}

impl Default for MonitoringConfig {
    fn default() -> Self {
        Self { address: IpAddr::from([127, 0, 0, 1]), http_health_port: Some(5063), metrics_port: Some(10013) }
    }
}

/// `[logging]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LoggingConfig {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// Filter, e.g. `info` or `info,synod_machine=debug`.
    pub(crate) level: String,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Settings for SequencerConfig {
    fn check(&self, mistakes: &mut Mistakes) {
        let namespace = Namespace::parse("n").ok();
        if namespace.is_none_or(|namespace| UniqueIdentifier::new(&self.name.0, &namespace).is_err()) {
            mistakes.add("name", "has to be of letters, digits, `-`, `_`, at most 185 of them");
        }
        if self.storage.max_connections < 2 {
            mistakes.add("storage.max_connections", "has to be at least 2");
        }
        if self.public_api.port != 0 && self.public_api.port == self.admin_api.port {
            mistakes.add("admin_api.port", "is the port of the public API");
        }
        if let Some(cometbft) = &self.cometbft {
            cometbft.check(mistakes);
        }
    }
}
