//! Names of keys (chapter 01 §4.3).

use synod_types::Fingerprint;

use crate::{Hash, HashPurpose};

/// The fingerprint of a key whose bytes are `key_bytes`: the raw 32 bytes of an Ed25519 key, for all others the
/// bytes as they travel. Usually taken from the key itself.
#[must_use]
pub fn fingerprint_of_key(key_bytes: &[u8]) -> Fingerprint {
    as_fingerprint(&Hash::digest(HashPurpose::PUBLIC_KEY_FINGERPRINT, key_bytes))
}

/// The multihash of `hash`, in hexadecimal, as a fingerprint.
pub(crate) fn as_fingerprint(hash: &Hash) -> Fingerprint {
    Fingerprint::parse(&hash.to_hex()).expect("68 hexadecimal digits are a fingerprint")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of Canton's tutorial on external signing, quoted in chapter 01 §4.3.
    #[test]
    fn agrees_with_the_tutorial() {
        let key = hex::decode("d91c148881d551576e971cc3f0d2ad3e621a681a8c7abd40f74ac38e892524f6").expect("hexadecimal");
        assert_eq!(
            fingerprint_of_key(&key).as_str(),
            "1220205057e331cc8929dd217e2f8e63f503b7081773de60d01fb46839700bc5caaa"
        );
    }
}
