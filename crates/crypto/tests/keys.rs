//! Keys of every kind: generation, encodings, signing and verification.

use bytes::Bytes;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::DecodePrivateKey as _;
use proptest::prelude::*;
use prost::Message as _;
use synod_crypto::{
    CryptoKeyFormat, EncryptionKeySpec, EncryptionPublicKey, EnumSet, Hash, HashPurpose, InvalidKey, InvalidPrivateKey,
    KeyUsages, Signature, SigningError, SigningKeySpec, SigningPrivateKey, SigningPublicKey, verify,
};
use synod_proto::crypto::v30;
use synod_testkit::fields;

fn specs() -> impl Iterator<Item = SigningKeySpec> {
    EnumSet::full().iter()
}

fn generate(spec: SigningKeySpec) -> SigningPrivateKey {
    SigningPrivateKey::generate(spec, KeyUsages::PROTOCOL).expect("the system has random numbers")
}

fn some_hash() -> Hash {
    Hash::digest(HashPurpose::of_id(-1), b"some message")
}

fn with_bytes(signature: &Signature, bytes: Vec<u8>) -> Signature {
    Signature::new(signature.format(), bytes.into(), signature.signed_by().clone(), signature.algorithm())
}

#[test]
fn what_a_key_signs_verifies_after_a_trip_over_the_wire() {
    for spec in specs() {
        let private = generate(spec);
        let hash = some_hash();
        let signature = private.sign(&hash, KeyUsages::PROTOCOL).expect("protocol is its usage");
        assert_eq!(signature.algorithm(), Some(spec.algorithm()));
        assert_eq!(signature.format(), spec.algorithm().format());

        let key = v30::SigningPublicKey::decode(Bytes::from(private.public_key().to_proto().encode_to_vec()))
            .expect("a message");
        let key = SigningPublicKey::from_proto(key).expect("a valid key");
        assert_eq!(&key, private.public_key());
        let received = Signature::from_proto(signature.to_proto()).expect("a signature");
        assert_eq!(received, signature);
        assert_eq!(verify(&hash, &key, &received, KeyUsages::PROTOCOL), Ok(()));
        assert_eq!(verify(&hash, &key, &received, KeyUsages::PROOF_OF_OWNERSHIP), Ok(()));
        let error = verify(&hash, &key, &received, KeyUsages::NAMESPACE).expect_err("another usage");
        assert_eq!(error.class(), "InvalidKeyUsage");

        let stranger = generate(spec);
        let error = verify(&hash, stranger.public_key(), &received, KeyUsages::PROTOCOL).expect_err("another key");
        assert_eq!(error.class(), "SignatureWithWrongKey");
    }
}

#[test]
fn a_key_does_not_sign_beyond_its_usages() {
    let key = generate(SigningKeySpec::EcCurve25519);
    let error = key.sign(&some_hash(), KeyUsages::SEQUENCER_AUTHENTICATION).expect_err("another usage");
    assert!(matches!(error, SigningError::InvalidKeyUsage { .. }));
}

#[test]
fn private_keys_survive_their_encodings() {
    for spec in specs() {
        let key = generate(spec);
        let pkcs8 = key.to_pkcs8();
        let from_pkcs8 = SigningPrivateKey::from_pkcs8(&pkcs8, spec, KeyUsages::PROTOCOL).expect("its own encoding");
        let from_proto = SigningPrivateKey::from_proto(&key.to_proto()).expect("its own message");
        assert_eq!(from_pkcs8.public_key(), key.public_key());
        assert_eq!(from_proto.public_key(), key.public_key());
        assert_eq!(from_proto.to_pkcs8(), pkcs8);
        for other in specs().filter(|other| *other != spec) {
            let error = SigningPrivateKey::from_pkcs8(&pkcs8, other, KeyUsages::PROTOCOL).expect_err("another kind");
            assert_eq!(error, InvalidPrivateKey::Encoding { spec: other });
        }
        assert_ne!(generate(spec).public_key(), key.public_key());
    }
}

#[test]
fn legacy_private_keys_are_migrated() {
    let ed25519 = generate(SigningKeySpec::EcCurve25519);
    let mut proto = ed25519.to_proto();
    proto.format = CryptoKeyFormat::Raw.number();
    proto.private_key = proto.private_key.slice(16..);
    proto.key_spec = 0;
    proto.scheme = 1;
    let migrated = SigningPrivateKey::from_proto(&proto).expect("a bare seed");
    assert_eq!(migrated.to_proto(), ed25519.to_proto());

    for (spec, allowed) in specs().zip([false, true, true, false]) {
        let mut proto = generate(spec).to_proto();
        proto.format = CryptoKeyFormat::Der.number();
        assert_eq!(SigningPrivateKey::from_proto(&proto).is_ok(), allowed, "{spec}");
    }
}

#[test]
fn a_private_key_is_not_printed() {
    for spec in specs() {
        let key = generate(spec);
        let printed = format!("{key:?}");
        assert_eq!(printed, format!("SigningPrivateKey({}, ..)", key.public_key().fingerprint()));
    }
}

