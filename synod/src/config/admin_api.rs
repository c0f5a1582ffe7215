//! `[admin_api]`: where operators call a node, and who may. Names follow Canton's (`AdminServerConfig`,
//! `AuthServiceConfig`, `AdminTokenConfig`); secrets are in files.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, SecretFile};
use synod_runtime::tls::TlsServerConfig;

use super::shared::LOOPBACK;

/// `[admin_api]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminApiConfig {
    /// Address to listen on.
    pub(crate) address: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub(crate) port: u16,
    /// TLS; plain text when absent.
    pub(crate) tls: Option<TlsServerConfig>,
    /// Who knows tokens, asked in this order. When there is none, and no fixed token, everybody may call.
    pub(crate) auth_services: Vec<AuthServiceConfig>,
    /// The token that an operator has fixed.
    pub(crate) admin_token_config: AdminTokenConfig,
    /// By how far the clocks of those who sign tokens may differ, in seconds.
    pub(crate) jwt_timestamp_leeway: JwtLeewayConfig,
}

/// `[admin_api.admin_token_config]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminTokenConfig {
    /// File with a token that is good for ever; there is none when absent.
    pub(crate) fixed_admin_token_file: Option<SecretFile>,
    /// Whether who has it may administer.
    pub(crate) admin_claim: bool,
}

impl Default for AdminTokenConfig {
    fn default() -> Self {
        Self { fixed_admin_token_file: None, admin_claim: true }
    }
}

/// `[admin_api.jwt_timestamp_leeway]`, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JwtLeewayConfig {
    /// Of a time that is not named below.
    pub(crate) default: Option<u32>,
    /// Of `exp`.
    pub(crate) expires_at: Option<u32>,
    /// Of `iat`.
    pub(crate) issued_at: Option<u32>,
    /// Of `nbf`.
    pub(crate) not_before: Option<u32>,
}

/// `[[admin_api.auth_services]]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthServiceConfig {
    /// What kind of tokens it knows.
    pub(crate) r#type: AuthServiceType,
    /// PEM file with the certificate of who signs; not of `unsafe-jwt-hmac-256` and `wildcard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// File with the shared secret of `unsafe-jwt-hmac-256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_file: Option<SecretFile>,
    /// What the claim `aud` has to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_audience: Option<String>,
    /// What the claim `scope` or `scp` has to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_scope: Option<String>,
    /// Whether everybody with a token may administer.
    #[serde(default)]
    pub(crate) privileged: bool,
    /// What a privileged token allows; each of Canton's levels allows to administer.
    #[serde(default)]
    pub(crate) access_level: AccessLevel,
    /// Users who may call some services, instead of everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) users: Vec<AuthorizedUserConfig>,
    /// How long a token may be good at most, in milliseconds from when it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_token_life_ms: Option<u64>,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuthServiceType {
    /// JWT, RSA with SHA-256.
    #[serde(rename = "jwt-rs-256-crt")]
    JwtRs256Crt,
    /// JWT, RSA with SHA-384.
    #[serde(rename = "jwt-rs-384-crt")]
    JwtRs384Crt,
    /// JWT, RSA with SHA-512.
    #[serde(rename = "jwt-rs-512-crt")]
    JwtRs512Crt,
    /// JWT, ECDSA on P-256.
    #[serde(rename = "jwt-es-256-crt")]
    JwtEs256Crt,
    /// JWT, ECDSA on P-521.
    #[serde(rename = "jwt-es-512-crt")]
    JwtEs512Crt,
    /// JWT, a shared secret with SHA-256: for tests alone.
    #[serde(rename = "unsafe-jwt-hmac-256")]
    UnsafeJwtHmac256,
    /// Everybody.
    #[serde(rename = "wildcard")]
    Wildcard,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessLevel {
    /// To administer.
    Admin,
    /// Everything.
    #[default]
    Wildcard,
}

/// A user, and what it may call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizedUserConfig {
    /// The claim `sub` of its tokens.
    pub(crate) user_id: String,
    /// Full names, e.g. `com.digitalasset.canton.admin.health.v30.StatusService`.
    pub(crate) allowed_services: Vec<String>,
}

impl AdminApiConfig {
    /// A port of this machine, open to everybody on it.
    pub(super) fn local(port: u16) -> Self {
        Self {
            address: LOOPBACK,
            port,
            tls: None,
            auth_services: Vec::new(),
            admin_token_config: AdminTokenConfig::default(),
            jwt_timestamp_leeway: JwtLeewayConfig::default(),
        }
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        for (index, service) in self.auth_services.iter().enumerate() {
            if let Some(what) = service.mistake() {
                mistakes.add("admin_api.auth_services", format!("has a mistake in entry {}: {what}", index + 1));
            }
        }
    }
}

