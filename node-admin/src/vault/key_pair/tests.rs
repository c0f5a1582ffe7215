use std::path::Path;
use std::sync::{Arc, Mutex};

use synod_crypto::{KeyUsages, SigningKeySpec};
use synod_proto::crypto::admin::v30::ImportPublicKeyRequest;
use synod_rpc::crypto::admin::v30::vault_service_server::VaultService;
use synod_store::{Store, StoreConfig};
use synod_testkit::fields;
use synod_testkit::recordings::Recording;
use synod_types::Fingerprint;
use tempfile::TempDir;
use tonic::{Code, Request};

use super::*;
use crate::{KeyObserver, VaultAdmin};

async fn vault() -> (TempDir, Vault) {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("node.db").display());
    (folder, Vault::new(Store::open(&StoreConfig::new(url)).await.expect("opens")))
}

fn signing(private: crypto::SigningPrivateKey) -> crypto::CryptoKeyPair {
    let pair = crypto::SigningKeyPair { private_key: Some(private) };
    crypto::CryptoKeyPair { pair: Some(Pair::SigningKeyPair(pair)) }
}

fn versioned(pair: &crypto::CryptoKeyPair) -> Bytes {
    versioned::wrap(30, &pair.encode_to_vec())
}

fn request(key_pair: Bytes, name: &str) -> ImportKeyPairRequest {
    ImportKeyPairRequest { key_pair, name: name.to_owned(), password: String::new() }
}

async fn call(vault: &Vault, request: ImportKeyPairRequest) -> Result<(), Status> {
    VaultAdmin::new(vault.clone()).import_key_pair(Request::new(request)).await.map(|_| ())
}

fn generate(usages: KeyUsages) -> SigningPrivateKey {
    SigningPrivateKey::generate(SigningKeySpec::EcP256, usages).expect("random numbers")
}

/// What is in a vault: fingerprints, names, and whether they are its own.
async fn content(vault: &Vault) -> Vec<(Fingerprint, Option<String>, bool)> {
    let rows = vault.public_keys().await.expect("reads").into_iter();
    rows.map(|row| (row.fingerprint, row.name, row.owned)).collect()
}

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Fingerprint>>);

impl KeyObserver for Told {
    fn added(&self, key: &SigningPrivateKey) {
        self.0.lock().expect("no panic").push(key.public_key().fingerprint().clone());
    }

    fn deleted(&self, _: &Fingerprint) {}
}

#[tokio::test]
async fn the_keys_of_a_canton_node_sign_as_soon_as_they_are_imported() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-basic");
    let recording = Recording::open(&folder).expect("a recording");
    let rows = recording.table("sequencer1", "common_crypto_private_keys").expect("a table");
    assert!(!rows.is_empty());
    let (_folder, vault) = vault().await;
    let told = Arc::new(Told::default());
    vault.observe(Arc::clone(&told) as _).await.expect("observes");
    for row in &rows {
        let data = versioned::unwrap(&fields::bytes(row, "data").expect("bytes")).expect("versioned").data;
        let private = crypto::SigningPrivateKey::decode(data).expect("a key");
        // What the message calls the key does not count.
        let pair = signing(crypto::SigningPrivateKey { id: "1220".to_owned() + &"00".repeat(32), ..private });
        let name = fields::text(row, "name").expect("a name");
        call(&vault, request(versioned(&pair), name)).await.expect("imported");
        let fingerprint = Fingerprint::parse(fields::text(row, "key_id").expect("an id")).expect("a fingerprint");
        let key = vault.signing_key(&fingerprint).await.expect("reads").expect("there");
        let hash = synod_crypto::submission_request_hash(b"something");
        let usages = key.public_key().usages();
        assert_eq!(key.sign(&hash, usages).expect("signs").signed_by(), &fingerprint);
        assert_eq!(told.0.lock().expect("no panic").last(), Some(&fingerprint));
    }
    assert_eq!(content(&vault).await.len(), rows.len());
}

#[tokio::test]
async fn a_key_pair_without_a_version_is_read_as_well() {
    let (_folder, vault) = vault().await;
    let key = generate(KeyUsages::PROTOCOL);
    let bytes = signing(key.to_proto()).encode_to_vec();
    call(&vault, request(bytes.into(), "")).await.expect("imported");
    assert_eq!(content(&vault).await, [(key.public_key().fingerprint().clone(), None, true)]);
}

