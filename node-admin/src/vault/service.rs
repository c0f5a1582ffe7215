//! `VaultService`: the keys of a node (chapter 05 §2.1).
//!
//! Private keys leave by this service only when the preview commands are enabled, as with Canton
//! (`features.enable-preview-commands`).

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use prost::Message;
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPublicKey};
use synod_proto::crypto::admin::v30 as admin;
use synod_proto::crypto::v30 as crypto;
use synod_rpc::crypto::admin::v30::vault_service_server::{VaultService, VaultServiceServer};
use synod_store::PublicKeyRow;
use synod_types::Fingerprint;
use synod_wire::versioned;
use tonic::{Request, Response, Status, async_trait};

use super::filter::KeyFilter;
use super::{Vault, key_pair};
use crate::errors::{AdminError, Trace, malformed};

/// Longest name of a key, in characters (`KeyName`, `String300`).
const MAX_NAME: usize = 300;

/// Serves the keys of a node, from its start on.
#[derive(Debug, Clone)]
pub struct VaultAdmin {
    vault: Vault,
    preview_commands: bool,
}

impl VaultAdmin {
    /// The service over these keys.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self { vault, preview_commands: false }
    }

    /// Whether key pairs are exported (`enablePreviewFeatures`).
    #[must_use]
    pub fn with_preview_commands(self, preview_commands: bool) -> Self {
        Self { preview_commands, ..self }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> VaultServiceServer<Self> {
        VaultServiceServer::new(self)
    }

    async fn list(
        &self,
        filters: Option<admin::ListKeysFilters>,
        is_meant: fn(&PublicKeyRow) -> bool,
    ) -> Result<Vec<crypto::PublicKeyWithName>, AdminError> {
        let filter = KeyFilter::parse(filters)?;
        let keys = self.vault.public_keys().await.map_err(|error| self.vault.fault(error))?;
        let listed = keys.iter().filter(|row| is_meant(row)).map(|row| filter.listed(row));
        listed.filter_map(Result::transpose).collect()
    }

    async fn generate(&self, request: admin::GenerateSigningKeyRequest) -> Result<SigningPublicKey, AdminError> {
        let spec = match request.key_spec {
            0 => SigningKeySpec::EcCurve25519,
            number => SigningKeySpec::from_spec_or_scheme(number, 0).map_err(malformed)?,
        };
        if request.usage.is_empty() {
            return Err(malformed("field `usage` is empty"));
        }
        let usages = KeyUsages::from_proto(&request.usage).map_err(malformed)?;
        if !usages.is_valid_for_key() {
            return Err(malformed(format!("a key cannot be for {usages} alone")));
        }
        let name = key_name(request.name)?;
        let key = self.vault.generate(spec, usages, name).await.map_err(|error| self.vault.fault(error))?;
        Ok(key.public_key().clone())
    }

    async fn import(&self, request: admin::ImportPublicKeyRequest) -> Result<Fingerprint, AdminError> {
        let proto = match crypto::PublicKey::decode(request.public_key.clone()) {
            Ok(crypto::PublicKey { key: Some(crypto::public_key::Key::SigningPublicKey(key)) }) => key,
            Ok(crypto::PublicKey { key: Some(crypto::public_key::Key::EncryptionPublicKey(_)) }) => {
                return Err(malformed("this node keeps signing keys only"));
            }
            Ok(crypto::PublicKey { key: None }) => return Err(malformed("field `key` is not set")),
            Err(error) => downloaded(&request.public_key).ok_or_else(|| malformed(error))?,
        };
        let key = SigningPublicKey::from_proto(proto).map_err(malformed)?;
        let name = key_name(request.name)?;
        self.vault.put_public(&key, name).await.map_err(|error| self.vault.fault(error))?;
        Ok(key.fingerprint().clone())
    }
}

/// A signing key as the Console writes it to a file: versioned. Canton reads it as the message of the call, because the
/// version stands where an encryption key would, and unknown fields are passed over (`keys.public.download_to`).
fn downloaded(bytes: &Bytes) -> Option<crypto::SigningPublicKey> {
    let data = versioned::unwrap(bytes).ok()?.data;
    crypto::SigningPublicKey::decode(data).ok()
}

pub(super) fn key_name(name: String) -> Result<Option<String>, AdminError> {
    if name.chars().count() > MAX_NAME {
        return Err(malformed(format!("the name of a key has at most {MAX_NAME} characters")));
    }
    Ok((!name.is_empty()).then_some(name))
}

