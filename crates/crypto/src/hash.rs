//! SHA-256 hashes with a purpose, and their builder (chapter 01 §4.1, `Hash`, `HashBuilder`).

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::HashPurpose;
use crate::encoding::{jvm_string_order, length_prefix, read_uvarint};

const SHA256_CODE: u64 = 0x12;
const SHA256_LENGTH: usize = 32;
const SHORT_HEX_DIGITS: usize = 12;

/// A SHA-256 digest. Ordered by its bytes, which is the order of Canton's hexadecimal texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; SHA256_LENGTH]);

/// Bytes or a text that are not a hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHash {
    /// The multihash header is cut off, or one of its numbers has more than nine bytes.
    #[error("the multihash header is incomplete")]
    Header,
    /// Another hash function than SHA-256.
    #[error("unknown hash algorithm {code}")]
    Algorithm {
        /// Its multihash code.
        code: u64,
    },
    /// The length in the header, or the bytes behind it, are not 32.
    #[error("a SHA-256 hash has 32 bytes, not {length}")]
    Length {
        /// The length found.
        length: u64,
    },
    /// Not hexadecimal.
    #[error("the hash is not hexadecimal")]
    Hex,
}

impl Hash {
    /// Length of [`Self::multihash`].
    pub const MULTIHASH_LENGTH: usize = 34;

    /// The hash of `bytes` for `purpose`, without a length before the bytes (`Hash.digest`).
    #[must_use]
    pub fn digest(purpose: HashPurpose, bytes: &[u8]) -> Self {
        HashBuilder::new(purpose).add_without_length_prefix(bytes).finish()
    }

    /// The hash of this digest.
    #[must_use]
    pub const fn from_digest(digest: [u8; SHA256_LENGTH]) -> Self {
        Self(digest)
    }

    /// The digest alone. Canton signs and writes [`Self::multihash`] instead.
    #[must_use]
    pub const fn as_digest(&self) -> &[u8; SHA256_LENGTH] {
        &self.0
    }

    /// `12 20` and the digest: what is written, and what is signed (`Hash.getCryptographicEvidence`).
    #[must_use]
    pub fn multihash(&self) -> [u8; Self::MULTIHASH_LENGTH] {
        let mut bytes = [0; Self::MULTIHASH_LENGTH];
        bytes[0] = 0x12;
        bytes[1] = 0x20;
        bytes[2..].copy_from_slice(&self.0);
        bytes
    }

    /// Reads a multihash. The two numbers before the digest may have leading zero groups, as in Canton
    /// (`Hash.fromByteString`).
    ///
    /// # Errors
    /// [`InvalidHash`] unless it is exactly one SHA-256 multihash.
    pub fn from_multihash(bytes: &[u8]) -> Result<Self, InvalidHash> {
        let (code, rest) = read_uvarint(bytes).ok_or(InvalidHash::Header)?;
        let (length, digest) = read_uvarint(rest).ok_or(InvalidHash::Header)?;
        if code != SHA256_CODE {
            return Err(InvalidHash::Algorithm { code });
        }
        if length != SHA256_LENGTH as u64 {
            return Err(InvalidHash::Length { length });
        }
        let digest = digest.try_into().map_err(|_| InvalidHash::Length { length: digest.len() as u64 })?;
        Ok(Self(digest))
    }