/// The same point of P-256 in the three forms that Canton reads: three keys by name, which verify the same signatures.
#[test]
fn points_may_be_compressed_or_hybrid() {
    let private = generate(SigningKeySpec::EcP256);
    let secret = p256::SecretKey::from_pkcs8_der(&private.to_pkcs8()).expect("its own encoding");
    let plain = private.public_key().key_bytes().clone();
    let point = &plain[plain.len() - 65..];
    let compressed = secret.public_key().to_sec1_point(true);
    let header = [0x30, 0x39, 0x30, 0x13];
    let compressed = [&header, &plain[4..23], &[0x03, 0x22, 0x00], compressed.as_bytes()].concat();
    let mut hybrid = plain.to_vec();
    hybrid[plain.len() - 65] = 6 | (point[64] & 1);
    let mut wrong_parity = hybrid.clone();
    wrong_parity[plain.len() - 65] ^= 1;
    let mut compact = compressed.clone();
    compact[26] = 5;

    let key = |bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        SigningPublicKey::new(CryptoKeyFormat::DerX509Spki, bytes, SigningKeySpec::EcP256, KeyUsages::PROTOCOL)
    };
    let hash = some_hash();
    let signature = private.sign(&hash, KeyUsages::PROTOCOL).expect("protocol is its usage");
    for bytes in [compressed, hybrid] {
        let other = key(&bytes).expect("a form that Canton reads");
        assert_ne!(other.fingerprint(), private.public_key().fingerprint());
        let renamed = Signature::new(
            signature.format(),
            signature.bytes().clone(),
            other.fingerprint().clone(),
            signature.algorithm(),
        );
        assert_eq!(verify(&hash, &other, &renamed, KeyUsages::PROTOCOL), Ok(()));
    }
    for bytes in [wrong_parity, compact] {
        assert_eq!(key(&bytes).expect_err("a form that Canton refuses"), InvalidKey::Value { spec: "EC-P256" });
    }
}

/// Some encoders write a null where Ed25519 has no parameters.
#[test]
fn a_null_parameter_does_not_matter_for_ed25519() {
    let private = generate(SigningKeySpec::EcCurve25519);
    let raw = &private.public_key().key_bytes()[12..];
    let prefix = fields::from_hex("302c300706032b65700500032100").expect("hexadecimal");
    let spki = Bytes::from([&prefix, raw].concat());
    let key = SigningPublicKey::new(
        CryptoKeyFormat::DerX509Spki,
        spki.clone(),
        SigningKeySpec::EcCurve25519,
        KeyUsages::PROTOCOL,
    )
    .expect("a null is harmless");
    assert_eq!(key.fingerprint(), private.public_key().fingerprint());
    assert_eq!(key.key_bytes(), &spki);
}

#[test]
fn encryption_keys_are_checked() {
    let rsa = fields::from_hex(include_str!("rsa_2048_spki.hex").trim()).expect("hexadecimal");
    let key = |bytes: Vec<u8>, spec| EncryptionPublicKey::new(CryptoKeyFormat::Der, bytes.into(), spec);
    let valid = key(rsa.to_vec(), EncryptionKeySpec::Rsa2048).expect("a valid key");
    assert_eq!(valid.format(), CryptoKeyFormat::DerX509Spki);
    assert_eq!(valid.key_bytes(), &rsa);
    assert!(key(rsa.to_vec(), EncryptionKeySpec::EcP256).is_err());

    let change = |position: usize, mask: u8| {
        let mut bytes = rsa.to_vec();
        bytes[position] ^= mask;
        key(bytes, EncryptionKeySpec::Rsa2048)
    };
    let value = Err(InvalidKey::Value { spec: "RSA-2048" });
    assert_eq!(change(rsa.len() - 1, 2), value, "another exponent");
    assert_eq!(change(rsa.len() - 6, 1), value, "an even modulus");
    assert_eq!(change(33, 0x80), value, "2047 bits");

    let point = generate(SigningKeySpec::EcP256).public_key().key_bytes().clone();
    assert!(key(point.to_vec(), EncryptionKeySpec::EcP256).is_ok());
    let mut off_curve = point.to_vec();
    off_curve[point.len() - 1] ^= 1;
    assert_eq!(key(off_curve, EncryptionKeySpec::EcP256), Err(InvalidKey::Value { spec: "EC-P256" }));
}

fn any_spec() -> impl Strategy<Value = SigningKeySpec> {
    prop::sample::select(specs().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn a_flipped_bit_of_the_signature_never_verifies(spec in any_spec(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let private = generate(spec);
        let hash = some_hash();
        let signature = private.sign(&hash, KeyUsages::PROTOCOL).expect("protocol is its usage");
        let mut bytes = signature.bytes().to_vec();
        let position = at.index(bytes.len());
        bytes[position] ^= 1_u8 << bit;
        let error = verify(&hash, private.public_key(), &with_bytes(&signature, bytes), KeyUsages::PROTOCOL)
            .expect_err("not what was signed");
        prop_assert_eq!(error.class(), "InvalidSignature");
    }

    #[test]
    fn a_flipped_bit_of_the_hash_never_verifies(spec in any_spec(), at in 0..32_usize, bit in 0..8) {
        let private = generate(spec);
        let hash = some_hash();
        let signature = private.sign(&hash, KeyUsages::PROTOCOL).expect("protocol is its usage");
        let mut digest = *hash.as_digest();
        digest[at] ^= 1_u8 << bit;
        let error = verify(&Hash::from_digest(digest), private.public_key(), &signature, KeyUsages::PROTOCOL)
            .expect_err("not what was signed");
        prop_assert_eq!(error.class(), "InvalidSignature");
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), spec in any_spec()) {
        let key = SigningPublicKey::new(
            CryptoKeyFormat::DerX509Spki,
            bytes.clone().into(),
            spec,
            KeyUsages::ALL,
        );
        prop_assert!(key.is_err());
        prop_assert!(SigningPrivateKey::from_pkcs8(&bytes, spec, KeyUsages::ALL).is_err());
        prop_assert_eq!(Hash::from_multihash(&bytes).is_ok(), bytes.len() == 34 && bytes[..2] == [0x12, 0x20]);
    }
}
