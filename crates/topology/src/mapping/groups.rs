//! The mediators of a group and the sequencers (`MediatorSynchronizerState`, `SequencerSynchronizerState`).

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{MediatorGroupIndex, MediatorId, Namespace, SequencerId, SynchronizerId, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;
use crate::error::{ensure, identifier};
use crate::number::{non_negative_u32, positive_u32};

/// Threshold, active members and observers, checked.
type Group<T> = (u32, Vec<T>, Vec<T>);

/// The threshold counts against the active members as they are listed, also those that are listed twice; then each
/// member counts once.
fn check<T: PartialEq>(threshold: u32, active: Vec<T>, observers: Vec<T>) -> Result<Group<T>, InvalidMessage> {
    let threshold = positive_u32("threshold", threshold)?;
    ensure(
        usize::try_from(threshold).is_ok_and(|threshold| threshold <= active.len()),
        "the threshold is above the number of active members",
    )?;
    ensure(!active.iter().any(|member| observers.contains(member)), "a member is both active and observer")?;
    Ok((threshold, parse::distinct(active), parse::distinct(observers)))
}

fn uids<T>(field: &'static str, texts: &[String], of: fn(UniqueIdentifier) -> T) -> Result<Vec<T>, InvalidMessage> {
    texts.iter().map(|text| parse::uid(field, text).map(of)).collect()
}

/// The mediators of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediatorSynchronizerState {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// Number of the group.
    pub group: MediatorGroupIndex,
    /// How many of the active mediators decide together; above zero.
    pub threshold: u32,
    /// Mediators that decide, each once; at least one.
    pub active: Vec<MediatorId>,
    /// Mediators that receive everything and do not count, each once; none of them active.
    pub observers: Vec<MediatorId>,
}

impl MediatorSynchronizerState {
    /// The mediators of `group`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the threshold is 0 or above the number of active mediators, or a mediator is in both
    /// lists.
    pub fn new(
        synchronizer: SynchronizerId,
        group: MediatorGroupIndex,
        threshold: u32,
        active: Vec<MediatorId>,
        observers: Vec<MediatorId>,
    ) -> Result<Self, InvalidMessage> {
        let (threshold, active, observers) = check(threshold, active, observers)?;
        Ok(Self { synchronizer, group, threshold, active, observers })
    }

    /// All mediators of the group: the active ones first.
    pub fn all(&self) -> impl Iterator<Item = &MediatorId> {
        self.active.iter().chain(&self.observers)
    }

    pub(super) fn from_proto(proto: &v30::MediatorSynchronizerState) -> Result<Self, InvalidMessage> {
        let synchronizer = parse::synchronizer(&proto.synchronizer_id)?;
        let group = non_negative_u32("group", proto.group)?.cast_signed();
        let group = MediatorGroupIndex::new(group).map_err(identifier("group"))?;
        let active = uids("active", &proto.active, MediatorId::new)?;
        let observers = uids("observers", &proto.observers, MediatorId::new)?;
        Self::new(synchronizer, group, proto.threshold, active, observers)
    }

    pub(super) fn to_proto(&self) -> v30::MediatorSynchronizerState {
        let texts = |members: &[MediatorId]| members.iter().map(|member| member.uid().as_str().to_owned()).collect();
        v30::MediatorSynchronizerState {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            group: self.group.as_i32().cast_unsigned(),
            threshold: self.threshold,
            active: texts(&self.active),
            observers: texts(&self.observers),
        }
    }
}

impl MappingKind for MediatorSynchronizerState {
    const CODE: MappingCode = MappingCode::MediatorSynchronizerState;

    fn namespace(&self) -> Namespace {
        self.synchronizer.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.synchronizer.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::mediator_synchronizer_state(&self.synchronizer, self.group)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}

/// The sequencers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequencerSynchronizerState {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// How many active sequencers sign together; above zero.
    pub threshold: u32,
    /// Sequencers that count, each once; at least one.
    pub active: Vec<SequencerId>,
    /// Sequencers that only follow, each once; none of them active.
    pub observers: Vec<SequencerId>,
}

impl SequencerSynchronizerState {
    /// The sequencers of `synchronizer`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the threshold is 0 or above the number of active sequencers, or a sequencer is in both
    /// lists.
    pub fn new(
        synchronizer: SynchronizerId,
        threshold: u32,
        active: Vec<SequencerId>,
        observers: Vec<SequencerId>,
    ) -> Result<Self, InvalidMessage> {
        let (threshold, active, observers) = check(threshold, active, observers)?;
        Ok(Self { synchronizer, threshold, active, observers })
    }

    /// All sequencers: the active ones first.
    pub fn all(&self) -> impl Iterator<Item = &SequencerId> {
        self.active.iter().chain(&self.observers)
    }

    pub(super) fn from_proto(proto: &v30::SequencerSynchronizerState) -> Result<Self, InvalidMessage> {
        let synchronizer = parse::synchronizer(&proto.synchronizer_id)?;
        let active = uids("active", &proto.active, SequencerId::new)?;
        let observers = uids("observers", &proto.observers, SequencerId::new)?;
        Self::new(synchronizer, proto.threshold, active, observers)
    }

    pub(super) fn to_proto(&self) -> v30::SequencerSynchronizerState {
        let texts = |members: &[SequencerId]| members.iter().map(|member| member.uid().as_str().to_owned()).collect();
        v30::SequencerSynchronizerState {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            threshold: self.threshold,
            active: texts(&self.active),
            observers: texts(&self.observers),
        }
    }
}

impl MappingKind for SequencerSynchronizerState {
    const CODE: MappingCode = MappingCode::SequencerSynchronizerState;

    fn namespace(&self) -> Namespace {
        self.synchronizer.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.synchronizer.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::sequencer_synchronizer_state(&self.synchronizer)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}
