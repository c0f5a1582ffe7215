//! Ed25519 with the verdicts of BouncyCastle 1.84, Canton's library.
//!
//! RFC 8032 leaves open whether the equation `S·B = R + k·A` has to hold exactly or only after multiplication by the
//! cofactor 8. BouncyCastle takes the second; most Rust libraries take the first, and would refuse signatures that every
//! participant accepts. Only the signer can make such signatures, on purpose.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use sha2::{Digest as _, Sha512};

const POINT_BYTES: usize = 32;

/// A public key: canonical and of the large prime order.
pub(crate) struct Ed25519Key {
    encoded: [u8; POINT_BYTES],
    negated: EdwardsPoint,
}

impl Ed25519Key {
    /// The key `bytes`. `None` unless it passes BouncyCastle's full validation.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let encoded = bytes.try_into().ok()?;
        let point = decode_canonical(encoded)?;
        let valid = !point.is_identity() && point.is_torsion_free();
        valid.then(|| Self { encoded, negated: -point })
    }

    /// Whether `signature`, `R` and `S` one after the other and both canonical, is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.check(message, signature).unwrap_or(false)
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Option<bool> {
        let (r, s) = signature.split_first_chunk::<POINT_BYTES>()?;
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?;
        let challenge = Sha512::new().chain_update(r).chain_update(self.encoded).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&challenge.into());
        let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &self.negated, &s);
        if expected.compress().as_bytes() == r {
            return Some(true);
        }
        Some((expected - decode_canonical(*r)?).is_small_order())
    }
}

/// The point that `encoded` is the only encoding of.
fn decode_canonical(encoded: [u8; POINT_BYTES]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(encoded).decompress()?;
    (point.compress().as_bytes() == &encoded).then_some(point)
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};

    use super::*;

    const MESSAGE: &[u8] = b"message";

    fn scalar(seed: &str) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&Sha512::digest(seed).into())
    }

    /// A signature whose `R` is off by `deviation`, with `S` to match.
    fn sign(secret: &Scalar, nonce: &Scalar, deviation: &EdwardsPoint) -> (Ed25519Key, Vec<u8>) {
        let encoded = (secret * ED25519_BASEPOINT_TABLE).compress().to_bytes();
        let r = (nonce * ED25519_BASEPOINT_TABLE + deviation).compress().to_bytes();
        let challenge = Sha512::new().chain_update(r).chain_update(encoded).chain_update(MESSAGE).finalize();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&challenge.into()) * secret;
        (Ed25519Key::new(&encoded).expect("a key of prime order"), [r, s.to_bytes()].concat())
    }

    /// BouncyCastle 1.84 accepts all of these, as was tried with 1600 signatures.
    #[test]
    fn a_deviation_by_a_point_of_small_order_is_accepted() {
        for point in EIGHT_TORSION {
            for nonce in [scalar("nonce"), Scalar::ZERO] {
                let (key, signature) = sign(&scalar("secret"), &nonce, &point);
                assert!(key.verifies(MESSAGE, &signature));
                assert!(!key.verifies(b"another message", &signature));
            }
        }
    }

    #[test]
    fn other_deviations_are_refused() {
        let generator = &Scalar::ONE * ED25519_BASEPOINT_TABLE;
        for point in EIGHT_TORSION {
            let (key, signature) = sign(&scalar("secret"), &scalar("nonce"), &(generator + point));
            assert!(!key.verifies(MESSAGE, &signature));
        }
    }

    #[test]
    fn keys_with_a_part_of_small_order_are_refused() {
        let point = &scalar("secret") * ED25519_BASEPOINT_TABLE;
        assert!(Ed25519Key::new(point.compress().as_bytes()).is_some());
        for torsion in &EIGHT_TORSION[1..] {
            assert!(Ed25519Key::new((point + torsion).compress().as_bytes()).is_none());
            assert!(Ed25519Key::new(torsion.compress().as_bytes()).is_none());
        }
    }

    #[test]
    fn a_point_that_is_written_in_another_way_is_refused() {
        // y = p + 1 is the same point as y = 1, the neutral element.
        let mut encoded = [0xff; POINT_BYTES];
        encoded[0] = 0xee;
        encoded[POINT_BYTES - 1] = 0x7f;
        assert!(CompressedEdwardsY(encoded).decompress().is_some());
        assert!(decode_canonical(encoded).is_none());
    }
}
