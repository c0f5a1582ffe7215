//! Random bytes of nonces and tokens.

use thiserror::Error;

/// Bytes of a nonce, and of a token.
pub(crate) const SECRET_BYTES: usize = 20;

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandomness;

/// Draws the bytes of a nonce or token.
pub(crate) fn draw() -> Result<[u8; SECRET_BYTES], NoRandomness> {
    let mut bytes = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
