//! Points of the four curves, ready to verify with.
//!
//! Measured on one core: Ed25519 37 µs (curve25519-dalek), P-256 57 µs and P-384 227 µs (aws-lc), secp256k1 87 µs (k256)
//! per verification. The alternatives are slower: aws-lc 41 µs on Ed25519 and 288 µs on secp256k1, p256 332 µs.

use std::borrow::Cow;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use k256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::SigningKeySpec;
use crate::ed25519::Ed25519Key;

const P256_FIELD_BYTES: usize = 32;
const P384_FIELD_BYTES: usize = 48;
const SECP256K1_FIELD_BYTES: usize = 32;

/// A public key that lies on its curve.
pub(crate) enum VerifyingKey {
    Ed25519(Box<Ed25519Key>),
    /// P-256 or P-384; the parsed key knows which.
    Nist(ParsedPublicKey),
    Secp256k1(k256::ecdsa::VerifyingKey),
}

impl VerifyingKey {
    /// The key `bytes`: for Ed25519 the raw key, else an encoded point. `None` unless it is a valid point of the curve
    /// of `spec`, other than the neutral element.
    pub(crate) fn new(spec: SigningKeySpec, bytes: &[u8]) -> Option<Self> {
        match spec {
            SigningKeySpec::EcCurve25519 => Ed25519Key::new(bytes).map(Box::new).map(Self::Ed25519),
            SigningKeySpec::EcP256 => {
                let point = plain_point(bytes, P256_FIELD_BYTES, |compressed| {
                    Some(p256::PublicKey::from_sec1_bytes(compressed).ok()?.to_sec1_point(false).as_bytes().to_vec())
                })?;
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok().map(Self::Nist)
            }
            SigningKeySpec::EcP384 => {
                let point = plain_point(bytes, P384_FIELD_BYTES, |compressed| {
                    Some(p384::PublicKey::from_sec1_bytes(compressed).ok()?.to_sec1_point(false).as_bytes().to_vec())
                })?;
                ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, point).ok().map(Self::Nist)
            }
            SigningKeySpec::EcSecp256k1 => {
                let point = plain_point(bytes, SECP256K1_FIELD_BYTES, |compressed| Some(compressed.to_vec()))?;
                k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Self::Secp256k1)
            }
        }
    }

    /// Whether `signature`, in the one encoding of its algorithm, is this key's over `message`.
    ///
    /// As in Canton, ECDSA signatures are strict DER and may have a high `s`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => key.verifies(message, signature),
            Self::Nist(key) => key.verify_sig(message, signature).is_ok(),
            // k256 refuses a high `s`, which is the same signature with `s` negated.
            Self::Secp256k1(key) => k256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature.normalize_s()).is_ok()),
        }
    }
}

/// Whether `bytes` is an encoded point of P-256 other than the neutral element.
pub(crate) fn is_p256_point(bytes: &[u8]) -> bool {
    VerifyingKey::new(SigningKeySpec::EcP256, bytes).is_some()
}

/// The uncompressed form of an encoded point; what `decompress` returns when it is compressed. Besides these two, the
/// hybrid form is allowed: uncompressed, with the parity of `y` in the tag (`ECCurve.decodePoint`).
fn plain_point(
    bytes: &[u8],
    field_bytes: usize,
    decompress: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<Cow<'_, [u8]>> {
    let (tag, coordinates) = bytes.split_first()?;
    match tag {
        2 | 3 if coordinates.len() == field_bytes => decompress(bytes).map(Cow::Owned),
        4 if coordinates.len() == 2 * field_bytes => Some(Cow::Borrowed(bytes)),
        6 | 7 if coordinates.len() == 2 * field_bytes && coordinates.last()? & 1 == tag & 1 => {
            let mut plain = bytes.to_vec();
            plain[0] = 4;
            Some(Cow::Owned(plain))
        }
        _ => None,
    }
}
