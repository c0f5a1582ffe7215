//! Topology transactions (ch. 02 §1.4, `TopologyTransaction`).

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{Hash, topology_transaction_hash};
use synod_proto::protocol::v30;
use synod_types::ProtocolVersion;
use synod_wire::MessageKind;

use crate::mapping::Mapping;
use crate::number::positive_u32;
use crate::protobuf::decode;
use crate::{InvalidMessage, Operation, schema};

/// An operation on a mapping. Cheap to clone.
///
/// Its bytes are kept as received: they are what is hashed, signed, stored and sent on, with all that this version does
/// not understand of them.
#[derive(Debug, Clone)]
pub struct TopologyTransaction {
    bytes: Bytes,
    hash: Hash,
    operation: Operation,
    serial: u32,
    mapping: Arc<Mapping>,
}

impl TopologyTransaction {
    /// A new transaction, encoded for `version`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the serial is 0 or above 2³¹ − 1.
    pub fn new(
        operation: Operation,
        serial: u32,
        mapping: impl Into<Mapping>,
        version: ProtocolVersion,
    ) -> Result<Self, InvalidMessage> {
        let mapping = mapping.into();
        let serial = positive_u32("serial", serial)?;
        let proto =
            v30::TopologyTransaction { operation: operation.number(), serial, mapping: Some(mapping.to_proto()) };
        let bytes = MessageKind::Topology.wrap(version, &proto.encode_to_vec());
        let hash = topology_transaction_hash(&bytes);
        Ok(Self { bytes, hash, operation, serial, mapping: Arc::new(mapping) })
    }

    /// Reads a versioned transaction.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`TopologyTransaction.fromByteString`).
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        let message = MessageKind::Topology.unwrap(version, bytes)?;
        let proto: v30::TopologyTransaction = decode(&schema::TOPOLOGY_TRANSACTION, &message)?;
        let mapping = proto.mapping.ok_or(InvalidMessage::FieldNotSet { field: "mapping" })?;
        let mapping = Mapping::from_proto(mapping)?;
        Ok(Self {
            hash: topology_transaction_hash(bytes),
            bytes: bytes.clone(),
            operation: Operation::from_number(proto.operation)?,
            serial: positive_u32("serial", proto.serial)?,
            mapping: Arc::new(mapping),
        })
    }

    /// The versioned transaction, as received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Hash of [`Self::bytes`], which names it and which its signatures are over.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// What it does.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// Its place among the transactions of the unique key; above zero, below 2³¹.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// The mapping.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) const fn shared_mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }
}
