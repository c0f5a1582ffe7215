//! The part of a transaction that all who see any of it see (chapter 04 §2.4, `CommonMetadata`).

use bytes::Bytes;
use synod_crypto::{Hash, HashPurpose};
use synod_types::{MediatorGroupIndex, PhysicalSynchronizerId};
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::blindable::leaf_hash;
use super::error::{InvalidMessage, identifier};
use super::proto::{Merge, decode, merge_field, tag};
use super::salt::{self, Salt, SaltMessage};
use super::uuid::RequestUuid;

/// The common metadata of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonMetadata {
    /// The versioned bytes as received.
    pub bytes: Bytes,
    /// The salt of the leaf.
    pub salt: Salt,
    /// The synchronizer that the request is for.
    pub psid: PhysicalSynchronizerId,
    /// What tells the request from others.
    pub uuid: RequestUuid,
    /// The mediators that the request is for.
    pub mediator_group: MediatorGroupIndex,
}

/// A `CommonMetadata` as it is on the wire.
#[derive(Default)]
struct CommonMetadataMessage {
    salt: Option<SaltMessage>,
    psid: String,
    uuid: String,
    mediator_group: i32,
}

impl Merge for CommonMetadataMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.salt, reader, source)?,
            tag::D3 => reader.text()?.clone_into(&mut self.psid),
            tag::D4 => reader.text()?.clone_into(&mut self.uuid),
            tag::V5 => self.mediator_group = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl CommonMetadata {
    /// Reads the versioned message. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: CommonMetadataMessage = decode(&versioned::unwrap(bytes)?.data)?;
        Ok(Self {
            bytes: bytes.clone(),
            psid: PhysicalSynchronizerId::parse(&message.psid).map_err(identifier("physical_synchronizer_id"))?,
            mediator_group: MediatorGroupIndex::new(message.mediator_group).map_err(identifier("mediator_group"))?,
            salt: salt::required(message.salt)?,
            uuid: RequestUuid::parse(&message.uuid)?,
        })
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(HashPurpose::COMMON_METADATA, self.salt.as_bytes(), &self.bytes)
    }
}
