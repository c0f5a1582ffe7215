//! `signatures.jsonl`: signing, verification, session keys, authentication challenges, signed content.

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use synod_crypto::encoding::{put_int, put_sequence};
use synod_crypto::{
    CryptoRestrictions, Hash, HashPurpose, KeyUsages, Nonce, Signature, SignatureError, SignatureVerifier,
    SigningKeySpec, SigningPrivateKey, SigningPublicKey, auth_challenge_hash, verify, verify_restricted,
};
use synod_proto::crypto::v30;
use synod_proto::protocol::v30::SignedContent;
use synod_proto::version::v1::{UntypedVersionedMessage, untyped_versioned_message};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion, SynchronizerId};

/// Compares one case of `signatures.jsonl`.
pub(crate) fn check(case: &Case, tally: &mut Tally) {
    let result = match case.kind() {
        "sign" => sign(case),
        "usage_check" => usage_check(case),
        "verify" => verification(case),
        "signature_parse" => signature_parse(case),
        "session_delegation" => session_delegation(case),
        "auth_challenge" => auth_challenge(case),
        "auth_challenge_hash" => challenge_hash(case).map(|_| ()),
        "nonce_parse" => nonce_parse(case),
        "signed_content" => signed_content(case),
        "signed_content_parse" => signed_content_parse(case),
        other => Err(format!("unknown kind {other}")),
    };
    tally.case(case.kind(), case.label(), result);
}

/// A key as the lines of this file describe it: public, private, and its usages.
pub(super) struct KeyPair {
    pub(super) public: SigningPublicKey,
    private: SigningPrivateKey,
}

pub(super) fn key_pair(description: &Value) -> Result<KeyPair, String> {
    let public = signing_key(&fields::bytes(description, "public_key_proto")?)?;
    fields::same("fingerprint", &fields::text(description, "fingerprint")?, &public.fingerprint().as_str())?;
    fields::same("spec", &fields::text(description, "spec")?, &public.spec().name())?;
    let usages: Vec<i64> = public.usages().numbers().into_iter().map(i64::from).collect();
    fields::same("usages", &fields::integers(description, "usages")?, &usages)?;
    fields::same_bytes("public_key_spki", &fields::bytes(description, "public_key_spki")?, public.key_bytes())?;
    let pkcs8 = fields::bytes(description, "private_key_pkcs8")?;
    let private =
        SigningPrivateKey::from_pkcs8(&pkcs8, public.spec(), public.usages()).map_err(|error| error.to_string())?;
    fields::same("public key of the private key", &public, private.public_key())?;
    Ok(KeyPair { public, private })
}

fn signing_key(bytes: &Bytes) -> Result<SigningPublicKey, String> {
    super::keys::read_signing_key(bytes)?.map_err(|error| error.to_string())
}

pub(super) fn signature(bytes: &Bytes) -> Result<Signature, String> {
    let proto = v30::Signature::decode(bytes.clone()).map_err(|error| error.to_string())?;
    Signature::from_proto(proto).map_err(|error| error.to_string())
}

fn verdict(what: &str, expected: &Value, found: Result<(), SignatureError>) -> Result<(), String> {
    let accept = fields::boolean(expected, "accept").map_err(|reason| format!("{what}: {reason}"))?;
    let class = fields::optional_text(expected, "error_class")?;
    fields::same(what, &(accept, class), &(found.is_ok(), found.err().map(|error| error.class())))
}

