//! Words for values.

use std::fmt::Display;

use synod_crypto::{KeyUsages, SigningKeySpec, SigningKeyUsage};

/// Stands where there is no value.
pub(crate) const UNKNOWN: &str = "-";

/// Hexadecimal digits from which on they are shortened, and how many stay.
const LONG: usize = 40;
const SHORT: usize = 12;

/// A value, or that there is none.
pub(crate) fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// What a key is for, in the words of `--usage`. Proof of ownership comes with all but namespaces, and is not told.
pub(crate) fn key_usages(usages: KeyUsages) -> Vec<&'static str> {
    let word = |usage| match usage {
        SigningKeyUsage::Namespace => Some("namespace"),
        SigningKeyUsage::SequencerAuthentication => Some("sequencer-authentication"),
        SigningKeyUsage::Protocol => Some("protocol"),
        SigningKeyUsage::ProofOfOwnership => None,
    };
    usages.iter().filter_map(word).collect()
}

/// The kind of a key, in the words of `--spec`.
pub(crate) const fn spec_name(spec: SigningKeySpec) -> &'static str {
    match spec {
        SigningKeySpec::EcCurve25519 => "ec-curve25519",
        SigningKeySpec::EcP256 => "ec-p256",
        SigningKeySpec::EcP384 => "ec-p384",
        SigningKeySpec::EcSecp256k1 => "ec-secp256k1",
    }
}

/// The text with each hash and fingerprint shortened.
pub(super) fn shorten(text: &str) -> String {
    let (mut shortened, mut digits) = (String::with_capacity(text.len()), String::new());
    let flush = |digits: &mut String, to: &mut String| {
        if digits.len() >= LONG {
            to.push_str(&digits[..SHORT]);
            to.push('…');
        } else {
            to.push_str(digits);
        }
        digits.clear();
    };
    for letter in text.chars() {
        if matches!(letter, '0'..='9' | 'a'..='f') {
            digits.push(letter);
        } else {
            flush(&mut digits, &mut shortened);
            shortened.push(letter);
        }
    }
    flush(&mut digits, &mut shortened);
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_long_is_shortened() {
        let hash = format!("1220{}", "0f".repeat(32));
        assert_eq!(shorten(&format!("SEQ::decade::{hash} and {hash}")), "SEQ::decade::12200f0f0f0f… and 12200f0f0f0f…");
        let time = "2026-01-31T12:00:00.000001Z";
        assert_eq!(shorten(time), time);
        assert_eq!(shorten(""), "");
    }

    #[test]
    fn usages_are_told_without_the_one_that_comes_with_all() {
        let usages = KeyUsages::PROTOCOL.union(KeyUsages::PROOF_OF_OWNERSHIP);
        assert_eq!(key_usages(usages), ["protocol"]);
        assert_eq!(key_usages(KeyUsages::NAMESPACE), ["namespace"]);
    }
}
