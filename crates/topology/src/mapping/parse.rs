//! Fields that several mappings have.

use synod_types::{CantonTimestamp, Member, ParticipantId, PartyId, SynchronizerId, UniqueIdentifier};

use crate::InvalidMessage;
use crate::error::identifier;

/// A participant, with or without `PAR::` (`TopologyMapping.participantIdFromProtoPrimitive`).
pub(super) fn participant(field: &'static str, text: &str) -> Result<ParticipantId, InvalidMessage> {
    if let Ok(participant) = ParticipantId::parse(text) {
        return Ok(participant);
    }
    uid(field, text).map(ParticipantId::new)
}

pub(super) fn uid(field: &'static str, text: &str) -> Result<UniqueIdentifier, InvalidMessage> {
    UniqueIdentifier::parse(text).map_err(identifier(field))
}

pub(super) fn party(text: &str) -> Result<PartyId, InvalidMessage> {
    PartyId::parse(text).map_err(identifier("party"))
}

pub(super) fn member(text: &str) -> Result<Member, InvalidMessage> {
    Member::parse(text).map_err(identifier("member"))
}

pub(super) fn synchronizer(text: &str) -> Result<SynchronizerId, InvalidMessage> {
    SynchronizerId::parse(text).map_err(identifier("synchronizer_id"))
}

pub(super) fn time(field: &'static str, proto: prost_types::Timestamp) -> Result<CantonTimestamp, InvalidMessage> {
    CantonTimestamp::from_seconds_and_nanos(proto.seconds, proto.nanos)
        .map_err(|source| InvalidMessage::Timestamp { field, source })
}

pub(super) fn time_to_proto(time: CantonTimestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// The items without repetitions, in the order of their first occurrence.
pub(super) fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
