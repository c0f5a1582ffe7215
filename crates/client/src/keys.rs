//! The private keys of a member that runs, and which of them signs (chapter 01 §4.5).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use synod_crypto::{Hash, KeyUsages, Signature, SigningPrivateKey, SigningPublicKey};
use synod_topology::Snapshot;
use synod_types::{Fingerprint, Member};

use crate::{ClientError, MemberKeys};

/// Private keys that more can be added to while they are used. Clones share them.
///
/// Which one signs is up to the topology. So a key is rotated without a restart: add the new one, let the topology list
/// it, and it is used from then on; once the topology lists the old one no more, it is used no more.
#[derive(Clone, Default)]
pub struct KeyRing(Arc<RwLock<Vec<SigningPrivateKey>>>);

impl KeyRing {
    /// These keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = SigningPrivateKey>) -> Self {
        let ring = Self::default();
        keys.into_iter().for_each(|key| ring.add(key));
        ring
    }

    /// Adds a key; one that is there already changes nothing.
    pub fn add(&self, key: SigningPrivateKey) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.iter().all(|known| known.public_key().fingerprint() != key.public_key().fingerprint()) {
            keys.push(key);
        }
    }

    /// Takes a key away. Returns whether it was there.
    pub fn remove(&self, fingerprint: &Fingerprint) -> bool {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = keys.len();
        keys.retain(|key| key.public_key().fingerprint() != fingerprint);
        keys.len() < before
    }

    /// The key with this fingerprint.
    #[must_use]
    pub fn key(&self, fingerprint: &Fingerprint) -> Option<SigningPrivateKey> {
        self.find(|key| key.public_key().fingerprint() == fingerprint)
    }

    /// The last of the listed keys that is here: the one that Canton signs with (`PublicKey.getLatestKey`).
    #[must_use]
    pub fn last_listed<'a>(&self, listed: impl IntoIterator<Item = &'a SigningPublicKey>) -> Option<SigningPrivateKey> {
        listed.into_iter().filter_map(|public| self.key(public.fingerprint())).last()
    }

    pub(crate) fn first_for(&self, usages: KeyUsages) -> Option<SigningPrivateKey> {
        self.find(|key| key.public_key().usages().allows(usages))
    }

    /// The first key for the login that a sequencer offers.
    pub(crate) fn first_offered(&self, offered: &[String]) -> Option<SigningPrivateKey> {
        let usages = KeyUsages::SEQUENCER_AUTHENTICATION;
        offered.iter().find_map(|offered| {
            self.find(|key| {
                let public = key.public_key();
                public.fingerprint().as_str() == offered && public.usages().allows(usages)
            })
        })
    }

    fn find(&self, is_it: impl Fn(&SigningPrivateKey) -> bool) -> Option<SigningPrivateKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().find(|key| is_it(key)).cloned()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(keys.iter().map(|key| key.public_key().fingerprint())).finish()
    }
}

/// A member and the keys that it logs in and signs with. Clones share the keys.
#[derive(Debug, Clone)]
pub struct MemberSigner {
    member: Member,
    keys: KeyRing,
}

impl MemberSigner {
    /// The member with these keys.
    #[must_use]
    pub const fn new(member: Member, keys: KeyRing) -> Self {
        Self { member, keys }
    }

    pub(crate) fn of_keys(member: Member, keys: &MemberKeys) -> Self {
        Self::new(member, KeyRing::new([keys.authentication.clone(), keys.protocol.clone()]))
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Its keys, which more can be added to.
    #[must_use]
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The key that signs what the member sends while `topology` is in force: the last protocol key there that it has.
    ///
    /// # Errors
    /// [`ClientError::NoProtocolKey`] when it has none of those.
    pub fn protocol_key(&self, topology: &Snapshot) -> Result<SigningPrivateKey, ClientError> {
        let listed = topology.signing_keys_for(&self.member, KeyUsages::PROTOCOL);
        self.keys.last_listed(listed).ok_or_else(|| ClientError::NoProtocolKey(self.member.clone()))
    }

    /// Signs with [`Self::protocol_key`].
    ///
    /// # Errors
    /// [`ClientError::NoProtocolKey`], [`ClientError::Sign`].
    pub fn sign(&self, hash: &Hash, topology: &Snapshot) -> Result<Signature, ClientError> {
        self.protocol_key(topology)?.sign(hash, KeyUsages::PROTOCOL).map_err(ClientError::Sign)
    }

    /// The key that signs what the member sends where no topology is known: the first one for the protocol.
    ///
    /// # Errors
    /// [`ClientError::NoProtocolKey`] when there is none.
    pub fn first_protocol_key(&self) -> Result<SigningPrivateKey, ClientError> {
        let key = self.keys.first_for(KeyUsages::PROTOCOL);
        key.ok_or_else(|| ClientError::NoProtocolKey(self.member.clone()))
    }

    pub(crate) fn sign_blindly(&self, hash: &Hash) -> Result<Signature, ClientError> {
        self.first_protocol_key()?.sign(hash, KeyUsages::PROTOCOL).map_err(ClientError::Sign)
    }
}
