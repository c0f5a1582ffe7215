//! Who is calling: logging in, and the token of each call (ch. 01 §1.7, §1.8, §4.8).

mod activity;
mod caller;
pub(crate) mod handshake;
mod nonces;
mod random;
mod revocation;
mod service;
mod sessions;
mod tokens;

pub(crate) use activity::is_active;
pub(crate) use caller::{Caller, NamedMember, NamedMemberInterceptor, TokenInterceptor};
pub(crate) use revocation::Revocation;
pub(crate) use service::AuthenticationService;
pub(crate) use sessions::Sessions;
