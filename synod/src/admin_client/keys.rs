//! The keys of a node.

use bytes::Bytes;
use synod_crypto::{EncryptionPublicKey, InvalidKey, KeyUsages, SigningKeySpec, SigningPublicKey};
use synod_proto::crypto::admin::v30::{
    ExportKeyPairRequest, GenerateSigningKeyRequest, ImportKeyPairRequest, ImportPublicKeyRequest, ListMyKeysRequest,
    ListPublicKeysRequest,
};
use synod_proto::crypto::v30 as crypto;
use synod_proto::crypto::v30::public_key::Key;
use synod_rpc::crypto::admin::v30::vault_service_client::VaultServiceClient;
use synod_topology::mapping::PublicKey;
use synod_types::Fingerprint;

use super::connecting::AdminChannel;
use super::{AdminCallError, NodeAdmin};

/// A key that a node knows.
#[derive(Debug, Clone)]
pub(crate) struct NodeKey {
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
    /// Whether the node has its private part.
    pub(crate) owned: bool,
    /// The key.
    pub(crate) key: PublicKey,
}

impl NodeAdmin {
    fn vault(&self) -> VaultServiceClient<AdminChannel> {
        VaultServiceClient::new(self.channel())
    }

    /// The keys whose private part the node has.
    pub(crate) async fn own_keys(&self) -> Result<Vec<NodeKey>, AdminCallError> {
        let answer = self.vault().list_my_keys(ListMyKeysRequest { filters: None }).await;
        let metadata = answer.map_err(self.refused("ListMyKeys"))?.into_inner().private_keys_metadata;
        let keys = metadata.into_iter().filter_map(|metadata| metadata.public_key_with_name);
        keys.map(|key| self.node_key(key, true)).collect()
    }

    /// All keys that the node knows, also those of others.
    pub(crate) async fn known_keys(&self) -> Result<Vec<NodeKey>, AdminCallError> {
        let own = self.own_keys().await?;
        let answer = self.vault().list_public_keys(ListPublicKeysRequest { filters: None }).await;
        let keys = answer.map_err(self.refused("ListPublicKeys"))?.into_inner().public_keys;
        let known = keys.into_iter().map(|key| {
            let mut known = self.node_key(key, false)?;
            known.owned = own.iter().any(|own| own.key.fingerprint() == known.key.fingerprint());
            Ok(known)
        });
        known.collect()
    }

    fn node_key(&self, key: crypto::PublicKeyWithName, owned: bool) -> Result<NodeKey, AdminCallError> {
        let crypto::PublicKeyWithName { public_key, name } = key;
        let key = public_key.and_then(|key| key.key).unwrap_or_else(|| Key::SigningPublicKey(Default::default()));
        let key = match key {
            Key::SigningPublicKey(key) => SigningPublicKey::from_proto(key).map(PublicKey::Signing),
            Key::EncryptionPublicKey(key) => EncryptionPublicKey::from_proto(key).map(PublicKey::Encryption),
        };
        let key = key.map_err(|source| self.broken(source))?;
        Ok(NodeKey { name: (!name.is_empty()).then_some(name), owned, key })
    }

    fn broken(&self, source: InvalidKey) -> AdminCallError {
        AdminCallError::Key { node: self.name.clone(), source }
    }

    /// Has the node draw a signing key and keep it.
    pub(crate) async fn generate_key(
        &self,
        spec: SigningKeySpec,
        usages: KeyUsages,
        name: &str,
    ) -> Result<SigningPublicKey, AdminCallError> {
        let name = name.to_owned();
        let request = GenerateSigningKeyRequest { key_spec: spec.number(), name, usage: usages.numbers() };
        let answer = self.vault().generate_signing_key(request).await.map_err(self.refused("GenerateSigningKey"))?;
        let key = answer.into_inner().public_key.unwrap_or_default();
        SigningPublicKey::from_proto(key).map_err(|source| self.broken(source))
    }

    /// A key pair as a file of Canton's, protected by the password if there is one (`keys.secret.download`). Nodes refuse it
    /// unless their configuration allows it.
    pub(crate) async fn export_key_pair(
        &self,
        fingerprint: &Fingerprint,
        password: Option<&str>,
    ) -> Result<Bytes, AdminCallError> {
        let request = ExportKeyPairRequest {
            fingerprint: fingerprint.to_string(),
            protocol_version: self.version.number(),
            password: password.unwrap_or_default().to_owned(),
        };
        let answer = self.vault().export_key_pair(request).await.map_err(self.refused("ExportKeyPair"))?;
        Ok(answer.into_inner().key_pair)
    }

    /// Gives the node a key pair from a file of Canton's (`keys.secret.upload`).
    pub(crate) async fn import_key_pair(
        &self,
        key_pair: Bytes,
        name: &str,
        password: Option<&str>,
    ) -> Result<(), AdminCallError> {
        let password = password.unwrap_or_default().to_owned();
        let request = ImportKeyPairRequest { key_pair, name: name.to_owned(), password };
        self.vault().import_key_pair(request).await.map(|_| ()).map_err(self.refused("ImportKeyPair"))
    }

    /// Gives the node the public key of somebody else (`keys.public.upload`). Returns its fingerprint.
    pub(crate) async fn import_public_key(&self, public_key: Bytes, name: &str) -> Result<String, AdminCallError> {
        let request = ImportPublicKeyRequest { public_key, name: name.to_owned() };
        let answer = self.vault().import_public_key(request).await.map_err(self.refused("ImportPublicKey"))?;
        Ok(answer.into_inner().fingerprint)
    }
}
