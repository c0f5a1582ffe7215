//! `keys.jsonl`: public keys of both purposes, and the private keys they follow from.

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{
    CryptoKeyFormat, EncryptionPublicKey, EnumSet, Hash, HashPurpose, InvalidKey, KeyUsages, SigningKeySpec,
    SigningPrivateKey, SigningPublicKey, verify,
};
use synod_proto::crypto::v30;
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};

/// Compares one case of `keys.jsonl`.
pub(crate) fn check(case: &Case, tally: &mut Tally) {
    let result = match case.kind() {
        "signing_key" => signing_key(case),
        "encryption_key" => encryption_key(case),
        "signing_key_parse" => signing_key_parse(case),
        "signing_key_parse_after_valid_twin" => after_valid_twin(case),
        other => Err(format!("unknown kind {other}")),
    };
    tally.case(case.kind(), case.label(), result);
}

fn signing_key(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("public_key_proto")?;
    let key = read_signing_key(&bytes)?.map_err(|error| error.to_string())?;
    compare(case, &key, &bytes)?;
    fields::same("spec", &case.text("spec")?, &key.spec().name())?;
    fields::same_bytes("public_key_spki", &case.bytes("public_key_spki")?, key.key_bytes())?;
    let wrapped = v30::PublicKey { key: Some(v30::public_key::Key::SigningPublicKey(key.to_proto())) };
    fields::same_bytes("public_key_wrapped_oneof", &case.bytes("public_key_wrapped_oneof")?, &wrapped.encode_to_vec())?;

    let pkcs8 = case.bytes("private_key_pkcs8")?;
    let private = SigningPrivateKey::from_pkcs8(&pkcs8, key.spec(), key.usages()).map_err(|error| error.to_string())?;
    fields::same("public key of the private key", &key, private.public_key())?;
    fields::same_bytes("private_key_pkcs8", &pkcs8, &private.to_pkcs8())?;
    let hash = Hash::digest(HashPurpose::of_id(-1), &bytes);
    let signature = private.sign(&hash, key.usages()).map_err(|error| error.to_string())?;
    verify(&hash, &key, &signature, key.usages()).map_err(|error| error.to_string())
}

fn encryption_key(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("public_key_proto")?;
    let proto = v30::EncryptionPublicKey::decode(bytes.clone()).map_err(|error| error.to_string())?;
    let key = EncryptionPublicKey::from_proto(proto).map_err(|error| error.to_string())?;
    fields::same("fingerprint", &case.text("fingerprint")?, &key.fingerprint().as_str())?;
    fields::same_bytes("public_key_spki", &case.bytes("public_key_spki")?, key.key_bytes())?;
    fields::same_bytes("reserialized", &bytes, &key.to_proto().encode_to_vec())?;
    let wrapped = v30::PublicKey { key: Some(v30::public_key::Key::EncryptionPublicKey(key.to_proto())) };
    fields::same_bytes("public_key_wrapped_oneof", &case.bytes("public_key_wrapped_oneof")?, &wrapped.encode_to_vec())
}

fn signing_key_parse(case: &Case) -> Result<(), String> {
    let key = read_signing_key(&case.bytes("bytes")?)?;
    fields::same("accept", &case.boolean("accept")?, &key.is_ok())?;
    match key {
        Ok(key) => compare(case, &key, &case.bytes("reserialized")?),
        Err(_) => Ok(()),
    }
}

/// Here Canton had validated another key with the same fingerprint before, and does not look again. We always look, so
/// that we may refuse what it accepts: then the bytes must be a valid key of another kind or encoding.
fn after_valid_twin(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let key = read_signing_key(&bytes)?;
    match (case.boolean("accept")?, key) {
        (true, Ok(key)) => compare(case, &key, &case.bytes("reserialized")?),
        (false, Err(_)) => Ok(()),
        (false, Ok(_)) => Err("accepted, although Canton refuses it even after its valid twin".to_owned()),
        (true, Err(InvalidKey::Format { .. } | InvalidKey::Encoding { .. })) => {
            let key_bytes = decode(&bytes)?.public_key;
            let twin = EnumSet::<SigningKeySpec>::full()
                .iter()
                .find_map(|spec| {
                    SigningPublicKey::new(CryptoKeyFormat::DerX509Spki, key_bytes.clone(), spec, KeyUsages::ALL).ok()
                })
                .ok_or("refused, although no other specification makes it valid")?;
            fields::same("fingerprint of the twin", &case.text("fingerprint")?, &twin.fingerprint().as_str())
        }
        (true, Err(error)) => Err(format!("refused: {error}")),
    }
}

fn compare(case: &Case, key: &SigningPublicKey, reserialized: &[u8]) -> Result<(), String> {
    fields::same("fingerprint", &case.text("fingerprint")?, &key.fingerprint().as_str())?;
    let usages: Vec<i64> = key.usages().numbers().into_iter().map(i64::from).collect();
    fields::same("usages", &fields::integers(&case.value, "usages")?, &usages)?;
    fields::same_bytes("reserialized", reserialized, &key.to_proto().encode_to_vec())
}

/// The message of a key, and what we say to it.
pub(super) fn read_signing_key(bytes: &Bytes) -> Result<Result<SigningPublicKey, InvalidKey>, String> {
    decode(bytes).map(SigningPublicKey::from_proto)
}

fn decode(bytes: &Bytes) -> Result<v30::SigningPublicKey, String> {
    v30::SigningPublicKey::decode(bytes.clone()).map_err(|error| error.to_string())
}