/// The calls of the service that this node does not serve.
macro_rules! not_served {
    ($($method:ident($request:ident) -> $response:ident;)*) => {$(
        fn $method<'s, 'call>(
            &'s self,
            _: Request<admin::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<admin::$response>, Status>> + Send + 'call>>
        where
            's: 'call,
            Self: 'call,
        {
            Box::pin(async { Err(Status::unimplemented(concat!(stringify!($method), " is not served by this node"))) })
        }
    )*};
}

#[async_trait]
impl VaultService for VaultAdmin {
    async fn list_my_keys(
        &self,
        request: Request<admin::ListMyKeysRequest>,
    ) -> Result<Response<admin::ListMyKeysResponse>, Status> {
        let trace = Trace::of(&request);
        let keys = self.list(request.into_inner().filters, |row| row.owned).await;
        let metadata =
            |key| admin::PrivateKeyMetadata { public_key_with_name: Some(key), wrapper_key_id: None, kms_key_id: None };
        let private_keys_metadata = keys.map_err(|error| error.status(&trace))?.into_iter().map(metadata).collect();
        Ok(Response::new(admin::ListMyKeysResponse { private_keys_metadata }))
    }

    async fn list_public_keys(
        &self,
        request: Request<admin::ListPublicKeysRequest>,
    ) -> Result<Response<admin::ListPublicKeysResponse>, Status> {
        let trace = Trace::of(&request);
        let keys = self.list(request.into_inner().filters, |_| true).await;
        Ok(Response::new(admin::ListPublicKeysResponse { public_keys: keys.map_err(|error| error.status(&trace))? }))
    }

    async fn generate_signing_key(
        &self,
        request: Request<admin::GenerateSigningKeyRequest>,
    ) -> Result<Response<admin::GenerateSigningKeyResponse>, Status> {
        let trace = Trace::of(&request);
        let key = self.generate(request.into_inner()).await.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::GenerateSigningKeyResponse { public_key: Some(key.to_proto()) }))
    }

    async fn import_public_key(
        &self,
        request: Request<admin::ImportPublicKeyRequest>,
    ) -> Result<Response<admin::ImportPublicKeyResponse>, Status> {
        let trace = Trace::of(&request);
        let fingerprint = self.import(request.into_inner()).await.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::ImportPublicKeyResponse { fingerprint: fingerprint.as_str().to_owned() }))
    }

    async fn import_key_pair(
        &self,
        request: Request<admin::ImportKeyPairRequest>,
    ) -> Result<Response<admin::ImportKeyPairResponse>, Status> {
        let trace = Trace::of(&request);
        key_pair::import(&self.vault, request.into_inner(), &trace).await?;
        Ok(Response::new(admin::ImportKeyPairResponse {}))
    }

    async fn export_key_pair(
        &self,
        request: Request<admin::ExportKeyPairRequest>,
    ) -> Result<Response<admin::ExportKeyPairResponse>, Status> {
        if !self.preview_commands {
            let refused = "Remote export of private keys only allowed when preview is enabled";
            return Err(Status::failed_precondition(refused));
        }
        let trace = Trace::of(&request);
        let key_pair = key_pair::export(&self.vault, request.into_inner(), &trace).await?;
        Ok(Response::new(admin::ExportKeyPairResponse { key_pair }))
    }

    async fn delete_key_pair(
        &self,
        request: Request<admin::DeleteKeyPairRequest>,
    ) -> Result<Response<admin::DeleteKeyPairResponse>, Status> {
        let trace = Trace::of(&request);
        let fingerprint = Fingerprint::parse(&request.into_inner().fingerprint).map_err(malformed);
        let fingerprint = fingerprint.map_err(|error| error.status(&trace))?;
        self.vault.delete(&fingerprint).await.map_err(|error| self.vault.fault(error).status(&trace))?;
        tracing::warn!(%fingerprint, "a key of the node was deleted");
        Ok(Response::new(admin::DeleteKeyPairResponse {}))
    }

    not_served! {
        generate_encryption_key(GenerateEncryptionKeyRequest) -> GenerateEncryptionKeyResponse;
        register_kms_encryption_key(RegisterKmsEncryptionKeyRequest) -> RegisterKmsEncryptionKeyResponse;
        register_kms_signing_key(RegisterKmsSigningKeyRequest) -> RegisterKmsSigningKeyResponse;
        rotate_wrapper_key(RotateWrapperKeyRequest) -> RotateWrapperKeyResponse;
        get_wrapper_key_id(GetWrapperKeyIdRequest) -> GetWrapperKeyIdResponse;
    }
}
