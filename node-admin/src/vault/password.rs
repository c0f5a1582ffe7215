//! Bytes that are encrypted by a password (`PasswordBasedEncrypted`, `JcePureCrypto.decryptWithPassword`,
//! `encryptWithPassword`).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use bytes::Bytes;
use prost::Message;
use synod_proto::crypto::v30::{PasswordBasedEncrypted, PbkdfScheme, SymmetricKeyScheme};
use synod_wire::versioned;
use zeroize::Zeroizing;

// What a key costs (`PbkdfScheme.Argon2idMode1`).
const MEMORY_KIB: u32 = 12_288;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 16;

/// Of the message that holds encrypted bytes.
const VERSION: i32 = 30;

/// Encrypted bytes, with all that is needed but the password.
#[derive(Debug)]
pub(super) struct Encrypted {
    salt: Bytes,
    /// Nonce, encrypted bytes, tag.
    ciphertext: Bytes,
}

impl Encrypted {
    /// Reads versioned `PasswordBasedEncrypted`; otherwise what is wrong with it.
    pub(super) fn parse(bytes: &Bytes) -> Result<Self, String> {
        let data = versioned::unwrap(bytes).map_err(|error| error.to_string())?.data;
        let proto = PasswordBasedEncrypted::decode(data).map_err(|error| error.to_string())?;
        if proto.symmetric_key_scheme != i32::from(SymmetricKeyScheme::Aes128gcm) {
            return Err(format!("field `symmetric_key_scheme` cannot be {}", proto.symmetric_key_scheme));
        }
        if proto.pbkdf_scheme != i32::from(PbkdfScheme::Argon2idMode1) {
            return Err(format!("field `pbkdf_scheme` cannot be {}", proto.pbkdf_scheme));
        }
        if proto.salt.len() != SALT_BYTES {
            return Err(format!("the salt has {} bytes instead of {SALT_BYTES}", proto.salt.len()));
        }
        Ok(Self { salt: proto.salt, ciphertext: proto.ciphertext })
    }

    /// The bytes; `None` when they were encrypted by another password, or changed since. It takes some 10 ms.
    pub(super) fn decrypt(&self, password: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, encrypted) = self.ciphertext.split_at_checked(NONCE_LEN)?;
        let key = derive(password, &self.salt)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(encrypted.to_vec());
        let length = key.open_in_place(nonce, Aad::empty(), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

/// Versioned `PasswordBasedEncrypted` with a fresh salt and nonce, as [`Encrypted::parse`] reads it; `None` when no key can
/// be derived. It takes some 10 ms.
pub(super) fn encrypt(plain: &[u8], password: &str) -> Option<Bytes> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).ok()?;
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).ok()?;
    let key = derive(password, &salt)?;
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let encrypted = PasswordBasedEncrypted {
        ciphertext: [nonce.as_slice(), &sealed].concat().into(),
        symmetric_key_scheme: SymmetricKeyScheme::Aes128gcm.into(),
        pbkdf_scheme: PbkdfScheme::Argon2idMode1.into(),
        salt: Bytes::copy_from_slice(&salt),
    };
    Some(versioned::wrap(VERSION, &encrypted.encode_to_vec()))
}

/// The key that a password gives with a salt.
fn derive(password: &str, salt: &[u8]) -> Option<LessSafeKey> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(KEY_BYTES)).ok()?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, key.as_mut(), &mut *memory).ok()?;
    Some(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).ok()?))
}
