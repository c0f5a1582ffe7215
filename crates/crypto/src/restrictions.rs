//! What a synchronizer allows keys and signatures to be (chapter 01 §4.7, `SynchronizerCryptoValidation`).

use crate::{
    CryptoKeyFormat, EnumSet, ProtoEnum, Signature, SignatureError, SignatureFormat, SigningAlgorithmSpec,
    SigningKeySpec, SigningPublicKey,
};

/// The part of the static synchronizer parameters that signatures are checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CryptoRestrictions {
    /// Signature algorithms.
    pub signing_algorithms: EnumSet<SigningAlgorithmSpec>,
    /// Kinds of signing keys.
    pub signing_keys: EnumSet<SigningKeySpec>,
    /// Encodings of signatures.
    pub signature_formats: EnumSet<SignatureFormat>,
    /// Encodings of keys.
    pub key_formats: EnumSet<CryptoKeyFormat>,
}

impl CryptoRestrictions {
    /// What a synchronizer with software keys announces unless told otherwise.
    #[must_use]
    pub fn jce() -> Self {
        Self {
            signing_algorithms: EnumSet::full(),
            signing_keys: EnumSet::full(),
            signature_formats: [SignatureFormat::Der, SignatureFormat::Concat].into_iter().collect(),
            key_formats: [CryptoKeyFormat::Raw, CryptoKeyFormat::DerX509Spki, CryptoKeyFormat::DerPkcs8Pki]
                .into_iter()
                .collect(),
        }
    }

    /// Whether `key` and `signature` are of the kinds allowed. Does not look at the signature itself.
    ///
    /// # Errors
    /// The first restriction that is broken, in Canton's order.
    pub fn check(&self, key: &SigningPublicKey, signature: &Signature) -> Result<(), SignatureError> {
        let (format, allowed) = (signature.format(), self.signature_formats);
        ensure(allowed, format, SignatureError::UnsupportedSignatureFormat { format, allowed })?;
        let (format, allowed) = (key.format(), self.key_formats);
        ensure(allowed, format, SignatureError::UnsupportedKeyFormat { format, allowed })?;
        let (spec, allowed) = (key.spec(), self.signing_keys);
        ensure(allowed, spec, SignatureError::UnsupportedKeySpec { spec, allowed })?;
        let allowed = self.signing_algorithms;
        match signature.algorithm() {
            Some(algorithm) => {
                ensure(allowed, algorithm, SignatureError::UnsupportedAlgorithmSpec { algorithm, allowed })
            }
            None => ensure(allowed, spec.algorithm(), SignatureError::NoMatchingAlgorithmSpec { spec }),
        }
    }
}

fn ensure<T: ProtoEnum>(allowed: EnumSet<T>, value: T, otherwise: SignatureError) -> Result<(), SignatureError> {
    if allowed.contains(value) { Ok(()) } else { Err(otherwise) }
}
