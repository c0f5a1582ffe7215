//! Settings of a server's TLS.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// TLS of a server (Canton's `TlsServerConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsServerConfig {
    /// PEM file with the certificate of the server, and after it what leads to its root.
    pub cert_chain_file: PathBuf,
    /// PEM file with the private key of the certificate, without a password.
    pub private_key_file: PathBuf,
    /// PEM file with the authorities whose certificates clients may show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_collection_file: Option<PathBuf>,
    /// Whether clients have to show a certificate of such an authority.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The oldest version of TLS that is spoken.
    #[serde(default)]
    pub minimum_server_protocol_version: TlsVersion,
    /// Names of the cipher suites that may be used, the best one first; all that are thought safe when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphers: Option<Vec<String>>,
}

/// What a server asks of its clients (`ServerAuthRequirementConfig`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// A certificate.
    Require,
    /// A certificate, if the client has one; one that is not trusted ends the connection.
    #[default]
    Optional,
    /// Nothing.
    None,
}

/// Versions of TLS. Older ones are not spoken, as by Canton.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2
    #[default]
    #[serde(rename = "TLSv1.2")]
    V1_2,
    /// TLS 1.3
    #[serde(rename = "TLSv1.3")]
    V1_3,
}
