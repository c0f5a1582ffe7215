//! Keys that mappings list.

use std::collections::BTreeSet;

use synod_crypto::{EncryptionPublicKey, SigningPublicKey};
use synod_proto::crypto::v30;
use synod_types::Fingerprint;

use crate::InvalidMessage;
use crate::error::ensure;
use crate::number::positive_u32;

/// Most keys of a mapping (`KeyMapping.MaxKeys`).
pub(super) const MAX_KEYS: usize = 20;

/// A signing key or an encryption key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// A signing key.
    Signing(SigningPublicKey),
    /// An encryption key.
    Encryption(EncryptionPublicKey),
}

impl PublicKey {
    /// The name of this key.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        match self {
            Self::Signing(key) => key.fingerprint(),
            Self::Encryption(key) => key.fingerprint(),
        }
    }

    pub(super) fn from_proto(proto: v30::PublicKey) -> Result<Self, InvalidMessage> {
        use v30::public_key::Key;
        match proto.key.ok_or(InvalidMessage::FieldNotSet { field: "key" })? {
            Key::SigningPublicKey(key) => Ok(Self::Signing(SigningPublicKey::from_proto(key)?)),
            Key::EncryptionPublicKey(key) => Ok(Self::Encryption(EncryptionPublicKey::from_proto(key)?)),
        }
    }

    pub(super) fn to_proto(&self) -> v30::PublicKey {
        use v30::public_key::Key;
        let key = match self {
            Self::Signing(key) => Key::SigningPublicKey(key.to_proto()),
            Self::Encryption(key) => Key::EncryptionPublicKey(key.to_proto()),
        };
        v30::PublicKey { key: Some(key) }
    }
}

/// Signing keys, and how many of them have to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningKeysWithThreshold {
    /// The keys: 1 to 20. By fingerprint, as they are written.
    pub keys: BTreeSet<SigningPublicKey>,
    /// How many have to sign; above zero. May be more than there are.
    pub threshold: u32,
}

impl SigningKeysWithThreshold {
    /// These keys with this threshold.
    ///
    /// # Errors
    /// [`InvalidMessage`] when there is none, there are more than 20, or the threshold is 0 or above 2³¹ − 1.
    pub fn new(keys: BTreeSet<SigningPublicKey>, threshold: u32) -> Result<Self, InvalidMessage> {
        if keys.is_empty() {
            return Err(InvalidMessage::FieldNotSet { field: "keys" });
        }
        ensure(keys.len() <= MAX_KEYS, "more than 20 keys")?;
        Ok(Self { keys, threshold: positive_u32("threshold", threshold)? })
    }

    /// Whether one of the keys has this fingerprint.
    pub(crate) fn has_key(&self, fingerprint: &Fingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint() == fingerprint)
    }

    pub(crate) fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        self.keys.iter().map(|key| key.fingerprint().clone()).collect()
    }
}

pub(super) fn parse_signing_keys(protos: Vec<v30::SigningPublicKey>) -> Result<Vec<SigningPublicKey>, InvalidMessage> {
    Ok(protos.into_iter().map(SigningPublicKey::from_proto).collect::<Result<_, _>>()?)
}

/// Whether all of the keys have different fingerprints.
pub(super) fn are_distinct<'a>(mut fingerprints: impl Iterator<Item = &'a Fingerprint>) -> bool {
    let mut seen = BTreeSet::new();
    fingerprints.all(|fingerprint| seen.insert(fingerprint))
}
