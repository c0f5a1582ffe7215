//! Why a call is refused.

use tonic::Status;

use crate::errors::{AdminError, ErrorCode, Trace};

/// Why a call is refused: for the log and the metric. The caller learns the status alone
/// (`AuthorizationChecksErrors`).
///
/// In the order in which a token fails: of several services, the one that came furthest says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalCause {
    /// There is no `authorization` header.
    NoToken,
    /// The header has no bearer token.
    NotBearer,
    /// The token is not the fixed one.
    OtherToken,
    /// The token is no JWT.
    Malformed,
    /// The token is of another algorithm than that of the service.
    Algorithm,
    /// The signature does not verify.
    Signature,
    /// The token has expired.
    Expired,
    /// The token is not good yet, or was issued in the future.
    NotYetValid,
    /// The token is good for too long, or for ever.
    Lifetime,
    /// A claim of the token is missing, or is not of its type.
    Claims,
    /// The token is not for this audience.
    Audience,
    /// The token does not have this scope.
    Scope,
    /// Nothing is allowed to the user.
    User,
    /// The user may call other services.
    Service,
    /// The token is good, and users have no rights at this node.
    Users,
    /// The token is known, and allows nothing.
    NoAdminClaim,
}

impl RefusalCause {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::NoToken,
        Self::NotBearer,
        Self::OtherToken,
        Self::Malformed,
        Self::Algorithm,
        Self::Signature,
        Self::Expired,
        Self::NotYetValid,
        Self::Lifetime,
        Self::Claims,
        Self::Audience,
        Self::Scope,
        Self::User,
        Self::Service,
        Self::Users,
        Self::NoAdminClaim,
    ];

    /// Its name in the metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::NotBearer => "not-bearer",
            Self::OtherToken => "other-token",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Lifetime => "lifetime",
            Self::Claims => "claims",
            Self::Audience => "audience",
            Self::Scope => "scope",
            Self::User => "user",
            Self::Service => "service",
            Self::Users => "users-disabled",
            Self::NoAdminClaim => "no-admin-claim",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NoToken => "there is no token",
            Self::NotBearer => "the header has no bearer token",
            Self::OtherToken => "the token is not the one of this node",
            Self::Malformed => "the token is no JWT",
            Self::Algorithm => "the token is of another algorithm",
            Self::Signature => "the signature of the token does not verify",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not good yet",
            Self::Lifetime => "the token is good for too long",
            Self::Claims => "a claim of the token is missing or is not of its type",
            Self::Audience => "the token is not for this audience",
            Self::Scope => "the token does not have the scope",
            Self::User => "the user of the token is none of this node",
            Self::Service => "the user of the token may not call this service",
            Self::Users => "users have no rights here: the service is neither privileged nor lists users",
            Self::NoAdminClaim => "the token does not allow to administer",
        }
    }

    const fn code(self) -> ErrorCode {
        match self {
            Self::NoAdminClaim => ErrorCode::PERMISSION_DENIED,
            _ => ErrorCode::UNAUTHENTICATED,
        }
    }

    /// The answer to a call of this method. The log says more.
    pub(super) fn status(self, path: &str, trace: &Trace) -> Status {
        AdminError::new(self.code(), self.text()).with("method", path).status(trace)
    }
}
