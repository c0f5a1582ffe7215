//! What ties a participant to a confirmation request (chapter 04 §1.4, `RootHashMessage`).

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, hash, identifier, timestamp};
use super::proto::{Merge, decode, tag};
use super::view_type::ViewType;

/// A root hash message. Unsigned, and opaque to the mediator in its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHashMessage {
    /// The root hash of the request.
    pub root_hash: Hash,
    /// The synchronizer that it is for.
    pub psid: PhysicalSynchronizerId,
    /// What the request is about.
    pub view_type: ViewType,
    /// The time of the topology by which the request was made.
    pub submission_topology_time: CantonTimestamp,
    /// What participants compare among each other.
    pub payload: Bytes,
}

/// A `RootHashMessage` as it is on the wire.
#[derive(Default)]
pub(super) struct RootHashMessageMessage {
    root_hash: Bytes,
    psid: String,
    view_type: i32,
    submission_topology_time: i64,
    payload: Bytes,
}

impl Merge for RootHashMessageMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.root_hash = reader.shared(source)?,
            tag::D2 => reader.text()?.clone_into(&mut self.psid),
            tag::V3 => self.view_type = reader.int32()?,
            tag::V4 => self.submission_topology_time = reader.int64()?,
            tag::D5 => self.payload = reader.shared(source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl RootHashMessage {
    /// Reads the plain message.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_proto(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?)
    }

    pub(super) fn of_message(message: RootHashMessageMessage) -> Result<Self, InvalidMessage> {
        Ok(Self {
            root_hash: Hash::from_multihash(&message.root_hash).map_err(hash("root_hash"))?,
            psid: PhysicalSynchronizerId::parse(&message.psid).map_err(identifier("physical_synchronizer_id"))?,
            view_type: ViewType::of_number(message.view_type)?,
            submission_topology_time: CantonTimestamp::from_micros(message.submission_topology_time)
                .map_err(timestamp("submission_topology_time"))?,
            payload: message.payload,
        })
    }
}
