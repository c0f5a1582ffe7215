//! Verification with the keys of a member or of a group, session keys included (chapter 01 §4.4 and §4.6,
//! `SyncCryptoVerifier`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::known::KnownSignatures;
use crate::verify::verify_unless_known;
use synod_types::{CantonTimestamp, Fingerprint, ProtocolVersion, SynchronizerId};

use crate::{
    CryptoRestrictions, EnumSet, Hash, KeyUsages, Signature, SignatureDelegation, SignatureError, SigningAlgorithmSpec,
    SigningPublicKey,
};

/// Verifies signatures of the members of one synchronizer.
///
/// It holds no keys: the caller brings those that the topology has for the signer at the time of verification. Keys of
/// other usages than the required ones may be among them and do not count.
///
/// Clones share which signatures they have found valid, so that a request that was checked before ordering is not
/// computed again after it, nor the delegation of a session key for each of its signatures. Verdicts do not depend on
/// that: the rest of the checks is made each time.
#[derive(Debug, Clone)]
pub struct SignatureVerifier {
    synchronizer: SynchronizerId,
    protocol_version: ProtocolVersion,
    restrictions: CryptoRestrictions,
    known: Arc<KnownSignatures>,
}

impl SignatureVerifier {
    /// A verifier for the synchronizer with these static parameters.
    #[must_use]
    pub fn new(
        synchronizer: SynchronizerId,
        protocol_version: ProtocolVersion,
        restrictions: CryptoRestrictions,
    ) -> Self {
        Self { synchronizer, protocol_version, restrictions, known: Arc::default() }
    }

    /// What the synchronizer allows.
    #[must_use]
    pub const fn restrictions(&self) -> &CryptoRestrictions {
        &self.restrictions
    }

