//! Signatures (chapter 01 §4.4, `Signature`).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use synod_proto::crypto::v30;
use synod_types::{Fingerprint, InvalidIdentifier};
use thiserror::Error;

use crate::{InvalidDelegation, InvalidEnumValue, SignatureDelegation, SignatureFormat, SigningAlgorithmSpec};

/// Length of the signatures that a legacy signature without algorithm is taken to be Ed25519 for.
const CONCAT_BYTES: usize = 64;

/// A message that is not a signature. Says nothing about whether a signature verifies. Always its author's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSignature {
    /// An enum field is unset or unknown.
    #[error(transparent)]
    EnumValue(#[from] InvalidEnumValue),
    /// The name of the signing key is none.
    #[error("the signature names no key")]
    SignedBy(#[source] InvalidIdentifier),
    /// The delegation to a session key is not well formed.
    #[error("the signature has an invalid delegation")]
    Delegation(#[source] InvalidDelegation),
}

/// A signature and what is needed to find the key that verifies it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    format: SignatureFormat,
    bytes: Bytes,
    signed_by: Fingerprint,
    algorithm: Option<SigningAlgorithmSpec>,
    delegation: Option<Arc<SignatureDelegation>>,
}

impl Signature {
    /// A signature without delegation, after migration of the legacy encoding (`Signature.create`).
    #[must_use]
    pub fn new(
        format: SignatureFormat,
        bytes: Bytes,
        signed_by: Fingerprint,
        algorithm: Option<SigningAlgorithmSpec>,
    ) -> Self {
        Self { format: migrate(format, &bytes, algorithm), bytes, signed_by, algorithm, delegation: None }
    }

    /// This signature, made by the session key of `delegation`, with the delegation attached.
    #[must_use]
    pub fn with_delegation(self, delegation: SignatureDelegation) -> Self {
        Self {
            signed_by: delegation.session_key().fingerprint().clone(),
            delegation: Some(Arc::new(delegation)),
            ..self
        }
    }

    /// Reads a signature (`Signature.fromProtoV30`). Neither the key nor the signature itself is judged, except that a
    /// session key must be valid.
    ///
    /// # Errors
    /// [`InvalidSignature`] as Canton does.
    pub fn from_proto(proto: v30::Signature) -> Result<Self, InvalidSignature> {
        let v30::Signature { format, signature, signed_by, signing_algorithm_spec, signature_delegation } = proto;
        let format = SignatureFormat::from_number("format", format)?;
        let authorizing_key = Fingerprint::parse(&signed_by).map_err(InvalidSignature::SignedBy)?;
        let algorithm = SigningAlgorithmSpec::from_number_or_unset("signing_algorithm_spec", signing_algorithm_spec)?;
        let plain = Self::new(format, signature, authorizing_key.clone(), algorithm);
        match signature_delegation {
            None => Ok(plain),
            Some(delegation) => SignatureDelegation::from_proto(delegation, authorizing_key)
                .map(|delegation| plain.with_delegation(delegation))
                .map_err(InvalidSignature::Delegation),
        }
    }

    /// The message of this signature, after migration.
    #[must_use]
    pub fn to_proto(&self) -> v30::Signature {
        v30::Signature {
            format: self.format.number(),
            signature: self.bytes.clone(),
            signed_by: self.authorizing_key().as_str().to_owned(),
            signing_algorithm_spec: self.algorithm.map_or(0, SigningAlgorithmSpec::number),
            signature_delegation: self.delegation.as_deref().map(SignatureDelegation::to_proto),
        }
    }

    /// The encoding of [`Self::bytes`]; never raw.
    #[must_use]
    pub const fn format(&self) -> SignatureFormat {
        self.format
    }

    /// The bare signature.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The key that made this signature: the session key when there is a delegation.
    #[must_use]
    pub const fn signed_by(&self) -> &Fingerprint {
        &self.signed_by
    }

    /// The long-term key that stands behind this signature: the delegating key when there is a delegation, else
    /// [`Self::signed_by`]. This is what the wire names (`Signature.authorizingLongTermKey`).
    #[must_use]
    pub fn authorizing_key(&self) -> &Fingerprint {
        self.delegation.as_ref().map_or(&self.signed_by, |delegation| delegation.delegating_key())
    }

    /// The algorithm, when the signature says it; else it follows from the key.
    #[must_use]
    pub const fn algorithm(&self) -> Option<SigningAlgorithmSpec> {
        self.algorithm
    }

    /// The delegation to the session key that made this signature.
    #[must_use]
    pub fn delegation(&self) -> Option<&SignatureDelegation> {
        self.delegation.as_deref()
    }
}

/// The encoding that a legacy signature really has (`Signature.migrate`).
fn migrate(format: SignatureFormat, bytes: &[u8], algorithm: Option<SigningAlgorithmSpec>) -> SignatureFormat {
    match (format, algorithm) {
        (SignatureFormat::Raw, Some(algorithm)) => algorithm.format(),
        (SignatureFormat::Raw, None) if bytes.len() == CONCAT_BYTES => SignatureFormat::Concat,
        (SignatureFormat::Raw, None) => SignatureFormat::Der,
        (present, _) => present,
    }
}

impl TryFrom<v30::Signature> for Signature {
    type Error = InvalidSignature;

    fn try_from(proto: v30::Signature) -> Result<Self, InvalidSignature> {
        Self::from_proto(proto)
    }
}

impl From<&Signature> for v30::Signature {
    fn from(signature: &Signature) -> Self {
        signature.to_proto()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("format", &self.format)
            .field("bytes", &hex::encode(&self.bytes))
            .field("signed_by", &self.signed_by)
            .field("algorithm", &self.algorithm)
            .field("delegation", &self.delegation)
            .finish()
    }
}
