//! Encryption of private keys at rest: AES-256-GCM under a key derived from the key file.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::{StoreFault, StoreRefused};

const SALT: &[u8] = b"synod private keys v1";
const SHORTEST_SECRET: usize = 32;

/// Seals and opens under one key file. A sealed text is the nonce (12 bytes), the ciphertext and its tag.
pub(crate) struct Sealer {
    key: RandomizedNonceKey,
}

impl Sealer {
    /// Reads the secret: the file's content without white space at its ends.
    pub(crate) fn from_file(path: &Path) -> Result<Self, StoreRefused> {
        let refuse = |reason: String| StoreRefused::KeyFile { path: path.to_owned(), reason };
        let content = Zeroizing::new(std::fs::read(path).map_err(|error| refuse(error.to_string()))?);
        let secret = content.trim_ascii();
        if secret.len() < SHORTEST_SECRET {
            return Err(refuse(format!("has {} bytes, at least {SHORTEST_SECRET} are needed", secret.len())));
        }
        Self::from_secret(secret).ok_or_else(|| refuse("gives no key".to_owned()))
    }

    fn from_secret(secret: &[u8]) -> Option<Self> {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let mut key = Zeroizing::new([0_u8; 32]);
        derived.expand(&[b"aes-256-gcm"], hkdf::HKDF_SHA256).ok()?.fill(key.as_mut()).ok()?;
        Some(Self { key: RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()? })
    }

    /// Encrypts `plain`, bound to `name`.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, StoreFault> {
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        let sealed = self.key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut *text);
        let nonce = sealed.map_err(|_| StoreFault::Seal)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Decrypts what [`seal`](Self::seal) gave for the same name; `None` when the key file or the text is
    /// another one.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_secret_name_and_text() {
        let sealer = Sealer::from_secret(b"one").expect("key");
        let sealed = sealer.seal("key-1", b"plain").expect("sealed");
        assert_eq!(sealer.open("key-1", &sealed).expect("opened").as_slice(), b"plain");
        assert_ne!(sealer.seal("key-1", b"plain").expect("sealed"), sealed, "a nonce is never used twice");
        assert!(sealer.open("key-2", &sealed).is_none());
        assert!(Sealer::from_secret(b"two").expect("key").open("key-1", &sealed).is_none());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(sealer.open("key-1", &changed).is_none(), "byte {index}");
        }
        assert!(sealer.open("key-1", &sealed[..5]).is_none());
    }
}
