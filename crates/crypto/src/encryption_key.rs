//! Public encryption keys (`EncryptionPublicKey`). The synchronizer checks and passes them on; it never encrypts.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use synod_proto::crypto::v30;
use synod_types::Fingerprint;

use crate::curve::is_p256_point;
use crate::fingerprint::fingerprint_of_key;
use crate::key::InvalidKey;
use crate::{CryptoKeyFormat, EncryptionKeySpec, spki};

/// A validated public encryption key. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncryptionPublicKey(Arc<Inner>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Inner {
    fingerprint: Fingerprint,
    format: CryptoKeyFormat,
    key: Bytes,
    spec: EncryptionKeySpec,
}

impl EncryptionPublicKey {
    /// Validates a key, after migration of its legacy encoding (`EncryptionPublicKey.create`).
    ///
    /// # Errors
    /// [`InvalidKey`] when the encoding is none of public keys, or the bytes are no such key.
    pub fn new(format: CryptoKeyFormat, key: Bytes, spec: EncryptionKeySpec) -> Result<Self, InvalidKey> {
        let format = if format == CryptoKeyFormat::Der { CryptoKeyFormat::DerX509Spki } else { format };
        match format {
            CryptoKeyFormat::DerX509Spki => check(&key, spec)?,
            CryptoKeyFormat::Symbolic => {}
            CryptoKeyFormat::Der | CryptoKeyFormat::Raw | CryptoKeyFormat::DerPkcs8Pki => {
                return Err(InvalidKey::Format { format });
            }
        }
        Ok(Self(Arc::new(Inner { fingerprint: fingerprint_of_key(&key), format, key, spec })))
    }

    /// Reads and validates a key (`EncryptionPublicKey.fromProtoV30`).
    ///
    /// # Errors
    /// [`InvalidKey`] when an enum field is unset or unknown, or as [`Self::new`].
    pub fn from_proto(proto: v30::EncryptionPublicKey) -> Result<Self, InvalidKey> {
        let v30::EncryptionPublicKey { format, public_key, scheme, key_spec } = proto;
        let format = CryptoKeyFormat::from_number("format", format)?;
        let spec = EncryptionKeySpec::from_spec_or_scheme(key_spec, scheme)?;
        Self::new(format, public_key, spec)
    }

    /// The message of this key, after migration.
    #[must_use]
    pub fn to_proto(&self) -> v30::EncryptionPublicKey {
        v30::EncryptionPublicKey {
            format: self.format().number(),
            public_key: self.0.key.clone(),
            scheme: 0,
            key_spec: self.spec().number(),
        }
    }

    /// The name of this key.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    /// The encoding of [`Self::key_bytes`]: that of public keys, or symbolic.
    #[must_use]
    pub fn format(&self) -> CryptoKeyFormat {
        self.0.format
    }

    /// The key as it travels.
    #[must_use]
    pub fn key_bytes(&self) -> &Bytes {
        &self.0.key
    }

    /// What kind of key this is.
    #[must_use]
    pub fn spec(&self) -> EncryptionKeySpec {
        self.0.spec
    }
}

fn check(key: &[u8], spec: EncryptionKeySpec) -> Result<(), InvalidKey> {
    let inner = spki::encryption_key_bytes(key, spec).ok_or(InvalidKey::Encoding { spec: spec.name() })?;
    let valid = match spec {
        EncryptionKeySpec::EcP256 => is_p256_point(inner),
        EncryptionKeySpec::Rsa2048 => spki::is_rsa_2048(inner),
    };
    if valid { Ok(()) } else { Err(InvalidKey::Value { spec: spec.name() }) }
}

impl TryFrom<v30::EncryptionPublicKey> for EncryptionPublicKey {
    type Error = InvalidKey;

    fn try_from(proto: v30::EncryptionPublicKey) -> Result<Self, InvalidKey> {
        Self::from_proto(proto)
    }
}

impl From<&EncryptionPublicKey> for v30::EncryptionPublicKey {
    fn from(key: &EncryptionPublicKey) -> Self {
        key.to_proto()
    }
}

impl fmt::Debug for EncryptionPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionPublicKey")
            .field("fingerprint", self.fingerprint())
            .field("format", &self.format())
            .field("spec", &self.spec())
            .finish()
    }
}
