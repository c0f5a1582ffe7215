//! The services in their order, and what they say of a call.

use synod_types::CantonTimestamp;

use super::admin_token::AdminToken;
use super::bearer;
use super::jwt::JwtService;
use super::refusal::RefusalCause;

/// Who knows tokens (`AuthService`).
#[derive(Debug, Clone)]
pub enum AuthService {
    /// Lets everybody in, with or without a token (`AuthServiceWildcard`).
    Wildcard,
    /// The token that an operator has fixed.
    AdminToken(AdminToken),
    /// Tokens that somebody has signed.
    Jwt(Box<JwtService>),
}

/// What a service says of a call (`ClaimSet`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It does not know the token, and why; the next one is asked.
    Unknown(RefusalCause),
    /// The caller may administer.
    Admin,
    /// It knows the token, and the caller may not administer.
    Denied(RefusalCause),
}

/// Who may call a port.
#[derive(Debug, Clone, Default)]
pub struct AccessRules {
    services: Vec<AuthService>,
}

impl AccessRules {
    /// Everybody may.
    #[must_use]
    pub const fn open() -> Self {
        Self { services: Vec::new() }
    }

    /// Whom one of these knows; everybody when there is none. They are asked in this order.
    #[must_use]
    pub const fn new(services: Vec<AuthService>) -> Self {
        Self { services }
    }

    /// Whether everybody may call everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.services.is_empty() || self.services.iter().any(|service| matches!(service, AuthService::Wildcard))
    }

    /// Whether a call with this `authorization` header may call a service, by full name (`package.Service`).
    ///
    /// # Errors
    /// [`RefusalCause`].
    pub fn decide(&self, header: Option<&str>, service: &str, now: CantonTimestamp) -> Result<(), RefusalCause> {
        if self.services.is_empty() {
            return Ok(());
        }
        let token = bearer::token(header);
        let mut furthest = RefusalCause::NoToken;
        for auth in &self.services {
            let said = match (auth, token) {
                (AuthService::Wildcard, _) => Said::Admin,
                (_, Err(cause)) => Said::Unknown(cause),
                (AuthService::AdminToken(fixed), Ok(token)) => admin_token(fixed, token),
                (AuthService::Jwt(jwt), Ok(token)) => jwt.say(token, service, now),
            };
            match said {
                Said::Admin => return Ok(()),
                Said::Denied(cause) => return Err(cause),
                Said::Unknown(cause) => furthest = furthest.max(cause),
            }
        }
        Err(furthest)
    }
}

fn admin_token(fixed: &AdminToken, token: &str) -> Said {
    match (fixed.is(token), fixed.admin_claim()) {
        (false, _) => Said::Unknown(RefusalCause::OtherToken),
        (true, true) => Said::Admin,
        (true, false) => Said::Denied(RefusalCause::NoAdminClaim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: CantonTimestamp = CantonTimestamp::EPOCH;

    fn fixed(admin_claim: bool) -> AuthService {
        AuthService::AdminToken(AdminToken::fixed("open sesame", admin_claim))
    }

    #[test]
    fn without_services_and_with_a_wildcard_everybody_may_call() {
        assert_eq!(AccessRules::open().decide(None, "a.B", NOW), Ok(()));
        let wildcard = AccessRules::new(vec![fixed(true), AuthService::Wildcard]);
        assert_eq!(wildcard.decide(None, "a.B", NOW), Ok(()));
        assert_eq!(wildcard.decide(Some("Basic x"), "a.B", NOW), Ok(()));
        assert!(wildcard.is_open() && AccessRules::open().is_open());
    }

    #[test]
    fn the_fixed_token_lets_in() {
        let rules = AccessRules::new(vec![fixed(true)]);
        assert!(!rules.is_open());
        assert_eq!(rules.decide(Some("Bearer open sesame"), "a.B", NOW), Ok(()));
        let refused = |header| rules.decide(header, "a.B", NOW).unwrap_err();
        assert_eq!(refused(None), RefusalCause::NoToken);
        assert_eq!(refused(Some("open sesame")), RefusalCause::NotBearer);
        assert_eq!(refused(Some("Bearer open sesam")), RefusalCause::OtherToken);
        assert_eq!(refused(Some("Bearer open sesame ")), RefusalCause::OtherToken);
    }

    #[test]
    fn a_fixed_token_without_the_claim_is_known_and_ends_the_search() {
        let rules = AccessRules::new(vec![fixed(false), AuthService::Wildcard]);
        assert_eq!(rules.decide(Some("Bearer open sesame"), "a.B", NOW), Err(RefusalCause::NoAdminClaim));
    }

    #[test]
    fn nothing_shows_the_token() {
        let shown = format!("{:?}", AccessRules::new(vec![fixed(true)]));
        assert!(!shown.contains("sesame") && !shown.contains("digest"), "{shown}");
    }
}
