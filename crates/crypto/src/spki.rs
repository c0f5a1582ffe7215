//! `SubjectPublicKeyInfo`, the envelope that public keys travel in.
//!
//! Canton's library also accepts encodings that are BER but not DER, and curves given by their parameters instead of
//! a name; nobody writes such keys, and they are refused here.

use p256::pkcs8::ObjectIdentifier;
use p256::pkcs8::der::asn1::{AnyRef, UintRef};
use p256::pkcs8::der::{Decode, Reader, SliceReader};
use p256::pkcs8::spki::SubjectPublicKeyInfoRef;

use crate::{EncryptionKeySpec, SigningKeySpec};

const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const RSA_MODULUS_BYTES: usize = 256;
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// The envelope around a raw Ed25519 key of any length; of 32 bytes when it is valid.
pub(crate) fn wrap_ed25519(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.len() == 32 { Some([&ED25519_PREFIX, raw].concat()) } else { None }
}

/// The key bytes in the envelope `spki` when it names the algorithm of `spec`: for Ed25519 the raw key, else an encoded
/// point.
pub(crate) fn signing_key_bytes(spki: &[u8], spec: SigningKeySpec) -> Option<&[u8]> {
    match spec {
        SigningKeySpec::EcCurve25519 => ed25519_key_bytes(spki),
        SigningKeySpec::EcP256 => ec_key_bytes(spki, SECP256R1),
        SigningKeySpec::EcP384 => ec_key_bytes(spki, SECP384R1),
        SigningKeySpec::EcSecp256k1 => ec_key_bytes(spki, SECP256K1),
    }
}

/// The key bytes in the envelope `spki` when it names the algorithm of `spec`: an encoded point or an RSA key.
pub(crate) fn encryption_key_bytes(spki: &[u8], spec: EncryptionKeySpec) -> Option<&[u8]> {
    match spec {
        EncryptionKeySpec::EcP256 => ec_key_bytes(spki, SECP256R1),
        EncryptionKeySpec::Rsa2048 => {
            let (algorithm, parameters, key) = open(spki)?;
            (algorithm == ID_RSA && is_absent_or_null(parameters)).then_some(key)
        }
    }
}

/// Some encoders write a null where an Ed25519 key has no parameters, and Canton's library lets it pass.
fn ed25519_key_bytes(spki: &[u8]) -> Option<&[u8]> {
    let (algorithm, parameters, key) = open(spki)?;
    (algorithm == ID_ED25519 && is_absent_or_null(parameters)).then_some(key)
}

fn ec_key_bytes(spki: &[u8], curve: ObjectIdentifier) -> Option<&[u8]> {
    let (algorithm, parameters, key) = open(spki)?;
    let named = parameters?.decode_as::<ObjectIdentifier>().ok()?;
    (algorithm == ID_EC_PUBLIC_KEY && named == curve).then_some(key)
}

fn open(spki: &[u8]) -> Option<(ObjectIdentifier, Option<AnyRef<'_>>, &[u8])> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    Some((info.algorithm.oid, info.algorithm.parameters, info.subject_public_key.as_bytes()?))
}

fn is_absent_or_null(parameters: Option<AnyRef<'_>>) -> bool {
    parameters.is_none_or(|parameters| parameters.is_null())
}

/// Whether `key` is an RSA key with an odd modulus of 2048 bits and the exponent 65537. That the modulus is a product
/// of two large primes is its owner's concern: we never encrypt.
pub(crate) fn is_rsa_2048(key: &[u8]) -> bool {
    let parse = || -> Result<bool, p256::pkcs8::der::Error> {
        let mut reader = SliceReader::new(key)?;
        let (modulus, exponent) = reader.sequence(|inner| -> Result<_, p256::pkcs8::der::Error> {
            Ok((UintRef::decode(inner)?, UintRef::decode(inner)?))
        })?;
        reader.finish()?;
        let modulus = modulus.as_bytes();
        let has_2048_bits = modulus.len() == RSA_MODULUS_BYTES && modulus[0] & 0x80 != 0;
        let is_odd = modulus.last().is_some_and(|last| last & 1 == 1);
        Ok(has_2048_bits && is_odd && exponent.as_bytes() == RSA_EXPONENT)
    };
    parse().unwrap_or(false)
}
