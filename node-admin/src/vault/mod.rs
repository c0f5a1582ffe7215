//! The keys of a node.

mod filter;
mod key_pair;
mod observer;
mod password;
mod service;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_proto::crypto::v30::SigningPublicKey as SigningPublicKeyProto;
use synod_store::{PublicKeyRow, Store, StoreFault};
use synod_types::Fingerprint;
use thiserror::Error;

use crate::StopNode;
use crate::errors::{AdminError, fault};
pub use observer::KeyObserver;
pub use service::VaultAdmin;

/// The keys cannot be read or written.
#[derive(Debug, Error)]
pub enum VaultFault {
    /// The store failed.
    #[error("the keys of the node cannot be read or stored")]
    Store(#[from] StoreFault),
    /// A stored key is broken.
    #[error("the stored key {fingerprint} is broken")]
    Key {
        /// Its name.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key could not be drawn.
    #[error("a key cannot be made")]
    Generate(#[from] synod_crypto::KeyGenerationFault),
}

/// The signing keys in a store. Cheap to clone. Who uses keys while the node runs observes them: clones tell the same
/// observers.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Store,
    stop: StopNode,
    observers: Arc<Mutex<Vec<Arc<dyn KeyObserver>>>>,
}

impl Vault {
    /// The keys of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::of_node(store, StopNode::never())
    }

    /// The keys of this store, which stops the node when it fails at a call.
    #[must_use]
    pub fn of_node(store: Store, stop: StopNode) -> Self {
        Self { store, stop, observers: Arc::default() }
    }

    /// Tells `observer` all own keys that are here, and from now on each that comes or goes.
    ///
    /// # Errors
    /// [`VaultFault`] when the keys cannot be read.
    pub async fn observe(&self, observer: Arc<dyn KeyObserver>) -> Result<(), VaultFault> {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&observer));
        for fingerprint in self.own_fingerprints().await? {
            if let Some(key) = self.signing_key(&fingerprint).await? {
                observer.added(&key);
            }
        }
        Ok(())
    }

    fn tell(&self, tell: impl Fn(&dyn KeyObserver)) {
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        observers.iter().for_each(|observer| tell(&**observer));
    }

    /// What the caller is told of a fault. One of the store stops the node.
    pub(crate) fn fault(&self, cause: VaultFault) -> AdminError {
        match cause {
            store @ VaultFault::Store(_) => self.stop.fault(store),
            other => fault(&other),
        }
    }

    /// All public keys, by fingerprint.
    ///
    /// # Errors
    /// [`VaultFault::Store`].
    pub async fn public_keys(&self) -> Result<Vec<PublicKeyRow>, VaultFault> {
        Ok(self.store.public_keys().await?)
    }

    /// The names of the keys whose private part is here.
    ///
    /// # Errors
    /// [`VaultFault::Store`].
    pub async fn own_fingerprints(&self) -> Result<BTreeSet<Fingerprint>, VaultFault> {
        let keys = self.public_keys().await?.into_iter();
        Ok(keys.filter(|key| key.owned).map(|key| key.fingerprint).collect())
    }

    /// The private key of this name, if it is here.
    ///
    /// # Errors
    /// [`VaultFault`] when the store fails or the key is broken.
    pub async fn signing_key(&self, fingerprint: &Fingerprint) -> Result<Option<SigningPrivateKey>, VaultFault> {
        let row = self.public_keys().await?.into_iter().find(|row| row.fingerprint == *fingerprint);
        let Some(row) = row.filter(|row| row.owned) else { return Ok(None) };
        let Some(der) = self.store.private_key(fingerprint).await? else { return Ok(None) };
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| VaultFault::Key {
            fingerprint: fingerprint.clone(),
            source,
        };
        let public = SigningPublicKeyProto::decode(row.public_key).map_err(|error| broken(error.into()))?;
        let spec = SigningKeySpec::from_spec_or_scheme(public.key_spec, 0).map_err(|error| broken(error.into()))?;
        let usages = KeyUsages::from_proto(&public.usage).map_err(|error| broken(error.into()))?;
        let key = SigningPrivateKey::from_pkcs8(&der, spec, usages).map_err(|error| broken(error.into()))?;
        Ok(Some(key))
    }

    /// Draws a key and stores it. `usages` have to be valid for a key.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn generate(
        &self,
        spec: SigningKeySpec,
        usages: KeyUsages,
        name: Option<String>,
    ) -> Result<SigningPrivateKey, VaultFault> {
        let key = SigningPrivateKey::generate(spec, usages)?;
        self.put(&key, name).await?;
        Ok(key)
    }

    /// Stores a key pair.
    ///
    /// # Errors
    /// [`VaultFault::Store`].
    pub async fn put(&self, key: &SigningPrivateKey, name: Option<String>) -> Result<(), VaultFault> {
        let row = public_row(key.public_key(), name);
        self.store.put_key_pair(&row, &key.to_pkcs8()).await?;
        self.tell(|observer| observer.added(key));
        Ok(())
    }

    /// Stores a public key of somebody else.
    ///
    /// # Errors
    /// [`VaultFault::Store`].
    pub async fn put_public(
        &self,
        key: &synod_crypto::SigningPublicKey,
        name: Option<String>,
    ) -> Result<(), VaultFault> {
        Ok(self.store.put_public_key(&public_row(key, name)).await?)
    }

    /// Deletes a key pair; true when there was one.
    ///
    /// # Errors
    /// [`VaultFault::Store`].
    pub async fn delete(&self, fingerprint: &Fingerprint) -> Result<bool, VaultFault> {
        let is_deleted = self.store.delete_key_pair(fingerprint).await?;
        if is_deleted {
            self.tell(|observer| observer.deleted(fingerprint));
        }
        Ok(is_deleted)
    }
}

fn public_row(key: &synod_crypto::SigningPublicKey, name: Option<String>) -> PublicKeyRow {
    PublicKeyRow {
        fingerprint: key.fingerprint().clone(),
        name,
        public_key: key.to_proto().encode_to_vec().into(),
        owned: true,
    }
}
