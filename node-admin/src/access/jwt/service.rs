//! Whom tokens let in (`AuthServiceJWT`, `AuthServicePrivilegedJWT`, `UserConfigAuthService`).

use synod_types::CantonTimestamp;

use super::key::JwtKey;
use super::payload::Payload;
use super::times::{JwtLeeway, check_life};
use crate::access::RefusalCause;
use crate::access::rules::Said;

/// Audiences that name a participant begin so.
const PARTICIPANT_AUDIENCE: &str = "https://daml.com/jwt/aud/participant/";
/// The scope of tokens that name no audience.
const LEDGER_API_SCOPE: &str = "daml_ledger_api";

/// What tokens have to be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtTarget {
    /// `aud` has this.
    Audience(String),
    /// The scopes have this.
    Scope(String),
    /// `aud` names one participant, whichever, or the scopes have `daml_ledger_api` and `aud` has at most one entry.
    Ledger,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtAdmits {
    /// Everybody with a token. Canton's access levels `admin` and `wildcard` both administer.
    Everybody,
    /// These users.
    Users(Vec<AuthorizedUser>),
    /// Nobody: a node of ours has no rights of users.
    Nobody,
}

/// A user, and what it may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedUser {
    /// The `sub` of its tokens.
    pub user_id: String,
    /// Full names (`package.Service`).
    pub allowed_services: Vec<String>,
}

/// Knows the tokens that one key has signed.
#[derive(Debug, Clone)]
pub struct JwtService {
    /// The key.
    pub key: JwtKey,
    /// What tokens have to be for.
    pub target: JwtTarget,
    /// Who is let in.
    pub admits: JwtAdmits,
    /// How far clocks may differ.
    pub leeway: JwtLeeway,
    /// How long a token may be good at most, in milliseconds from now; any time when absent.
    pub max_token_life_ms: Option<u64>,
}

impl JwtService {
    /// What it says of a call with this token.
    pub(in crate::access) fn say(&self, token: &str, service: &str, now: CantonTimestamp) -> Said {
        let payload = match self.read(token, now) {
            Ok(payload) => payload,
            Err(cause) => return Said::Unknown(cause),
        };
        match &self.admits {
            JwtAdmits::Everybody => Said::Admin,
            JwtAdmits::Nobody => Said::Denied(RefusalCause::Users),
            JwtAdmits::Users(users) => match users.iter().find(|user| user.user_id == payload.user) {
                None => Said::Unknown(RefusalCause::User),
                Some(user) if user.allowed_services.iter().any(|allowed| allowed == service) => Said::Admin,
                Some(_) => Said::Unknown(RefusalCause::Service),
            },
        }
    }

    fn read(&self, token: &str, now: CantonTimestamp) -> Result<Payload, RefusalCause> {
        let payload = Payload::parse(&self.key.verify(token)?)?;
        self.leeway.check(&payload, now)?;
        if let Some(most_ms) = self.max_token_life_ms {
            check_life(&payload, most_ms, now)?;
        }
        self.target.check(&payload)?;
        Ok(payload)
    }
}

impl JwtTarget {
    fn check(&self, token: &Payload) -> Result<(), RefusalCause> {
        let has = |scope: &str| token.scopes.iter().any(|found| found == scope);
        let (is_met, otherwise) = match self {
            Self::Audience(audience) => (token.audiences.contains(audience), RefusalCause::Audience),
            Self::Scope(scope) => (has(scope), RefusalCause::Scope),
            Self::Ledger => {
                let named: Vec<_> =
                    token.audiences.iter().filter_map(|audience| audience.strip_prefix(PARTICIPANT_AUDIENCE)).collect();
                if named.is_empty() {
                    (has(LEDGER_API_SCOPE) && token.audiences.len() <= 1, RefusalCause::Scope)
                } else {
                    (named.iter().filter(|participant| !participant.is_empty()).count() == 1, RefusalCause::Audience)
                }
            }
        };
        if is_met { Ok(()) } else { Err(otherwise) }
    }
}

#[cfg(test)]
mod tests;
