//! Verification with one key (`JcePureCrypto.verifySignature`, `SynchronizerCryptoPureApi.verifySignature`).

use crate::known::KnownSignatures;
use crate::{CryptoRestrictions, EnumSet, Hash, KeyUsages, Signature, SignatureError, SigningPublicKey};

/// Verifies that `key` signed `hash` and may do so: one of its usages is in `required`.
///
/// # Errors
/// [`SignatureError`] of Canton's class, from checks in Canton's order.
pub fn verify(
    hash: &Hash,
    key: &SigningPublicKey,
    signature: &Signature,
    required: KeyUsages,
) -> Result<(), SignatureError> {
    judge(hash, key, signature, required, None)
}

fn judge(
    hash: &Hash,
    key: &SigningPublicKey,
    signature: &Signature,
    required: KeyUsages,
    known: Option<&KnownSignatures>,
) -> Result<(), SignatureError> {
    let fingerprint = key.fingerprint();
    if signature.signed_by() != fingerprint {
        return Err(SignatureError::SignatureWithWrongKey { signed_by: signature.signed_by().clone() });
    }
    let algorithm = key.spec().algorithm();
    if let Some(named) = signature.algorithm().filter(|named| *named != algorithm) {
        return Err(SignatureError::KeyAlgoSpecsMismatch { spec: key.spec(), algorithm: named });
    }
    if !key.usages().allows(required) {
        return Err(SignatureError::InvalidKeyUsage { key: fingerprint.clone(), usages: key.usages(), required });
    }
    if signature.format() != algorithm.format() {
        return Err(SignatureError::UnsupportedSignatureFormat {
            format: signature.format(),
            allowed: EnumSet::empty().with(algorithm.format()),
        });
    }
    let Some(verifying) = key.verifying() else {
        return Err(SignatureError::InvalidKeyError { key: fingerprint.clone() });
    };
    let verify = || verifying.verifies(&hash.multihash(), signature.bytes());
    let is_valid = known.map_or_else(verify, |known| known.check(key, hash, signature.bytes(), verify));
    if !is_valid {
        return Err(SignatureError::InvalidSignature { signed_by: fingerprint.clone() });
    }
    Ok(())
}

/// [`verify`], after checking that the synchronizer allows such a key and such a signature.
///
/// # Errors
/// [`SignatureError`] of Canton's class, from checks in Canton's order.
pub fn verify_restricted(
    hash: &Hash,
    key: &SigningPublicKey,
    signature: &Signature,
    required: KeyUsages,
    restrictions: &CryptoRestrictions,
) -> Result<(), SignatureError> {
    restrictions.check(key, signature)?;
    verify(hash, key, signature, required)
}

/// [`verify_restricted`], but a signature that is `known` to be valid is not computed again.
pub(crate) fn verify_unless_known(
    hash: &Hash,
    key: &SigningPublicKey,
    signature: &Signature,
    required: KeyUsages,
    restrictions: &CryptoRestrictions,
    known: &KnownSignatures,
) -> Result<(), SignatureError> {
    restrictions.check(key, signature)?;
    judge(hash, key, signature, required, Some(known))
}
