//! The challenge that a member answers to log in (chapter 01 §4.3 and §4.8, `MemberAuthentication`).

use std::fmt;

use synod_types::PhysicalSynchronizerId;
use thiserror::Error;

use crate::{Hash, HashBuilder, HashPurpose};

/// A single-use random number of a challenge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; Self::LENGTH]);

/// A nonce has not 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a nonce has {} bytes, not {length}", Nonce::LENGTH)]
pub struct NonceLength {
    /// The number of bytes found.
    pub length: usize,
}

impl Nonce {
    /// Number of its bytes.
    pub const LENGTH: usize = 20;

    /// The nonce of these bytes, which the caller drew at random.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Nonce {
    type Error = NonceLength;

    fn try_from(bytes: &[u8]) -> Result<Self, NonceLength> {
        bytes.try_into().map(Self).map_err(|_| NonceLength { length: bytes.len() })
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", hex::encode(self.0))
    }
}

/// What a member signs, with usage sequencer authentication, to log in to this synchronizer
/// (`MemberAuthentication.hashSynchronizerNonce`).
#[must_use]
pub fn auth_challenge_hash(nonce: &Nonce, synchronizer: &PhysicalSynchronizerId) -> Hash {
    HashBuilder::new(HashPurpose::AUTHENTICATION_TOKEN)
        .add_without_length_prefix(nonce.as_bytes())
        .add_string(&synchronizer.to_string())
        .finish()
}