    /// [`Self::multihash`] as 68 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.multihash())
    }

    /// Reads what [`Self::to_hex`] writes, in either case.
    ///
    /// # Errors
    /// [`InvalidHash`] unless it is exactly one SHA-256 multihash.
    pub fn from_hex(text: &str) -> Result<Self, InvalidHash> {
        Self::from_multihash(&hex::decode(text).map_err(|_| InvalidHash::Hex)?)
    }

    /// `SHA-256:` and the first twelve digits of the digest, as Canton writes hashes into its messages.
    #[must_use]
    pub fn to_short_text(&self) -> String {
        let digits = hex::encode(self.0);
        format!("SHA-256:{}...", &digits[..SHORT_HEX_DIGITS])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Builds a [`struct@Hash`] from parts. Begins with the purpose as `int32`; all numbers are big endian.
#[derive(Clone)]
#[must_use = "a builder does nothing before `finish`"]
pub struct HashBuilder(Sha256);

impl HashBuilder {
    /// A builder for `purpose`.
    pub fn new(purpose: HashPurpose) -> Self {
        Self(Sha256::new()).add_int(purpose.id())
    }

    /// Adds `bytes` alone. Only sound where their length is fixed or nothing follows them.
    pub fn add_without_length_prefix(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// Adds the length of `bytes` as `int32`, then `bytes`.
    pub fn add_byte_string(self, bytes: &[u8]) -> Self {
        self.add_without_length_prefix(&length_prefix(bytes.len())).add_without_length_prefix(bytes)
    }

    /// Adds the UTF-8 bytes of `text` as [`Self::add_byte_string`] does.
    pub fn add_string(self, text: &str) -> Self {
        self.add_byte_string(text.as_bytes())
    }

    /// Adds four bytes.
    pub fn add_int(self, number: i32) -> Self {
        self.add_without_length_prefix(&number.to_be_bytes())
    }

    /// Adds the count `number` as `int32`; counts above 2³¹ − 1 do not occur.
    pub fn add_count(self, number: usize) -> Self {
        self.add_without_length_prefix(&length_prefix(number))
    }

    /// Adds eight bytes.
    pub fn add_long(self, number: i64) -> Self {
        self.add_without_length_prefix(&number.to_be_bytes())
    }

    /// Adds one byte.
    pub fn add_byte(self, byte: u8) -> Self {
        self.add_without_length_prefix(&[byte])
    }

    /// Adds one byte, 0 or 1.
    pub fn add_bool(self, value: bool) -> Self {
        self.add_byte(u8::from(value))
    }

    /// Adds the 32 bytes of the digest. Where Canton adds the multihash, pass it to another method.
    pub fn add_hash(self, hash: &Hash) -> Self {
        self.add_without_length_prefix(hash.as_digest())
    }

    /// Adds a byte 0 for `None`, or 1 and then the value by `add`.
    pub fn add_optional<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.add_byte(0),
            Some(value) => add(self.add_byte(1), value),
        }
    }

    /// Adds the number of items, then each by `add` in the order given.
    pub fn add_sequence<I>(self, items: I, add: impl FnMut(Self, I::Item) -> Self) -> Self
    where
        I: IntoIterator<IntoIter: ExactSizeIterator>,
    {
        let items = items.into_iter();
        let counted = self.add_count(items.len());
        items.fold(counted, add)
    }

    /// Adds the number of different texts, then each in the order of JVM strings.
    pub fn add_string_set<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let distinct: BTreeSet<&str> = texts.into_iter().collect();
        let mut sorted: Vec<&str> = distinct.into_iter().collect();
        sorted.sort_by(|a, b| jvm_string_order(a, b));
        self.add_sequence(sorted, Self::add_string)
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl fmt::Debug for HashBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashBuilder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 01 §4.3, "computed self-check values".
    #[test]
    fn agrees_with_the_self_check_values() {
        for (purpose, bytes, expected) in [
            (35, "", "12206870f86f6560dd5b0d0a47d0ae89df6a96b6a47a6258940060d75ff759634158"),
            (1, "abc", "1220f9c4a2ab4de81ade0bbf55389f4a5002ad85ee56ce51f84f159a1e32a7292411"),
            (60, "", "12204082763076bdaee3a85e52eb5893169d45d057397616251e0e699e6403238e66"),
        ] {
            let hash = Hash::digest(HashPurpose::of_id(purpose), bytes.as_bytes());
            assert_eq!(hash.to_string(), expected);
            assert_eq!(Hash::from_hex(expected), Ok(hash));
        }
    }

    #[test]
    fn short_text_leaves_out_the_multihash_header() {
        let hash = Hash::from_digest([0xab; 32]);
        assert_eq!(hash.to_short_text(), "SHA-256:abababababab...");
    }

    #[test]
    fn sets_follow_utf16_order() {
        let purpose = HashPurpose::of_id(-1);
        // U+FFFF comes after U+10000 on the JVM, whose strings are compared by UTF-16 units.
        let set = HashBuilder::new(purpose).add_string_set(["\u{ffff}", "\u{10000}", "\u{ffff}"]).finish();
        let by_hand = HashBuilder::new(purpose).add_int(2).add_string("\u{10000}").add_string("\u{ffff}").finish();
        assert_eq!(set, by_hand);
    }
}
