//! The private keys of this node.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use synod_crypto::SigningPrivateKey;
use synod_types::Fingerprint;

/// The private signing keys of this node by fingerprint. Clones share them: a key that is added later is used as soon as
/// the topology names it.
#[derive(Debug, Clone, Default)]
pub struct PrivateKeys(Arc<RwLock<BTreeMap<Fingerprint, SigningPrivateKey>>>);

impl PrivateKeys {
    /// These keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = SigningPrivateKey>) -> Self {
        let private = Self::default();
        keys.into_iter().for_each(|key| private.add(key));
        private
    }

    /// Adds a key.
    pub fn add(&self, key: SigningPrivateKey) {
        let fingerprint = key.public_key().fingerprint().clone();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(fingerprint, key);
    }

    /// Takes a key away: nothing is signed with it any more.
    pub fn remove(&self, fingerprint: &Fingerprint) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(fingerprint);
    }

    /// The private key to a public one.
    pub(crate) fn get(&self, fingerprint: &Fingerprint) -> Option<SigningPrivateKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(fingerprint).cloned()
    }
}
