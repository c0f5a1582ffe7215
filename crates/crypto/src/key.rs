//! Public signing keys (chapter 01 §4.3 and §4.4, `SigningPublicKey`, `CryptoKeyValidation`).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use synod_proto::crypto::v30;
use synod_types::Fingerprint;
use thiserror::Error;

use crate::curve::VerifyingKey;
use crate::fingerprint::fingerprint_of_key;
use crate::{CryptoKeyFormat, InvalidEnumValue, KeyUsages, SigningKeySpec, SigningKeyUsage, spki, usage};

/// A message that is not a public key. Always its author's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidKey {
    /// An enum field is unset or unknown.
    #[error(transparent)]
    EnumValue(#[from] InvalidEnumValue),
    /// Proof of ownership alone, or beside the namespace alone.
    #[error("a key cannot have just the usages {usages}")]
    Usages {
        /// The usages found.
        usages: KeyUsages,
    },
    /// The encoding is not one of public keys, even after migration.
    #[error("invalid format for public key: {format}")]
    Format {
        /// The encoding named.
        format: CryptoKeyFormat,
    },
    /// The bytes are not DER, or of another algorithm or curve than the key's specification says.
    #[error("the public key is not a SubjectPublicKeyInfo of {spec}")]
    Encoding {
        /// Name of the specification.
        spec: &'static str,
    },
    /// The bytes are well formed but not a key that is safe to use.
    #[error("the public key is not valid for {spec}")]
    Value {
        /// Name of the specification.
        spec: &'static str,
    },
}

/// A validated public signing key. Cheap to clone; its fingerprint is computed, and the key prepared for verification,
/// once.
///
/// Canton remembers by fingerprint which keys it has validated in this process, and so lets an EC key with a wrong
/// specification pass when it has seen its valid twin. Verdicts here depend on nothing but the key, as Canton's do with
/// empty caches.
#[derive(Clone)]
pub struct SigningPublicKey(Arc<Inner>);

struct Inner {
    format: CryptoKeyFormat,
    key: Bytes,
    spec: SigningKeySpec,
    usages: KeyUsages,
    /// `usages` as Canton writes them: in the order received, what was added last.
    usages_in_order: Box<[SigningKeyUsage]>,
    fingerprint: Fingerprint,
    /// `None` for keys of the symbolic format, which verify nothing.
    verifying: Option<VerifyingKey>,
}

impl SigningPublicKey {
    /// Validates a key, after migration of legacy encodings; adds proof of ownership to its usages
    /// (`SigningPublicKey.create`).
    ///
    /// # Errors
    /// [`InvalidKey`] as Canton does on its first sight of the key.
    pub fn new(
        format: CryptoKeyFormat,
        key: Bytes,
        spec: SigningKeySpec,
        usages: KeyUsages,
    ) -> Result<Self, InvalidKey> {
        Self::with_usages_in_order(format, key, spec, usages.iter().collect())
    }

    fn with_usages_in_order(
        format: CryptoKeyFormat,
        key: Bytes,
        spec: SigningKeySpec,
        mut usages_in_order: Vec<SigningKeyUsage>,
    ) -> Result<Self, InvalidKey> {
        let usages: KeyUsages = usages_in_order.iter().copied().collect();
        if !usages.is_valid_for_key() {
            return Err(InvalidKey::Usages { usages });
        }
        let received = usages;
        let usages = usages.with_proof_of_ownership();
        if usages != received {
            usages_in_order.push(SigningKeyUsage::ProofOfOwnership);
        }
        let (format, key) = migrate(format, key, spec)?;
        let (fingerprint, verifying) = match format {
            CryptoKeyFormat::DerX509Spki => {
                let inner = spki::signing_key_bytes(&key, spec).ok_or(InvalidKey::Encoding { spec: spec.name() })?;
                let verifying = VerifyingKey::new(spec, inner).ok_or(InvalidKey::Value { spec: spec.name() })?;
                // Keys from the time before the envelope keep their fingerprint.
                let named_by = if spec == SigningKeySpec::EcCurve25519 { inner } else { &key };
                (fingerprint_of_key(named_by), Some(verifying))
            }
            CryptoKeyFormat::Symbolic => (fingerprint_of_key(&key), None),
            CryptoKeyFormat::Der | CryptoKeyFormat::Raw | CryptoKeyFormat::DerPkcs8Pki => {
                return Err(InvalidKey::Format { format });
            }
        };
        let usages_in_order = usages_in_order.into();
        Ok(Self(Arc::new(Inner { format, key, spec, usages, usages_in_order, fingerprint, verifying })))
    }