impl AuthServiceConfig {
    fn mistake(&self) -> Option<&'static str> {
        let Self { certificate, secret_file, target_audience, target_scope, privileged, users, .. } = self;
        let has_target = target_audience.is_some() || target_scope.is_some();
        match self.r#type {
            AuthServiceType::Wildcard => {
                let says_more = certificate.is_some() || secret_file.is_some() || has_target || *privileged;
                return (says_more || !users.is_empty()).then_some("`wildcard` has no other settings");
            }
            AuthServiceType::UnsafeJwtHmac256 if secret_file.is_none() => return Some("`secret_file` is missing"),
            AuthServiceType::UnsafeJwtHmac256 if certificate.is_some() => {
                return Some("`certificate` is not for a shared secret");
            }
            AuthServiceType::UnsafeJwtHmac256 => {}
            _ if certificate.is_none() => return Some("`certificate` is missing"),
            _ if secret_file.is_some() => return Some("`secret_file` is for `unsafe-jwt-hmac-256`"),
            _ => {}
        }
        match (privileged, users.is_empty(), has_target) {
            (true, true, false) => Some("`privileged` needs a `target_audience` or a `target_scope`"),
            (false, true, _) => Some("nobody may call: give `privileged = true` or `users`"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_runtime::settings::Sources;

    use crate::config::SequencerConfig;

    /// What is wrong with a configuration of this text.
    fn mistakes(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).expect("written");
        let loaded = Sources::with_variables("SYNOD_", []).file(&path).load::<SequencerConfig>();
        let found = loaded.err().map(|errors| errors.mistakes().to_vec()).unwrap_or_default();
        found.iter().map(|mistake| format!("{}: {}", mistake.key, mistake.what)).collect()
    }

    fn service(more: &str) -> Vec<String> {
        mistakes(&format!("[[admin_api.auth_services]]\n{more}"))
    }

    #[test]
    fn every_kind_of_service_can_be_configured() {
        for kind in ["jwt-rs-256-crt", "jwt-rs-384-crt", "jwt-rs-512-crt", "jwt-es-256-crt", "jwt-es-512-crt"] {
            let text = format!(
                "type = \"{kind}\"\ncertificate = \"c.pem\"\ntarget_scope = \"s\"\nprivileged = true\n\
                 access_level = \"admin\"\nmax_token_life_ms = 1000"
            );
            assert_eq!(service(&text), Vec::<String>::new(), "{kind}");
        }
        let users = "type = \"unsafe-jwt-hmac-256\"\nsecret_file = \"s\"\n\
                     users = [{ user_id = \"u\", allowed_services = [\"a.B\"] }]";
        assert_eq!(service(users), Vec::<String>::new());
        assert_eq!(service("type = \"wildcard\""), Vec::<String>::new());
        let rest = "[admin_api.tls]\ncert_chain_file = \"c\"\nprivate_key_file = \"k\"\nclient_auth = \"require\"\n\
                    trust_collection_file = \"t\"\nminimum_server_protocol_version = \"TLSv1.3\"\nciphers = [\"x\"]\n\
                    [admin_api.admin_token_config]\nfixed_admin_token_file = \"f\"\nadmin_claim = false\n\
                    [admin_api.jwt_timestamp_leeway]\ndefault = 5\nexpires_at = 1\n";
        assert_eq!(mistakes(rest), Vec::<String>::new());
    }

    #[test]
    fn what_a_service_lacks_is_said() {
        for (text, expected) in [
            ("type = \"jwt-es-256-crt\"\nprivileged = true", "`certificate` is missing"),
            ("type = \"unsafe-jwt-hmac-256\"\nprivileged = true", "`secret_file` is missing"),
            ("type = \"jwt-rs-256-crt\"\ncertificate = \"c\"\nprivileged = true", "`target_audience` or"),
            ("type = \"jwt-rs-256-crt\"\ncertificate = \"c\"\ntarget_scope = \"s\"", "nobody may call"),
            ("type = \"wildcard\"\nprivileged = true", "no other settings"),
            ("type = \"jwt-jwks\"\nurl = \"https://x\"", "none of"),
            ("type = \"jwt-rs-256-crt\"\nsecret = \"x\"", "is not a setting"),
        ] {
            let found = service(text);
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
            assert!(found[0].starts_with("admin_api.auth_services"), "{found:?}");
        }
        let version = mistakes(
            "[admin_api.tls]\ncert_chain_file = \"c\"\nprivate_key_file = \"k\"\nminimum_server_protocol_version = \"TLSv1.1\"",
        );
        assert!(version[0].contains("none of `TLSv1.2` and `TLSv1.3`"), "{version:?}");
    }
}
