//! Who may call the administration API: as Canton's interceptor decides it (`GrpcAuthInterceptorFactory`,
//! `AuthInterceptor`, `RequiringAdminClaimResolver` of its `community/base`).
//!
//! A header goes to one service after the other, until one of them knows its token; what that one says counts. Every
//! method needs the claim to administer: also which API this is, status and reflection.
//!
//! | file | what |
//! |---|---|
//! | `rules` | the services in their order, and what they say of a call: no clock, no network |
//! | `bearer` | the token in the header |
//! | `admin_token` | the token that an operator has fixed |
//! | `jwt` | tokens that somebody has signed |
//! | `refusal` | why a call is refused, and the error of it |
//! | `guard` | puts the rules before the services of a port |

mod admin_token;
mod bearer;
mod guard;
mod jwt;
mod refusal;
mod rules;

pub use admin_token::AdminToken;
pub use guard::{AdminGuard, GuardedService};
pub use jwt::{AuthorizedUser, InvalidKey, JwtAdmits, JwtAlgorithm, JwtKey, JwtLeeway, JwtService, JwtTarget};
pub use refusal::RefusalCause;
pub use rules::{AccessRules, AuthService};
