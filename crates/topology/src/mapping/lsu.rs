//! The successor of a synchronizer (`LsuAnnouncement`, `LsuSequencerConnectionSuccessor`).

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{CantonTimestamp, Namespace, PhysicalSynchronizerId, SequencerId, SynchronizerId, UniqueIdentifier};

use super::{GrpcConnection, MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;
use crate::error::identifier;

fn successor(text: &str) -> Result<PhysicalSynchronizerId, InvalidMessage> {
    PhysicalSynchronizerId::parse(text).map_err(identifier("successor_physical_synchronizer_id"))
}

/// The synchronizer gets a successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LsuAnnouncement {
    /// The successor.
    pub successor: PhysicalSynchronizerId,
    /// When the successor takes over.
    pub upgrade_time: CantonTimestamp,
}

impl LsuAnnouncement {
    pub(super) fn from_proto(proto: &v30::LsuAnnouncement) -> Result<Self, InvalidMessage> {
        let upgrade_time = proto.upgrade_time.ok_or(InvalidMessage::FieldNotSet { field: "upgrade_time" })?;
        Ok(Self {
            successor: successor(&proto.successor_physical_synchronizer_id)?,
            upgrade_time: parse::time("upgrade_time", upgrade_time)?,
        })
    }

    pub(super) fn to_proto(&self) -> v30::LsuAnnouncement {
        v30::LsuAnnouncement {
            successor_physical_synchronizer_id: self.successor.to_string(),
            upgrade_time: Some(parse::time_to_proto(self.upgrade_time)),
        }
    }
}

impl MappingKind for LsuAnnouncement {
    const CODE: MappingCode = MappingCode::LsuAnnouncement;

    fn namespace(&self) -> Namespace {
        self.successor.logical().uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.successor.logical().uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::lsu_announcement(self.successor.logical())
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(self.successor.logical())
    }
}

/// Where a sequencer of the successor is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LsuSequencerConnectionSuccessor {
    /// The sequencer.
    pub sequencer: SequencerId,
    /// The successor.
    pub successor: PhysicalSynchronizerId,
    /// Where it is reached.
    pub connection: GrpcConnection,
}

impl LsuSequencerConnectionSuccessor {
    pub(super) fn from_proto(proto: v30::LsuSequencerConnectionSuccessor) -> Result<Self, InvalidMessage> {
        let sequencer = SequencerId::parse(&proto.sequencer_id).map_err(identifier("sequencer_id"))?;
        let successor = successor(&proto.successor_physical_synchronizer_id)?;
        let connection = proto.connection.ok_or(InvalidMessage::FieldNotSet { field: "connection" })?;
        Ok(Self { sequencer, successor, connection: GrpcConnection::from_proto(connection)? })
    }

    pub(super) fn to_proto(&self) -> v30::LsuSequencerConnectionSuccessor {
        v30::LsuSequencerConnectionSuccessor {
            sequencer_id: self.sequencer.to_string(),
            successor_physical_synchronizer_id: self.successor.to_string(),
            connection: Some(self.connection.to_proto()),
        }
    }
}

impl MappingKind for LsuSequencerConnectionSuccessor {
    const CODE: MappingCode = MappingCode::LsuSequencerConnectionSuccessor;

    fn namespace(&self) -> Namespace {
        self.sequencer.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.sequencer.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::lsu_sequencer_connection_successor(&self.sequencer, self.successor.logical())
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(self.successor.logical())
    }
}