    /// Verifies that one of `keys`, or a session key that one of them authorized, signed `hash`. `at` is the time of
    /// the topology snapshot that `keys` are from; `required` is what one usage of the key has to be in.
    ///
    /// # Errors
    /// [`SignatureError`] of Canton's class, from checks in Canton's order.
    pub fn verify<'a>(
        &self,
        at: CantonTimestamp,
        keys: impl IntoIterator<Item = &'a SigningPublicKey>,
        hash: &Hash,
        signature: &Signature,
        required: KeyUsages,
    ) -> Result<(), SignatureError> {
        let authorizing = self.verify_authorization(at, keys, signature, required)?;
        match signature.delegation() {
            Some(delegation) => self.verify_with_session_key(delegation, hash, signature, required),
            None => self.verify_signature(hash, authorizing, signature, required),
        }
    }

    /// Verifies only that the key behind `signature` is one of `keys` and, when it is a session key, is authorized and
    /// valid at `at`; not that it signed anything (`SyncCryptoVerifier.verifyKeyUsage`). Returns the long-term key.
    ///
    /// # Errors
    /// [`SignatureError`] of Canton's class, from checks in Canton's order.
    pub fn verify_authorization<'a>(
        &self,
        at: CantonTimestamp,
        keys: impl IntoIterator<Item = &'a SigningPublicKey>,
        signature: &Signature,
        required: KeyUsages,
    ) -> Result<&'a SigningPublicKey, SignatureError> {
        let Some(delegation) = signature.delegation() else {
            return find_key(keys, signature.signed_by(), required);
        };
        self.check_delegation_allowed(required)?;
        let validity = delegation.validity();
        if !validity.covers(at) {
            return Err(SignatureError::SessionKeyNotValidYetOrAnymore {
                from: validity.from_inclusive(),
                to: validity.to_exclusive(),
                at,
            });
        }
        let long_term_key = find_key(keys, delegation.delegating_key(), required)?;
        let hash = delegation.hash(&self.synchronizer);
        self.verify_signature(&hash, long_term_key, delegation.signature(), required)
            .map_err(|error| SignatureError::InvalidSignatureDelegation(Box::new(error)))?;
        Ok(long_term_key)
    }

    /// Verifies that at least `threshold` different members of a group signed `hash`, by the keys that each has
    /// (`SyncCryptoVerifier.verifyGroupSignatures`). From protocol version 35 on, a signature by a key that several
    /// members share counts for none of them. Returns what was wrong with signatures that were not needed: Canton
    /// raises an alarm for them.
    ///
    /// # Errors
    /// [`SignatureError::ThresholdNotReached`].
    pub fn verify_group<M: Ord>(
        &self,
        at: CantonTimestamp,
        members: &BTreeMap<M, Vec<SigningPublicKey>>,
        threshold: usize,
        hash: &Hash,
        signatures: &[Signature],
        required: KeyUsages,
    ) -> Result<Vec<SignatureError>, SignatureError> {
        let mut owners: BTreeMap<&Fingerprint, BTreeSet<&M>> = BTreeMap::new();
        for (member, keys) in members {
            for key in keys.iter().filter(|key| key.usages().matches(required)) {
                owners.entry(key.fingerprint()).or_default().insert(member);
            }
        }
        let mut errors = Vec::new();
        let mut signers = BTreeSet::new();
        for signature in signatures {
            let verified = self
                .verify(at, members.values().flatten(), hash, signature, required)
                .and_then(|()| self.attribute(&owners, signature.authorizing_key()));
            match verified {
                Ok(signer) => {
                    signers.insert(signer);
                }
                Err(error) => errors.push(error),
            }
        }
        if signers.len() < threshold {
            return Err(SignatureError::ThresholdNotReached { valid: signers.len(), threshold, errors });
        }
        Ok(errors)
    }

    /// The members that a valid signature by `key` counts for; together they count once.
    fn attribute<'a, M: Ord>(
        &self,
        owners: &BTreeMap<&Fingerprint, BTreeSet<&'a M>>,
        key: &Fingerprint,
    ) -> Result<BTreeSet<&'a M>, SignatureError> {
        let members = owners.get(key).cloned().unwrap_or_default();
        if members.len() > 1 && self.protocol_version >= ProtocolVersion::V35 {
            return Err(SignatureError::SharedKey { signed_by: key.clone() });
        }
        Ok(members)
    }

    fn verify_signature(
        &self,
        hash: &Hash,
        key: &SigningPublicKey,
        signature: &Signature,
        required: KeyUsages,
    ) -> Result<(), SignatureError> {
        verify_unless_known(hash, key, signature, required, &self.restrictions, &self.known)
    }

    fn check_delegation_allowed(&self, required: KeyUsages) -> Result<(), SignatureError> {
        if self.protocol_version < ProtocolVersion::V35 || required != KeyUsages::PROTOCOL {
            return Err(SignatureError::UnsupportedDelegationSignatureError);
        }
        Ok(())
    }

    /// Canton verifies session keys by a provider whose only algorithm is Ed25519, so that others never pass, although
    /// a participant can be configured to use them (`SyncCryptoVerifier.verifyPublicApiSoftwareBased`).
    fn verify_with_session_key(
        &self,
        delegation: &SignatureDelegation,
        hash: &Hash,
        signature: &Signature,
        required: KeyUsages,
    ) -> Result<(), SignatureError> {
        let key = delegation.session_key();
        let algorithm = key.spec().algorithm();
        if algorithm != SigningAlgorithmSpec::Ed25519 {
            let allowed = EnumSet::empty().with(SigningAlgorithmSpec::Ed25519);
            self.restrictions.check(key, signature)?;
            return Err(match signature.algorithm() {
                Some(named) if named == algorithm => SignatureError::UnsupportedAlgorithmSpec { algorithm, allowed },
                Some(named) => SignatureError::KeyAlgoSpecsMismatch { spec: key.spec(), algorithm: named },
                None => SignatureError::NoMatchingAlgorithmSpec { spec: key.spec() },
            });
        }
        self.verify_signature(hash, key, signature, required)
    }
}

/// The key named `fingerprint` among those of the signer that are for one of the `required` usages.
fn find_key<'a>(
    keys: impl IntoIterator<Item = &'a SigningPublicKey>,
    fingerprint: &Fingerprint,
    required: KeyUsages,
) -> Result<&'a SigningPublicKey, SignatureError> {
    let mut has_keys = false;
    for key in keys.into_iter().filter(|key| key.usages().matches(required)) {
        has_keys = true;
        if key.fingerprint() == fingerprint {
            return Ok(key);
        }
    }
    Err(if has_keys {
        SignatureError::SignatureWithWrongKey { signed_by: fingerprint.clone() }
    } else {
        SignatureError::SignerHasNoValidKeys { signed_by: fingerprint.clone(), required }
    })
}