    /// Reads and validates a key (`SigningPublicKey.fromProtoV30`).
    ///
    /// # Errors
    /// [`InvalidKey`] as Canton does on its first sight of the key.
    pub fn from_proto(proto: v30::SigningPublicKey) -> Result<Self, InvalidKey> {
        let v30::SigningPublicKey { format, public_key, scheme, usage: usages, key_spec } = proto;
        let format = CryptoKeyFormat::from_number("format", format)?;
        let spec = SigningKeySpec::from_spec_or_scheme(key_spec, scheme)?;
        Self::with_usages_in_order(format, public_key, spec, usage::read_in_order(&usages)?)
    }

    /// The message of this key, after migration.
    #[must_use]
    pub fn to_proto(&self) -> v30::SigningPublicKey {
        v30::SigningPublicKey {
            format: self.format().number(),
            public_key: self.0.key.clone(),
            scheme: 0,
            usage: self.0.usages_in_order.iter().map(|usage| usage.number()).collect(),
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
    pub fn spec(&self) -> SigningKeySpec {
        self.0.spec
    }

    /// What this key may sign.
    #[must_use]
    pub fn usages(&self) -> KeyUsages {
        self.0.usages
    }

    /// `None` for keys of the symbolic format.
    pub(crate) fn verifying(&self) -> Option<&VerifyingKey> {
        self.0.verifying.as_ref()
    }

    fn sort_key(&self) -> (&Fingerprint, SigningKeySpec, CryptoKeyFormat, KeyUsages, &Bytes) {
        (&self.0.fingerprint, self.0.spec, self.0.format, self.0.usages, &self.0.key)
    }
}

/// The present form of legacy encodings (`SigningPublicKey.migrate`).
fn migrate(format: CryptoKeyFormat, key: Bytes, spec: SigningKeySpec) -> Result<(CryptoKeyFormat, Bytes), InvalidKey> {
    match (format, spec) {
        (CryptoKeyFormat::Raw, SigningKeySpec::EcCurve25519) => {
            let wrapped = spki::wrap_ed25519(&key).ok_or(InvalidKey::Encoding { spec: spec.name() })?;
            Ok((CryptoKeyFormat::DerX509Spki, Bytes::from(wrapped)))
        }
        (CryptoKeyFormat::Der, SigningKeySpec::EcP256 | SigningKeySpec::EcP384) => {
            Ok((CryptoKeyFormat::DerX509Spki, key))
        }
        _ => Ok((format, key)),
    }
}

impl TryFrom<v30::SigningPublicKey> for SigningPublicKey {
    type Error = InvalidKey;

    fn try_from(proto: v30::SigningPublicKey) -> Result<Self, InvalidKey> {
        Self::from_proto(proto)
    }
}

impl From<&SigningPublicKey> for v30::SigningPublicKey {
    fn from(key: &SigningPublicKey) -> Self {
        key.to_proto()
    }
}

impl PartialEq for SigningPublicKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.sort_key() == other.sort_key()
    }
}

impl Eq for SigningPublicKey {}

/// By fingerprint first.
impl Ord for SigningPublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl PartialOrd for SigningPublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for SigningPublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sort_key().hash(state);
    }
}

impl fmt::Debug for SigningPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningPublicKey")
            .field("fingerprint", self.fingerprint())
            .field("format", &self.format())
            .field("spec", &self.spec())
            .field("usages", &self.usages())
            .finish()
    }
}
