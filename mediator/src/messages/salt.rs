//! What makes a leaf of a Merkle tree impossible to guess (chapter 04 §2.1, `Salt`).

use bytes::Bytes;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, not_set};
use super::proto::{Merge, tag};

const LENGTH: usize = 32;
const HMAC_SHA256: i32 = 1;

/// A salt made by HMAC-SHA256, the only way there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Salt([u8; LENGTH]);

impl Salt {
    /// Its bytes, all that counts in hashes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

/// A `Salt` as it is on the wire.
#[derive(Default)]
pub(super) struct SaltMessage {
    hmac: Option<i32>,
    salt: Bytes,
}

impl Merge for SaltMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.hmac = Some(reader.int32()?),
            tag::D2 => self.salt = reader.shared(source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The salt, which has to be there.
pub(super) fn required(message: Option<SaltMessage>) -> Result<Salt, InvalidMessage> {
    let message = message.ok_or_else(|| not_set("salt"))?;
    match message.hmac {
        Some(HMAC_SHA256) => {}
        None | Some(0) => return Err(not_set("algorithm")),
        Some(number) => return Err(InvalidMessage::UnknownNumber { field: "hmac", number }),
    }
    let length = message.salt.len();
    message.salt[..].try_into().map(Salt).map_err(|_| InvalidMessage::SaltLength { length })
}
