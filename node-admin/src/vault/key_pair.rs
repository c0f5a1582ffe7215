//! Key pairs that come from elsewhere, and that go there (`GrpcVaultService.importKeyPair`, `exportKeyPair`).

use bytes::Bytes;
use prost::Message;
use synod_crypto::SigningPrivateKey;
use synod_proto::crypto::admin::v30::{ExportKeyPairRequest, ImportKeyPairRequest};
use synod_proto::crypto::v30 as crypto;
use synod_proto::crypto::v30::crypto_key_pair::Pair;
use synod_store::PublicKeyRow;
use synod_types::{Fingerprint, ProtocolVersion};
use synod_wire::versioned;
use tonic::Status;

use super::Vault;
use super::password::{self, Encrypted};
use super::service::key_name;
use crate::errors::{AdminError, ErrorCode, Trace, malformed};

/// Of the messages that hold a key pair.
const KEY_PAIR_VERSION: i32 = 30;

/// Stores the key pair of a call. Its name and its public key follow from the private key, whatever the message says. One
/// that is here already with the same name and usages changes nothing.
///
/// # Errors
/// The status of the call: the bytes are no signing key pair, they are not encrypted by the password of the call, or the
/// key is here with another name or for other usages.
pub(super) async fn import(vault: &Vault, request: ImportKeyPairRequest, trace: &Trace) -> Result<(), Status> {
    let name = key_name(request.name).map_err(|error| error.status(trace))?;
    let key = match request.password.is_empty() {
        true => parse(&request.key_pair).map_err(|error| error.status(trace))?,
        false => decrypt(&request.key_pair, request.password, trace).await?,
    };
    store(vault, key, name).await.map_err(|error| error.status(trace))
}

/// The key pair that a password protects. Whether the password is wrong or what it protects is not told.
async fn decrypt(bytes: &Bytes, password: String, trace: &Trace) -> Result<SigningPrivateKey, Status> {
    let encrypted = Encrypted::parse(bytes).map_err(|reason| malformed(reason).status(trace))?;
    let failed = || Status::failed_precondition("Failed to decrypt encrypted keypair with password");
    // It takes too long for a thread that serves others.
    let decrypting = tokio::task::spawn_blocking(move || encrypted.decrypt(&password));
    let plain = decrypting.await.map_err(|_| failed())?.ok_or_else(failed)?;
    parse(&Bytes::copy_from_slice(&plain)).map_err(|_| failed())
}

/// A key pair as [`import`] reads it: versioned `CryptoKeyPair`, within versioned `PasswordBasedEncrypted` when the call
/// has a password.
///
/// # Errors
/// The status of the call: there is no such key here, or what was asked for cannot be read.
pub(super) async fn export(vault: &Vault, request: ExportKeyPairRequest, trace: &Trace) -> Result<Bytes, Status> {
    let fingerprint = Fingerprint::parse(&request.fingerprint).map_err(malformed);
    let fingerprint = fingerprint.map_err(|error| error.status(trace))?;
    let version = ProtocolVersion::of_number(request.protocol_version).map_err(malformed);
    version.map_err(|error| error.status(trace))?;
    let key = vault.signing_key(&fingerprint).await.map_err(|error| vault.fault(error).status(trace))?;
    let missing = || format!("Error retrieving private key [{fingerprint}] no private key found for [{fingerprint}]");
    let key = key.ok_or_else(|| Status::failed_precondition(missing()))?;
    let pair = crypto::SigningKeyPair { private_key: Some(key.to_proto()) };
    let pair = crypto::CryptoKeyPair { pair: Some(Pair::SigningKeyPair(pair)) };
    let plain = versioned::wrap(KEY_PAIR_VERSION, &pair.encode_to_vec());
    let exported = match request.password {
        password if password.is_empty() => Some(plain),
        password => {
            let encrypting = tokio::task::spawn_blocking(move || password::encrypt(&plain, &password));
            encrypting.await.ok().flatten()
        }
    };
    let exported = exported.ok_or_else(|| {
        Status::failed_precondition("Failed to encrypt exported keypair with password: no key can be derived from it")
    })?;
    tracing::warn!(%fingerprint, "a key pair was exported");
    Ok(exported)
}

async fn store(vault: &Vault, key: SigningPrivateKey, name: Option<String>) -> Result<(), AdminError> {
    let fingerprint = key.public_key().fingerprint();
    let known = vault.public_keys().await.map_err(|error| vault.fault(error))?;
    if let Some(known) = known.iter().find(|known| known.fingerprint == *fingerprint) {
        check_same(known, &key, name.as_deref())?;
    }
    vault.put(&key, name.clone()).await.map_err(|error| vault.fault(error))?;
    tracing::info!(%fingerprint, name, "a key pair was imported");
    Ok(())
}

/// A key does not change its name or its usages by being imported again.
fn check_same(known: &PublicKeyRow, key: &SigningPrivateKey, name: Option<&str>) -> Result<(), AdminError> {
    let is_same_key = known.public_key.as_ref() == key.public_key().to_proto().encode_to_vec();
    if is_same_key && (!known.owned || known.name.as_deref() == name) {
        return Ok(());
    }
    let (id, existing) = (&known.fingerprint, known.name.as_deref().unwrap_or_default());
    let new = name.unwrap_or_default();
    let reason = format!("KeyAlreadyExists(keyId = {id}, existingKeyName = {existing}, newKeyName = {new})");
    let cause = "An error occurred with the private crypto store";
    Err(AdminError::new(ErrorCode::CRYPTO_PRIVATE_STORE_ERROR, cause).with("reason", reason))
}

/// Reads versioned `CryptoKeyPair`; older nodes wrote it without the version.
fn parse(bytes: &Bytes) -> Result<SigningPrivateKey, AdminError> {
    let versioned = versioned::unwrap(bytes).map_err(|error| error.to_string()).and_then(|found| pair(found.data));
    let found = versioned.or_else(|first| {
        let both = |second| malformed(format!("Failed to parse crypto key pair: {first}, {second}"));
        pair(bytes.clone()).map_err(both)
    })?;
    let private = match found {
        Pair::SigningKeyPair(pair) => pair.private_key,
        Pair::EncryptionKeyPair(_) => return Err(malformed("this node keeps signing keys only")),
    };
    let private = private.ok_or_else(|| malformed("field `private_key` is not set"))?;
    SigningPrivateKey::from_proto(&private).map_err(|error| malformed(synod_runtime::Chain(&error)))
}

fn pair(bytes: Bytes) -> Result<Pair, String> {
    let pair = crypto::CryptoKeyPair::decode(bytes).map_err(|error| error.to_string())?;
    pair.pair.ok_or_else(|| "field `pair` is not set".to_owned())
}

#[cfg(test)]
mod tests;
