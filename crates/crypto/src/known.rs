//! Signatures that are known to be valid.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::{Hash, SigningPublicKey};

/// How many are kept: twice as many as requests wait to be ordered. A kept one takes about 100 bytes.
const LIMIT: usize = 16_384;

/// SHA-256 over key, hash and signature.
type Identity = [u8; 32];

#[derive(Default)]
struct Known {
    all: BTreeSet<Identity>,
    /// Oldest first.
    order: VecDeque<Identity>,
}

/// The newest signatures that were found valid. Whether a signature is valid depends on the key, the hash and its bytes
/// alone, so knowing it changes no verdict. Invalid ones are not kept: nobody fills the memory with them.
#[derive(Default)]
pub(crate) struct KnownSignatures(Mutex<Known>);

impl fmt::Debug for KnownSignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownSignatures(..)")
    }
}

impl KnownSignatures {
    /// Whether `signature` is `key`'s over `hash`: known, or found out by `verify`.
    pub(crate) fn check(
        &self,
        key: &SigningPublicKey,
        hash: &Hash,
        signature: &[u8],
        verify: impl FnOnce() -> bool,
    ) -> bool {
        let identity = identity(key, hash, signature);
        if self.with(|known| known.all.contains(&identity)) {
            return true;
        }
        let is_valid = verify();
        if is_valid {
            self.with(|known| known.add(identity));
        }
        is_valid
    }

    fn with<R>(&self, work: impl FnOnce(&mut Known) -> R) -> R {
        // At worst one that was forgotten in `order` stays: nothing depends on it.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn add(&mut self, identity: Identity) {
        if self.all.insert(identity) {
            self.order.push_back(identity);
        }
        if self.order.len() > LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

fn identity(key: &SigningPublicKey, hash: &Hash, signature: &[u8]) -> Identity {
    let scheme = [key.format() as u8, key.spec() as u8];
    let length = u64::try_from(key.key_bytes().len()).unwrap_or(u64::MAX).to_be_bytes();
    let digest = Sha256::new().chain_update(scheme).chain_update(length).chain_update(key.key_bytes());
    digest.chain_update(hash.as_digest()).chain_update(signature).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HashPurpose, KeyUsages, SigningKeySpec, SigningPrivateKey};

    #[test]
    fn only_valid_signatures_are_known() {
        let generate =
            || SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, KeyUsages::PROTOCOL).expect("a key");
        let (key, other) = (generate().public_key().clone(), generate().public_key().clone());
        let hash = |text: &str| Hash::digest(HashPurpose::SUBMISSION_REQUEST_SIGNATURE, text.as_bytes());
        let (one, two) = (hash("one"), hash("two"));
        let known = KnownSignatures::default();
        assert!(!known.check(&key, &one, b"signature", || false));
        assert!(known.check(&key, &one, b"signature", || true));
        let not_asked = || panic!("it is known");
        assert!(known.check(&key, &one, b"signature", not_asked));
        assert!(!known.check(&other, &one, b"signature", || false));
        assert!(!known.check(&key, &two, b"signature", || false));
        assert!(!known.check(&key, &one, b"signaturf", || false));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut known = Known::default();
        let identity = |number: usize| {
            let mut identity = [0; 32];
            identity[..8].copy_from_slice(&number.to_be_bytes());
            identity
        };
        (0..LIMIT + 10).for_each(|number| known.add(identity(number)));
        known.add(identity(LIMIT));
        assert_eq!((known.all.len(), known.order.len()), (LIMIT, LIMIT));
        assert!(!known.all.contains(&identity(9)) && known.all.contains(&identity(10)));
    }
}
