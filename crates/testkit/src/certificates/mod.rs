//! Certificates and signed tokens that a test makes for itself.

mod authority;
mod pem;
mod signer;

pub use authority::{Authority, Identity};
pub use signer::{TokenKind, TokenSigner};