fn required_usages(case: &Case) -> Result<KeyUsages, String> {
    let numbers = fields::integers(&case.value, "required_usages")?;
    let numbers = numbers.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>();
    KeyUsages::from_proto(&numbers.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

fn hash(case: &Case, field: &str) -> Result<Hash, String> {
    Hash::from_hex(case.text(field)?).map_err(|error| error.to_string())
}

/// Signs `hash` anew and compares: equal bytes where signatures are deterministic on both sides, else a signature that
/// verifies and has the same form.
pub(super) fn sign_again(pair: &KeyPair, hash: &Hash, required: KeyUsages, expected: &Bytes) -> Result<(), String> {
    let ours = pair.private.sign(hash, required).map_err(|error| error.to_string())?;
    if pair.public.spec() == SigningKeySpec::EcCurve25519 {
        return fields::same_bytes("our signature", expected, &ours.to_proto().encode_to_vec());
    }
    let theirs = signature(expected)?;
    fields::same("our format", &theirs.format(), &ours.format())?;
    fields::same("our algorithm", &theirs.algorithm(), &ours.algorithm())?;
    verify(hash, &pair.public, &ours, required).map_err(|error| format!("our signature: {error}"))
}

fn sign(case: &Case) -> Result<(), String> {
    let pair = key_pair(fields::value(&case.value, "key")?)?;
    let purpose = i32::try_from(case.integer("purpose_id")?).map_err(|error| error.to_string())?;
    let digest = Hash::digest(HashPurpose::of_id(purpose), &case.bytes("message")?);
    fields::same("hash", &hash(case, "hash")?, &digest)?;
    fields::same_bytes("signed_bytes", &case.bytes("signed_bytes")?, &digest.multihash())?;
    let bytes = case.bytes("signature_proto")?;
    let theirs = signature(&bytes)?;
    fields::same_bytes("signature_raw", &case.bytes("signature_raw")?, theirs.bytes())?;
    fields::same_bytes("reserialized", &bytes, &theirs.to_proto().encode_to_vec())?;
    let usages = pair.public.usages();
    verdict("verify", fields::value(&case.value, "verify")?, verify(&digest, &pair.public, &theirs, usages))?;
    let is_ed25519 = pair.public.spec() == SigningKeySpec::EcCurve25519;
    fields::same("deterministic", &case.boolean("deterministic")?, &is_ed25519)?;
    sign_again(&pair, &digest, usages, &bytes)
}

fn usage_check(case: &Case) -> Result<(), String> {
    let key = signing_key(&case.bytes("public_key_proto")?)?;
    let signature = signature(&case.bytes("signature_proto")?)?;
    let found = verify(&hash(case, "hash")?, &key, &signature, required_usages(case)?);
    verdict("verify", fields::value(&case.value, "verify")?, found)
}

fn verification(case: &Case) -> Result<(), String> {
    let key = signing_key(&case.bytes("public_key_proto")?)?;
    fields::same("fingerprint", &case.text("fingerprint")?, &key.fingerprint().as_str())?;
    let signature = signature(&case.bytes("signature_proto")?)?;
    let (hash, required) = (hash(case, "hash")?, required_usages(case)?);
    let plain = verify(&hash, &key, &signature, required);
    verdict("verify", fields::value(&case.value, "verify")?, plain)?;
    let restricted = verify_restricted(&hash, &key, &signature, required, &CryptoRestrictions::jce());
    verdict("verify_with_static_params", fields::value(&case.value, "verify_with_static_params")?, restricted)
}

fn signature_parse(case: &Case) -> Result<(), String> {
    let found = signature(&case.bytes("bytes")?);
    fields::same("accept", &case.boolean("accept")?, &found.is_ok())?;
    match found {
        Ok(signature) => {
            fields::same_bytes("reserialized", &case.bytes("reserialized")?, &signature.to_proto().encode_to_vec())
        }
        Err(_) => Ok(()),
    }
}

fn session_delegation(case: &Case) -> Result<(), String> {
    let synchronizer = SynchronizerId::parse(case.text("synchronizer_id")?).map_err(|error| error.to_string())?;
    let session = key_pair(fields::value(&case.value, "session_key")?)?;
    let long_term = key_pair(fields::value(&case.value, "long_term_key")?)?;
    let message_signature = signature(&case.bytes("message_signature_proto")?)?;
    let delegation = message_signature.delegation().ok_or("the signature has no delegation")?;
    let validity = delegation.validity();

    fields::same("from_micros", &case.integer("from_micros")?, &validity.from_inclusive().as_micros())?;
    fields::same("duration_seconds", &case.integer("duration_seconds")?, &i64::from(validity.duration_seconds()))?;
    fields::same("to_exclusive_micros", &case.integer("to_exclusive_micros")?, &validity.to_exclusive().as_micros())?;
    fields::same("session key", &session.public, delegation.session_key())?;
    fields::same("signed_by", session.public.fingerprint(), message_signature.signed_by())?;
    fields::same("signed_by_field", &case.text("signed_by_field")?, &message_signature.authorizing_key().as_str())?;
    fields::same_bytes("evidence_period", &case.bytes("evidence_period")?, &validity.encode_for_hash())?;
    let mut usages = Vec::new();
    put_sequence(&mut usages, delegation.session_key().usages().numbers(), put_int);
    fields::same_bytes("evidence_usages", &case.bytes("evidence_usages")?, &usages)?;
    fields::same_bytes(
        "delegation_signature_raw",
        &case.bytes("delegation_signature_raw")?,
        delegation.signature().bytes(),
    )?;
    fields::same_bytes("delegation_proto", &case.bytes("delegation_proto")?, &delegation.to_proto().encode_to_vec())?;
    fields::same_bytes(
        "message_signature_proto",
        &case.bytes("message_signature_proto")?,
        &message_signature.to_proto().encode_to_vec(),
    )?;

    let delegation_hash = delegation.hash(&synchronizer);
    fields::same("delegation_hash", &hash(case, "delegation_hash")?, &delegation_hash)?;
    let message_hash = hash(case, "message_hash")?;
    let by_long_term = verify(&delegation_hash, &long_term.public, delegation.signature(), KeyUsages::PROTOCOL);
    verdict("verify_delegation", fields::value(&case.value, "verify_delegation")?, by_long_term)?;
    let by_session = verify(&message_hash, &session.public, &message_signature, KeyUsages::PROTOCOL);
    verdict(
        "verify_message_with_session_key",
        fields::value(&case.value, "verify_message_with_session_key")?,
        by_session,
    )?;
    sign_again(&long_term, &delegation_hash, KeyUsages::PROTOCOL, &without_name(delegation.signature()))?;

    for window in case.list("valid_at")? {
        let micros = fields::integer(window, "micros")?;
        let at = CantonTimestamp::from_micros(micros).map_err(|error| error.to_string())?;
        let covers = fields::boolean(window, "covers")?;
        fields::same(&format!("covers {micros}"), &covers, &validity.covers(at))?;
        // The whole chain. Canton's verifier of session keys knows Ed25519 only.
        let verifier = SignatureVerifier::new(synchronizer.clone(), ProtocolVersion::V35, CryptoRestrictions::jce());
        let found = verifier.verify(at, [&long_term.public], &message_hash, &message_signature, KeyUsages::PROTOCOL);
        let expected = match (covers, session.public.spec()) {
            (false, _) => Some("InvalidSignatureDelegation"),
            (true, SigningKeySpec::EcCurve25519) => None,
            (true, _) => Some("UnsupportedAlgorithmSpec"),
        };
        fields::same(&format!("chain at {micros}"), &expected, &found.err().map(|error| error.class()))?;
    }
    Ok(())
}

fn without_name(signature: &Signature) -> Bytes {
    signature.to_proto().encode_to_vec().into()
}

fn challenge_hash(case: &Case) -> Result<Hash, String> {
    let nonce = Nonce::try_from(&case.bytes("nonce")?[..]).map_err(|error| error.to_string())?;
    let synchronizer = PhysicalSynchronizerId::parse(case.text("psid")?).map_err(|error| error.to_string())?;
    let found = auth_challenge_hash(&nonce, &synchronizer);
    fields::same("hash", &hash(case, "hash")?, &found)?;
    Ok(found)
}

fn auth_challenge(case: &Case) -> Result<(), String> {
    let hash = challenge_hash(case)?;
    let pair = key_pair(fields::value(&case.value, "key")?)?;
    let bytes = case.bytes("signature_proto")?;
    let required = KeyUsages::SEQUENCER_AUTHENTICATION;
    let found = verify(&hash, &pair.public, &signature(&bytes)?, required);
    verdict("verify", fields::value(&case.value, "verify")?, found)?;
    sign_again(&pair, &hash, required, &bytes)
}

fn nonce_parse(case: &Case) -> Result<(), String> {
    let length = usize::try_from(case.integer("length")?).map_err(|error| error.to_string())?;
    fields::same("accept", &case.boolean("accept")?, &Nonce::try_from(&vec![7; length][..]).is_ok())
}

/// The parts of a `SignedContent`, checked as Canton checks them. The version number of the wrapper does not matter,
/// because there is one encoding only.
struct OpenedContent {
    content: Bytes,
    signatures: Vec<Signature>,
    timestamp_of_signing_key: Option<CantonTimestamp>,
}

fn open_signed_content(bytes: &Bytes) -> Result<OpenedContent, String> {
    let wrapper = UntypedVersionedMessage::decode(bytes.clone()).map_err(|error| error.to_string())?;
    let Some(untyped_versioned_message::Wrapper::Data(data)) = wrapper.wrapper else {
        return Err("the wrapper is empty".to_owned());
    };
    let proto = SignedContent::decode(data).map_err(|error| error.to_string())?;
    let content = proto.content.ok_or("no content")?;
    if proto.signatures.is_empty() {
        return Err("no signatures".to_owned());
    }
    let signatures = proto.signatures.into_iter().map(Signature::from_proto).collect::<Result<_, _>>();
    let timestamp = proto.timestamp_of_signing_key.map(CantonTimestamp::from_micros).transpose();
    Ok(OpenedContent {
        content,
        signatures: signatures.map_err(|error| error.to_string())?,
        timestamp_of_signing_key: timestamp.map_err(|error| error.to_string())?,
    })
}

fn signed_content(case: &Case) -> Result<(), String> {
    let opened = open_signed_content(&case.bytes("bytes")?)?;
    let content = case.bytes("content")?;
    fields::same_bytes("content", &content, &opened.content)?;
    let timestamp = opened.timestamp_of_signing_key.map(CantonTimestamp::as_micros);
    fields::same(
        "timestamp_of_signing_key",
        &fields::optional_integer(&case.value, "timestamp_of_signing_key")?,
        &timestamp,
    )?;
    let theirs = fields::bytes_list(&case.value, "signatures_proto")?;
    let ours: Vec<Bytes> =
        opened.signatures.iter().map(|signature| signature.to_proto().encode_to_vec().into()).collect();
    fields::same("signatures_proto", &theirs, &ours)?;

    let purpose = i32::try_from(case.integer("purpose_id")?).map_err(|error| error.to_string())?;
    let digest = Hash::digest(HashPurpose::of_id(purpose), &content);
    fields::same("hash", &hash(case, "hash")?, &digest)?;
    let pair = key_pair(fields::value(&case.value, "key")?)?;
    let last = opened.signatures.last().ok_or("no signatures")?;
    let found = verify(&digest, &pair.public, last, KeyUsages::PROTOCOL);
    verdict("verify_last_signature", fields::value(&case.value, "verify_last_signature")?, found)?;
    sign_again(&pair, &digest, KeyUsages::PROTOCOL, theirs.last().ok_or("no signatures")?)
}

fn signed_content_parse(case: &Case) -> Result<(), String> {
    let opened = open_signed_content(&case.bytes("bytes")?);
    fields::same("accept", &case.boolean("accept")?, &opened.is_ok())?;
    match opened {
        Ok(opened) => fields::same_bytes("content", &case.bytes("content")?, &opened.content),
        Err(_) => Ok(()),
    }
}
