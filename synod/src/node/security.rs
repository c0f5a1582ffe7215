//! Who may reach the ports of a node: what the configuration names is read here, once, at the start.

use std::path::Path;

use synod_client::ClientIdentity;
use synod_node_admin::access::{
    AccessRules, AdminToken, AuthService, AuthorizedUser, JwtAdmits, JwtAlgorithm, JwtKey, JwtLeeway, JwtService,
    JwtTarget,
};
use synod_runtime::settings::{Mistakes, SettingsErrors};
use synod_runtime::tls::{ServerTls, TlsServerConfig};
use synod_runtime::{Chain, Secret};

use crate::config::{AdminApiConfig, AuthServiceConfig, AuthServiceType, ClientCertConfig};

/// What is asked of those who reach the administration port.
#[derive(Debug)]
pub(super) struct AdminAccess {
    pub(super) tls: Option<ServerTls>,
    pub(super) rules: AccessRules,
}

impl AdminAccess {
    /// Reads what `[admin_api]` names.
    ///
    /// # Errors
    /// [`SettingsErrors`]: everything that is wrong with it.
    pub(super) fn load(config: &AdminApiConfig) -> Result<Self, SettingsErrors> {
        let mut mistakes = Mistakes::default();
        let tls = tls("admin_api.tls", config.tls.as_ref(), &mut mistakes);
        let mut services = Vec::new();
        if let Some(file) = &config.admin_token_config.fixed_admin_token_file {
            match file.read().map_err(|error| Chain(&error).to_string()).and_then(fit_for_a_header) {
                Ok(token) => {
                    let token = AdminToken::fixed(token.expose(), config.admin_token_config.admin_claim);
                    services.push(AuthService::AdminToken(token));
                }
                Err(what) => {
                    let key = "admin_api.admin_token_config.fixed_admin_token_file";
                    mistakes.add(key, format!("cannot be used: {what}"));
                }
            }
        }
        let leeway = JwtLeeway {
            default: config.jwt_timestamp_leeway.default,
            expires_at: config.jwt_timestamp_leeway.expires_at,
            issued_at: config.jwt_timestamp_leeway.issued_at,
            not_before: config.jwt_timestamp_leeway.not_before,
        };
        for (index, service) in config.auth_services.iter().enumerate() {
            match auth_service(service, leeway) {
                Ok(service) => services.push(service),
                Err(what) => {
                    mistakes.add("admin_api.auth_services", format!("has a mistake in entry {}: {what}", index + 1));
                }
            }
        }
        mistakes.into_result()?;
        let access = Self { tls, rules: AccessRules::new(services) };
        access.warn(config);
        Ok(access)
    }

    /// What an operator should know who did not mean it.
    fn warn(&self, config: &AdminApiConfig) {
        if config.auth_services.iter().any(|service| service.r#type == AuthServiceType::UnsafeJwtHmac256) {
            tracing::warn!(
                "unsafe-jwt-hmac-256: everybody who can check a token of the administration API can make one"
            );
        }
        if config.address.is_loopback() {
            return;
        }
        if self.rules.is_open() {
            tracing::warn!("everybody who reaches the administration API may call it: see admin_api.auth_services");
        }
        if self.tls.is_none() {
            tracing::warn!("the administration API is served in plain text beyond this machine: see admin_api.tls");
        }
    }
}

/// The TLS of the public API.
///
/// # Errors
/// [`SettingsErrors`].
pub(super) fn public_tls(config: Option<&TlsServerConfig>) -> Result<Option<ServerTls>, SettingsErrors> {
    let mut mistakes = Mistakes::default();
    let tls = tls("public_api.tls", config, &mut mistakes);
    mistakes.into_result()?;
    Ok(tls)
}

/// The certificate that a mediator shows to sequencers.
///
/// # Errors
/// [`SettingsErrors`].
pub(super) fn client_identity(config: Option<&ClientCertConfig>) -> Result<Option<ClientIdentity>, SettingsErrors> {
    let Some(config) = config else { return Ok(None) };
    let mut mistakes = Mistakes::default();
    let read = |path: &Path| read(path).map_err(|what| format!("cannot be used: {what}"));
    let identity = read(&config.cert_chain_file).and_then(|certificate_chain| {
        let private_key = Secret::new(read(&config.private_key_file)?);
        let identity = ClientIdentity::from_pem(&certificate_chain, private_key.expose());
        identity.map_err(|error| format!("cannot be used: {}", Chain(&error)))
    });
    let identity = identity.map_err(|what| mistakes.add("sequencer_client.client_cert", what)).ok();
    mistakes.into_result()?;
    Ok(identity)
}

fn tls(key: &str, config: Option<&TlsServerConfig>, mistakes: &mut Mistakes) -> Option<ServerTls> {
    match config?.load() {
        Ok(tls) => Some(tls),
        Err(error) => {
            mistakes.add(key, format!("cannot be used: {}", Chain(&error)));
            None
        }
    }
}

/// A token has to go through a header as it is.
fn fit_for_a_header(token: Secret<String>) -> Result<Secret<String>, String> {
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err("the token has a space, or something else that is no visible ASCII character".to_owned())
    }
}

fn auth_service(config: &AuthServiceConfig, leeway: JwtLeeway) -> Result<AuthService, String> {
    let algorithm = match config.r#type {
        AuthServiceType::Wildcard => return Ok(AuthService::Wildcard),
        AuthServiceType::UnsafeJwtHmac256 => None,
        AuthServiceType::JwtRs256Crt => Some(JwtAlgorithm::Rs256),
        AuthServiceType::JwtRs384Crt => Some(JwtAlgorithm::Rs384),
        AuthServiceType::JwtRs512Crt => Some(JwtAlgorithm::Rs512),
        AuthServiceType::JwtEs256Crt => Some(JwtAlgorithm::Es256),
        AuthServiceType::JwtEs512Crt => Some(JwtAlgorithm::Es512),
    };
    let key = match (algorithm, &config.certificate, &config.secret_file) {
        (Some(algorithm), Some(path), _) => JwtKey::of_certificate(algorithm, &read(path)?)
            .map_err(|error| format!("{}: {}", path.display(), Chain(&error)))?,
        (None, _, Some(file)) => {
            JwtKey::unsafe_hmac_256(file.read().map_err(|error| Chain(&error).to_string())?.expose())
        }
        _ => return Err("it has no key".to_owned()),
    };
    let users = config
        .users
        .iter()
        .map(|user| AuthorizedUser { user_id: user.user_id.clone(), allowed_services: user.allowed_services.clone() });
    let admits = match (config.users.is_empty(), config.privileged) {
        (false, _) => JwtAdmits::Users(users.collect()),
        (true, true) => JwtAdmits::Everybody,
        (true, false) => JwtAdmits::Nobody,
    };
    let target = target(config, &admits);
    let max_token_life_ms = config.max_token_life_ms;
    Ok(AuthService::Jwt(Box::new(JwtService { key, target, admits, leeway, max_token_life_ms })))
}

/// With both targets, a privileged service looks at the scope and any other at the audience (`AuthServiceJWT.apply`).
fn target(config: &AuthServiceConfig, admits: &JwtAdmits) -> JwtTarget {
    let audience = config.target_audience.clone().map(JwtTarget::Audience);
    let scope = config.target_scope.clone().map(JwtTarget::Scope);
    let target = match admits {
        JwtAdmits::Everybody => scope.or(audience),
        JwtAdmits::Users(_) | JwtAdmits::Nobody => audience.or(scope),
    };
    target.unwrap_or(JwtTarget::Ledger)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
