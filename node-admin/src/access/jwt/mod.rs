//! Tokens that somebody has signed (Canton's `AuthServiceJWT` with its verifiers in `base/daml-jwt`).
//!
//! | file | what |
//! |---|---|
//! | `compact` | header, payload and signature of a token |
//! | `key` | algorithms, and the key that has to have signed |
//! | `payload` | what a token says |
//! | `times` | from when until when it is good |
//! | `service` | whom it lets in |

mod compact;
mod key;
mod payload;
mod service;
mod times;

pub use key::{InvalidKey, JwtAlgorithm, JwtKey};
pub use service::{AuthorizedUser, JwtAdmits, JwtService, JwtTarget};
pub use times::JwtLeeway;
