//! Members, their keys, and their groups.

use imbl::OrdSet;
use synod_crypto::{EncryptionPublicKey, KeyUsages, SigningPublicKey};
use synod_types::{MediatorGroupIndex, MediatorId, Member, MemberKind, ParticipantId, SequencerId};

use super::Snapshot;
use crate::Mapping;
use crate::mapping::{MediatorSynchronizerState, OwnerToKeyMapping, UniqueKey};
use crate::state::FirstKnown;

/// A mediator group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediatorGroup {
    /// Its number.
    pub index: MediatorGroupIndex,
    /// How many active mediators decide together; above zero.
    pub threshold: u32,
    /// Mediators that decide.
    pub active: Vec<MediatorId>,
    /// Mediators that receive everything and do not count.
    pub passive: Vec<MediatorId>,
}

impl MediatorGroup {
    fn new(state: &MediatorSynchronizerState) -> Self {
        Self {
            index: state.group,
            threshold: state.threshold,
            active: state.active.clone(),
            passive: state.observers.clone(),
        }
    }

    /// Whether there are as many active mediators as have to decide.
    #[must_use]
    pub fn is_active(&self) -> bool {
        usize::try_from(self.threshold).is_ok_and(|threshold| threshold <= self.active.len())
    }
}

/// The sequencers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencerGroup {
    /// How many active sequencers sign together; above zero.
    pub threshold: u32,
    /// Sequencers that count.
    pub active: Vec<SequencerId>,
    /// Sequencers that only follow. What is for all sequencers reaches them, too.
    pub passive: Vec<SequencerId>,
}

impl Snapshot {
    /// All members: participants with a trust certificate, mediators and sequencers, passive ones too.
    #[must_use]
    pub fn known_members(&self) -> OrdSet<Member> {
        self.head.membership.at(self.at)
    }

    /// Whether this is a member.
    #[must_use]
    pub fn is_known(&self, member: &Member) -> bool {
        self.head.membership.at(self.at).contains(member)
    }

    /// When the member became known first, whatever the time of the snapshot.
    #[must_use]
    pub fn first_known(&self, member: &Member) -> Option<FirstKnown> {
        self.head.membership.first_known(member)
    }

    /// The signing keys of a member, in its order, whatever they are for; none when it has no key mapping.
    #[must_use]
    pub fn signing_keys(&self, member: &Member) -> &[SigningPublicKey] {
        self.key_mapping(member).map_or(&[], OwnerToKeyMapping::signing_keys)
    }

    /// The signing keys of a member that are for one of `usages` (proof of ownership aside), in its order.
    pub fn signing_keys_for(&self, member: &Member, usages: KeyUsages) -> impl Iterator<Item = &SigningPublicKey> {
        self.signing_keys(member).iter().filter(move |key| key.usages().matches(usages))
    }

    /// The encryption keys of a member, in its order.
    pub fn encryption_keys(&self, member: &Member) -> impl Iterator<Item = &EncryptionPublicKey> {
        self.key_mapping(member).into_iter().flat_map(OwnerToKeyMapping::encryption_keys)
    }

    fn key_mapping(&self, member: &Member) -> Option<&OwnerToKeyMapping> {
        match self.kept_mapping(&UniqueKey::owner_to_key_mapping(member.uid()))? {
            Mapping::OwnerToKeyMapping(mapping) if mapping.member() == member => Some(mapping),
            _ => None,
        }
    }

    /// The mediator groups, by their number.
    #[must_use]
    pub fn mediator_groups(&self) -> Vec<MediatorGroup> {
        self.head.groups.keys().filter_map(|index| self.mediator_group(*index)).collect()
    }

    /// The mediator group of this number.
    #[must_use]
    pub fn mediator_group(&self, index: MediatorGroupIndex) -> Option<MediatorGroup> {
        match self.kept_mapping(self.head.groups.get(&index)?)? {
            Mapping::MediatorSynchronizerState(state) => Some(MediatorGroup::new(state)),
            _ => None,
        }
    }

    /// The group of the mediator, if there is one, is active, and has it in either list.
    #[must_use]
    pub fn is_mediator_active(&self, mediator: &MediatorId) -> bool {
        let mut groups = self.mediator_groups().into_iter().filter(MediatorGroup::is_active);
        groups.any(|group| group.active.contains(mediator) || group.passive.contains(mediator))
    }

    /// The sequencers; `None` before there are any.
    #[must_use]
    pub fn sequencer_group(&self) -> Option<SequencerGroup> {
        match self.kept_mapping(&UniqueKey::sequencer_synchronizer_state(self.head.synchronizer()))? {
            Mapping::SequencerSynchronizerState(state) => Some(SequencerGroup {
                threshold: state.threshold,
                active: state.active.clone(),
                passive: state.observers.clone(),
            }),
            _ => None,
        }
    }

    /// Whether the sequencer counts: passive ones do not.
    #[must_use]
    pub fn is_sequencer_active(&self, sequencer: &SequencerId) -> bool {
        self.sequencer_group().is_some_and(|group| group.active.contains(sequencer))
    }

    /// Whether the member may log in at the time of the snapshot (ch. 02 §4.5).
    #[must_use]
    pub fn is_member_active(&self, member: &Member) -> bool {
        let uid = member.uid().clone();
        match member.kind() {
            MemberKind::Participant => self.may_log_in(&ParticipantId::new(uid)),
            MemberKind::Mediator => self.is_mediator_active(&MediatorId::new(uid)),
            MemberKind::Sequencer => self.is_sequencer_active(&SequencerId::new(uid)),
        }
    }
}
