//! What sequencer and mediator have in common in their configurations. Names follow Canton's where the notion is Canton's.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::Mistakes;
use synod_runtime::telemetry::LogFormat;
use synod_types::{Namespace, UniqueIdentifier};

/// Nothing is served beyond this machine unless the configuration says so.
pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Canton's `defaultFailedToFatalDelay`.
pub(super) const FAILED_TO_FATAL_DELAY_MS: u64 = 300_000;

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

/// `[features]`
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FeaturesConfig {
    /// Commands that Canton calls a preview: the export of key pairs.
    pub(crate) enable_preview_commands: bool,
}

/// A node's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NodeName(pub(crate) String);

impl NodeName {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        let namespace = Namespace::parse("n").ok();
        if namespace.is_none_or(|namespace| UniqueIdentifier::new(&self.0, &namespace).is_err()) {
            mistakes.add("name", "has to be of letters, digits, `-`, `_`, at most 185 of them");
        }
    }
}

/// `[storage]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageConfig {
    /// `sqlite://PATH` or `postgres://USER@HOST/DATABASE`.
    pub(crate) url: String,
    /// File with the password of the database user (PostgreSQL).
    pub(crate) password_file: Option<PathBuf>,
    /// Schema of the node's tables (PostgreSQL); the first one of the user's search path when absent.
    pub(crate) schema: Option<String>,
    /// Most connections, from 2.
    pub(crate) max_connections: u32,
    /// After how long without the database the node ends, in milliseconds (Canton's `parameters.failed-to-fatal-delay`).
    pub(crate) failed_to_fatal_delay_ms: u64,
    /// Work on a database that may lose acknowledged commits (`fsync`, `synchronous_commit` or `full_page_writes` off).
    pub(crate) allow_unsafe_durability: bool,
    /// File with the key under which private keys are encrypted; 64 hexadecimal digits.
    pub(crate) private_key_encryption_key_file: Option<PathBuf>,
}

impl StorageConfig {
    /// A SQLite file of this name in the working directory.
    pub(super) fn file(name: &str) -> Self {
        Self {
            url: format!("sqlite://{name}"),
            password_file: None,
            schema: None,
            max_connections: 8,
            failed_to_fatal_delay_ms: FAILED_TO_FATAL_DELAY_MS,
            allow_unsafe_durability: false,
            private_key_encryption_key_file: None,
        }
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.max_connections < 2 {
            mistakes.add("storage.max_connections", "has to be at least 2");
        }
    }
}

/// `[monitoring]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonitoringConfig {
    /// Address of the servers below.
    pub(crate) address: IpAddr,
    /// Port of the gRPC health server; none when absent.
    pub(crate) grpc_health_port: Option<u16>,
    /// Port of the HTTP health server; none when absent.
    pub(crate) http_health_port: Option<u16>,
    /// Port of the Prometheus exporter; none when absent.
    pub(crate) metrics_port: Option<u16>,
}

impl MonitoringConfig {
    /// Ports of this machine.
    pub(super) fn local(grpc_health_port: u16, http_health_port: u16, metrics_port: u16) -> Self {
        Self {
            address: LOOPBACK,
            grpc_health_port: Some(grpc_health_port),
            http_health_port: Some(http_health_port),
            metrics_port: Some(metrics_port),
        }
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