#[tokio::test]
async fn a_key_keeps_its_name_and_its_usages() {
    let (_folder, vault) = vault().await;
    let key = generate(KeyUsages::PROTOCOL);
    vault.put_public(key.public_key(), Some("theirs".to_owned())).await.expect("stored");
    let bytes = versioned(&signing(key.to_proto()));
    let imported = [(key.public_key().fingerprint().clone(), Some("ours".to_owned()), true)];
    for _ in 0..2 {
        call(&vault, request(bytes.clone(), "ours")).await.expect("imported");
        assert_eq!(content(&vault).await, imported);
    }
    let more = crypto::SigningPrivateKey { usage: KeyUsages::ALL.numbers(), ..key.to_proto() };
    for other in [request(bytes, "other"), request(versioned(&signing(more)), "ours")] {
        let refused = call(&vault, other).await.expect_err("it is another");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().starts_with("CRYPTO_PRIVATE_STORE_ERROR("), "{refused:?}");
        assert_eq!(content(&vault).await, imported);
    }
    let stored = vault.signing_key(key.public_key().fingerprint()).await.expect("reads").expect("there");
    assert_eq!(stored.public_key(), key.public_key());
}

#[tokio::test]
async fn what_is_no_key_pair_is_not_stored() {
    let (_folder, vault) = vault().await;
    let private = generate(KeyUsages::PROTOCOL).to_proto();
    let good = versioned(&signing(private.clone()));
    let encryption = crypto::EncryptionKeyPair { private_key: Some(crypto::EncryptionPrivateKey::default()) };
    let encryption = crypto::CryptoKeyPair { pair: Some(Pair::EncryptionKeyPair(encryption)) };
    let empty = crypto::CryptoKeyPair { pair: Some(Pair::SigningKeyPair(crypto::SigningKeyPair::default())) };
    let with = |change: fn(&mut crypto::SigningPrivateKey)| {
        let mut changed = private.clone();
        change(&mut changed);
        request(versioned(&signing(changed)), "")
    };
    let malformed = [
        request(Bytes::new(), ""),
        request(Bytes::from_static(b"no key"), ""),
        request(versioned(&crypto::CryptoKeyPair::default()), ""),
        request(versioned(&empty), ""),
        request(versioned(&encryption), ""),
        request(encryption.encode_to_vec().into(), ""),
        with(|key| key.private_key = key.private_key.slice(1..)),
        with(|key| key.usage = KeyUsages::PROOF_OF_OWNERSHIP.numbers()),
        with(|key| key.format = 0),
        request(good.clone(), &"x".repeat(301)),
    ];
    for request in malformed {
        let refused = call(&vault, request.clone()).await.expect_err("malformed");
        let is_right =
            refused.code() == Code::InvalidArgument && refused.message().starts_with("PROTO_DESERIALIZATION_FAILURE(");
        assert!(is_right, "{refused:?} for {request:?}");
    }
    assert_eq!(content(&vault).await, []);
    call(&vault, request(good, "")).await.expect("imported");
}

/// The first key of the recorded sequencer, encrypted as Canton does it: by Bouncy Castle's Argon2id and AES/GCM.
const CIPHERTEXT: &str = "c8c7c6c5c4c3c2c1c0bfbebd57082088c1f4b84054b3d43cfc12aa806ae90d8683220d929fbaaf4deeb4c16260c47bf0\
                          811b7ddbcdfdbbc341a7961faa2a260ecc7fd06b7165ca0a95c60134da25bb066cf2302ed9d80463c1ddada13ba0653d\
                          6dec73721782e97aed37314774c0c3e4dd8d0e24774aa390bc21800420baf51bb7714283a9454dd5ffecfa6c44263483\
                          180f00aa1ad4cb21ef882607d9c8d5587cc00fac16";
const SALT: &str = "01080f161d242b323940474e555c636a";
const PASSWORD: &str = "correct h\u{f6}rse \u{20ac}";

fn encrypted(change: impl FnOnce(&mut crypto::PasswordBasedEncrypted)) -> ImportKeyPairRequest {
    let mut encrypted = crypto::PasswordBasedEncrypted {
        ciphertext: fields::from_hex(CIPHERTEXT).expect("hex"),
        symmetric_key_scheme: crypto::SymmetricKeyScheme::Aes128gcm.into(),
        pbkdf_scheme: crypto::PbkdfScheme::Argon2idMode1.into(),
        salt: fields::from_hex(SALT).expect("hex"),
    };
    change(&mut encrypted);
    let bytes = versioned::wrap(30, &encrypted.encode_to_vec());
    ImportKeyPairRequest { password: PASSWORD.to_owned(), ..request(bytes, "namespace") }
}

#[tokio::test]
async fn a_key_pair_may_be_protected_by_a_password() {
    let (_folder, vault) = vault().await;
    call(&vault, encrypted(|_| {})).await.expect("imported");
    let fingerprint = Fingerprint::parse("1220f8b3bb4b64d9db347ce91ce39ee9416dbf54b7b95f3613294adb81787ff8bbf6");
    assert_eq!(content(&vault).await, [(fingerprint.expect("one"), Some("namespace".to_owned()), true)]);
}

#[tokio::test]
async fn what_the_password_does_not_open_is_not_stored() {
    let (_folder, vault) = vault().await;
    let flip = |bytes: &Bytes, at: usize| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        Bytes::from(changed)
    };
    let plain = versioned(&signing(generate(KeyUsages::PROTOCOL).to_proto()));
    for (request, code) in [
        (ImportKeyPairRequest { password: "correct horse".to_owned(), ..encrypted(|_| {}) }, Code::FailedPrecondition),
        (encrypted(|one| one.ciphertext = flip(&one.ciphertext, 0)), Code::FailedPrecondition),
        (encrypted(|one| one.ciphertext = flip(&one.ciphertext, 40)), Code::FailedPrecondition),
        (encrypted(|one| one.salt = flip(&one.salt, 0)), Code::FailedPrecondition),
        (encrypted(|one| one.ciphertext.truncate(11)), Code::FailedPrecondition),
        (encrypted(|one| one.ciphertext.truncate(27)), Code::FailedPrecondition),
        (encrypted(|one| one.salt.truncate(15)), Code::InvalidArgument),
        (encrypted(|one| one.pbkdf_scheme = 0), Code::InvalidArgument),
        (encrypted(|one| one.symmetric_key_scheme = 0), Code::InvalidArgument),
        (ImportKeyPairRequest { password: PASSWORD.to_owned(), ..request(plain, "") }, Code::InvalidArgument),
        (ImportKeyPairRequest { password: String::new(), ..encrypted(|_| {}) }, Code::InvalidArgument),
    ] {
        let refused = call(&vault, request).await.expect_err("not opened");
        assert_eq!(refused.code(), code, "{refused:?}");
        assert_eq!(content(&vault).await, []);
    }
}

/// A call that exports a key.
fn wanted(fingerprint: &Fingerprint, password: &str) -> Request<ExportKeyPairRequest> {
    let (fingerprint, password) = (fingerprint.as_str().to_owned(), password.to_owned());
    Request::new(ExportKeyPairRequest { fingerprint, protocol_version: 35, password })
}

#[tokio::test]
async fn an_exported_key_pair_is_imported_elsewhere() {
    let (_folder, from) = vault().await;
    let key = generate(KeyUsages::PROTOCOL);
    from.put(&key, Some("ours".to_owned())).await.expect("stored");
    let fingerprint = key.public_key().fingerprint();
    let service = VaultAdmin::new(from.clone()).with_preview_commands(true);
    let mut seen = Vec::new();
    for password in ["", PASSWORD, PASSWORD] {
        let exported = service.export_key_pair(wanted(fingerprint, password)).await.expect("exported").into_inner();
        let (_folder, to) = vault().await;
        let import =
            ImportKeyPairRequest { password: password.to_owned(), ..request(exported.key_pair.clone(), "new") };
        call(&to, import).await.expect("imported");
        let found = to.signing_key(fingerprint).await.expect("reads").expect("there");
        assert_eq!(found.to_proto(), key.to_proto());
        seen.push(exported.key_pair);
    }
    assert_eq!(seen[0], versioned(&signing(key.to_proto())));
    assert_ne!(seen[1], seen[2], "salt and nonce are drawn each time");
}

#[tokio::test]
async fn what_cannot_be_exported_is_said() {
    let (_folder, vault) = vault().await;
    let key = generate(KeyUsages::PROTOCOL);
    vault.put_public(key.public_key(), None).await.expect("stored");
    let service = VaultAdmin::new(vault).with_preview_commands(true);
    let fingerprint = key.public_key().fingerprint();
    let refused = service.export_key_pair(wanted(fingerprint, "")).await.expect_err("its private key is elsewhere");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let expected = format!("Error retrieving private key [{fingerprint}] no private key found for [{fingerprint}]");
    assert_eq!(refused.message(), expected);
    let mut other = wanted(fingerprint, "");
    other.get_mut().protocol_version = 7;
    assert_eq!(service.export_key_pair(other).await.expect_err("no version").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_public_key_is_read_in_the_form_of_the_call_and_in_that_of_a_file() {
    let (_folder, vault) = vault().await;
    let service = VaultAdmin::new(vault.clone());
    let import = |public_key: Bytes| {
        service.import_public_key(Request::new(ImportPublicKeyRequest { public_key, name: "theirs".to_owned() }))
    };
    let (called, filed) = (generate(KeyUsages::PROTOCOL), generate(KeyUsages::NAMESPACE));
    let message =
        crypto::PublicKey { key: Some(crypto::public_key::Key::SigningPublicKey(called.public_key().to_proto())) };
    import(message.encode_to_vec().into()).await.expect("as in the call");
    import(versioned::wrap(30, &filed.public_key().to_proto().encode_to_vec())).await.expect("as in a file");
    assert!(import(Bytes::from_static(b"no key")).await.is_err());
    let mut expected = [&called, &filed].map(|key| key.public_key().fingerprint().clone());
    expected.sort();
    let mut found: Vec<_> = content(&vault).await.into_iter().map(|(fingerprint, ..)| fingerprint).collect();
    found.sort();
    assert_eq!(found, expected);
}
