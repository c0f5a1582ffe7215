//! All rows that the state keeps, and what is looked up in them.
//!
//! Transactions are judged by everything that was sequenced so far, also by what is not effective yet (ch. 02 §2.1): by
//! the open rows. Reads at a time go through [`Lane::at`].

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use synod_crypto::{CryptoRestrictions, Hash};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, Member, Namespace, ParticipantId, PartyId, PhysicalSynchronizerId,
    SynchronizerId,
};

use super::graph::{Graphs, NamespaceGraph, NamespaceRule, empty_graph, is_root_certificate};
use super::lane::Lane;
use super::membership::{FirstKnown, Membership};
use super::stored::StoredRow;
use super::verification::ValidSignatures;
use crate::mapping::{
    LsuAnnouncement, MediatorSynchronizerState, OwnerToKeyMapping, ParticipantSynchronizerPermission, UniqueKey,
};
use crate::{
    DynamicSynchronizerParameters, Mapping, MappingCode, Operation, StaticSynchronizerParameters, TopologyChanges,
};

/// The rows, and what follows from them. Clones share what they have in common.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) static_parameters: Arc<StaticSynchronizerParameters>,
    pub(crate) restrictions: CryptoRestrictions,
    /// Id of the next row.
    pub(crate) next_id: u64,
    pub(crate) lanes: OrdMap<Hash, Lane>,
    pub(crate) graphs: Graphs,
    /// The mediator groups that ever were, and their unique keys.
    pub(crate) groups: OrdMap<MediatorGroupIndex, Hash>,
    pub(crate) membership: Membership,
    pub(crate) valid_signatures: ValidSignatures,
    /// Unique keys with rows that ended and can be forgotten, by when they did.
    pub(crate) ended: OrdSet<(CantonTimestamp, Hash)>,
    /// Effective time of the last accepted transaction that is no proposal.
    pub(crate) latest_change: Option<CantonTimestamp>,
}

impl Head {
    pub(crate) fn new(psid: PhysicalSynchronizerId, static_parameters: &StaticSynchronizerParameters) -> Self {
        Self {
            psid,
            static_parameters: Arc::new(static_parameters.clone()),
            restrictions: static_parameters.crypto_restrictions(),
            next_id: 0,
            lanes: OrdMap::new(),
            graphs: Graphs::new(),
            groups: OrdMap::new(),
            membership: Membership::default(),
            valid_signatures: ValidSignatures::default(),
            ended: OrdSet::new(),
            latest_change: None,
        }
    }

    pub(crate) fn synchronizer(&self) -> &SynchronizerId {
        self.psid.logical()
    }

    /// The open row of a unique key, a removal maybe.
    pub(crate) fn open(&self, key: &Hash) -> Option<&Arc<StoredRow>> {
        self.lanes.get(key)?.open()
    }

    /// The open row of a unique key, unless it is a removal.
    pub(crate) fn in_force(&self, key: &Hash) -> Option<&Arc<StoredRow>> {
        self.open(key).filter(|row| row.operation == Operation::Replace)
    }

    fn mapping_in_force(&self, key: &Hash) -> Option<&Mapping> {
        self.in_force(key)?.kept_mapping()
    }

    /// Who signs for `namespace`.
    pub(crate) fn namespace_rule(&self, namespace: &Namespace) -> NamespaceRule<'_> {
        let key = UniqueKey::decentralized_namespace_definition(namespace);
        match self.mapping_in_force(&key) {
            Some(Mapping::DecentralizedNamespaceDefinition(definition)) => {
                let threshold = usize::try_from(definition.threshold).unwrap_or(usize::MAX);
                NamespaceRule::Decentralized(
                    threshold,
                    definition.owners.iter().map(|owner| self.graph(owner)).collect(),
                )
            }
            _ => NamespaceRule::Direct(self.graph(namespace)),
        }
    }

    pub(crate) fn graph(&self, namespace: &Namespace) -> &NamespaceGraph {
        self.graphs.get(namespace).map_or(empty_graph(), |graph| graph)
    }

    /// Whether a decentralized namespace of this name is in force.
    pub(crate) fn is_decentralized(&self, namespace: &Namespace) -> bool {
        self.in_force(&UniqueKey::decentralized_namespace_definition(namespace)).is_some()
    }

    /// Whether the open transaction on the namespace's own key is a root certificate, and does this.
    pub(crate) fn has_root_certificate(&self, namespace: &Namespace, operation: Operation) -> bool {
        let key = UniqueKey::namespace_delegation(namespace, namespace.fingerprint());
        self.open(&key).filter(|row| row.operation == operation).is_some_and(|row| {
            let transaction = row.transaction();
            match transaction.transaction().mapping() {
                Mapping::NamespaceDelegation(delegation) => {
                    is_root_certificate(delegation, transaction.signing_fingerprints())
                }
                _ => false,
            }
        })
    }

    pub(crate) fn keys_of(&self, member: &Member) -> Option<&OwnerToKeyMapping> {
        match self.mapping_in_force(&UniqueKey::owner_to_key_mapping(member.uid())) {
            Some(Mapping::OwnerToKeyMapping(mapping)) if mapping.member() == member => Some(mapping),
            _ => None,
        }
    }

    /// Whether the participant is on the synchronizer.
    pub(crate) fn has_certificate(&self, participant: &ParticipantId) -> bool {
        self.in_force(&UniqueKey::synchronizer_trust_certificate(participant, self.synchronizer())).is_some()
    }

    pub(crate) fn permission(&self, participant: &ParticipantId) -> Option<&ParticipantSynchronizerPermission> {
        let key = UniqueKey::participant_synchronizer_permission(self.synchronizer(), participant);
        match self.mapping_in_force(&key) {
            Some(Mapping::ParticipantSynchronizerPermission(mapping)) => Some(mapping),
            _ => None,
        }
    }

    pub(crate) fn parameters(&self) -> Option<&DynamicSynchronizerParameters> {
        match self.mapping_in_force(&UniqueKey::synchronizer_parameters_state(self.synchronizer())) {
            Some(Mapping::SynchronizerParametersState(mapping)) => Some(&mapping.parameters),
            _ => None,
        }
    }

    pub(crate) fn mediator_groups(&self) -> impl Iterator<Item = &MediatorSynchronizerState> {
        self.groups.values().filter_map(|key| match self.mapping_in_force(key) {
            Some(Mapping::MediatorSynchronizerState(mapping)) => Some(mapping),
            _ => None,
        })
    }

    pub(crate) fn sequencers(&self) -> Option<&crate::mapping::SequencerSynchronizerState> {
        match self.mapping_in_force(&UniqueKey::sequencer_synchronizer_state(self.synchronizer())) {
            Some(Mapping::SequencerSynchronizerState(mapping)) => Some(mapping),
            _ => None,
        }
    }

    pub(crate) fn announcement(&self) -> Option<&LsuAnnouncement> {
        match self.mapping_in_force(&UniqueKey::lsu_announcement(self.synchronizer())) {
            Some(Mapping::LsuAnnouncement(mapping)) => Some(mapping),
            _ => None,
        }
    }

    /// The hosting of a party.
    pub(crate) fn hosting(&self, party: &PartyId) -> Option<Arc<Mapping>> {
        self.in_force(&UniqueKey::party_to_participant(party)).map(|row| row.mapping())
    }

    /// Takes up an accepted row, and gives the ids of what it ended.
    pub(crate) fn insert(&mut self, key: Hash, row: &Arc<StoredRow>) -> Vec<u64> {
        let now = row.valid_from;
        let lane = self.lanes.entry(key).or_insert_with(Lane::empty);
        let ended = if row.is_proposal {
            lane.propose(row.clone()).into_iter().collect()
        } else {
            lane.replace(row.clone(), now)
        };
        if ended.iter().any(|row| !row.is_proposal && !row.is_history()) {
            self.ended.insert((now, key));
        }
        ended.into_iter().map(|row| row.id).collect()
    }

    /// Brings up to date what follows from the rows, after a full transaction was accepted.
    pub(crate) fn note(&mut self, key: Hash, row: &StoredRow, mapping: &Mapping, signers: &[synod_types::Fingerprint]) {
        self.latest_change = Some(row.valid_from);
        match mapping {
            Mapping::NamespaceDelegation(delegation) => {
                let graph = self.graphs.entry(delegation.namespace.clone()).or_default();
                let graph = Arc::make_mut(graph);
                match row.operation {
                    Operation::Replace => graph.replace(delegation, signers.to_vec()),
                    Operation::Remove => graph.remove(delegation),
                }
            }
            Mapping::MediatorSynchronizerState(state) => {
                self.groups.insert(state.group, key);
            }
            _ => {}
        }
        if row.operation == Operation::Replace {
            let seen = FirstKnown { serial: row.serial, sequenced: row.sequenced, effective: row.valid_from };
            for member in named_members(mapping) {
                self.membership.see(&member, seen);
            }
        }
    }

    /// Sets the members from `effective` on, after the mappings of these participants and maybe groups changed.
    pub(crate) fn update_members(
        &mut self,
        effective: CantonTimestamp,
        participants: &BTreeSet<ParticipantId>,
        groups_changed: bool,
    ) {
        let mut members = self.membership.latest();
        for participant in participants {
            if self.has_certificate(participant) {
                members.insert(participant.member());
            } else {
                members.remove(&participant.member());
            }
        }
        if groups_changed {
            members = members.into_iter().filter(|member| ParticipantId::try_from(member.clone()).is_ok()).collect();
            members.extend(self.mediator_groups().flat_map(MediatorSynchronizerState::all).map(|id| id.member()));
            members.extend(self.sequencers().into_iter().flat_map(|state| state.all()).map(|id| id.member()));
        }
        self.membership.set(effective, members);
    }

    /// Whether [`Self::prune`] would forget something.
    pub(crate) fn can_prune(&self, before: CantonTimestamp) -> bool {
        self.ended.get_min().is_some_and(|(until, _)| *until < before) || self.membership.can_prune(before)
    }

    /// Forgets rows that ended before `before`, unless they are [history](StoredRow::is_history).
    pub(crate) fn prune(&mut self, before: CantonTimestamp) {
        while let Some(&(until, key)) = self.ended.get_min() {
            if until >= before {
                break;
            }
            self.ended.remove(&(until, key));
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.prune(before);
            }
        }
        self.membership.prune(before);
    }
}

/// The members that a mapping makes known.
fn named_members(mapping: &Mapping) -> Vec<Member> {
    match mapping {
        Mapping::SynchronizerTrustCertificate(certificate) => vec![certificate.participant.member()],
        Mapping::MediatorSynchronizerState(state) => state.all().map(|mediator| mediator.member()).collect(),
        Mapping::SequencerSynchronizerState(state) => state.all().map(|sequencer| sequencer.member()).collect(),
        _ => Vec::new(),
    }
}

/// Whether mappings of this kind make members known.
const fn names_members(code: MappingCode) -> bool {
    matches!(
        code,
        MappingCode::SynchronizerTrustCertificate
            | MappingCode::MediatorSynchronizerState
            | MappingCode::SequencerSynchronizerState
    )
}

/// What a batch changed about the members.
#[derive(Debug, Default)]
pub(crate) struct MemberChanges {
    participants: BTreeSet<ParticipantId>,
    groups: bool,
}

impl MemberChanges {
    pub(crate) fn add(&mut self, mapping: &Mapping) {
        match mapping {
            Mapping::SynchronizerTrustCertificate(certificate) => {
                self.participants.insert(certificate.participant.clone());
            }
            other => self.groups |= names_members(other.code()),
        }
    }

    /// Applies them.
    pub(crate) fn apply(self, head: &mut Head, effective: CantonTimestamp) {
        if self.groups || !self.participants.is_empty() {
            head.update_members(effective, &self.participants, self.groups);
        }
    }
}

/// Adds the members that a mapping names, unless they are there.
pub(crate) fn register(changes: &mut TopologyChanges, mapping: &Mapping, effective: CantonTimestamp) {
    for member in named_members(mapping) {
        if !changes.registrations.iter().any(|(known, _)| *known == member) {
            changes.registrations.push((member, effective));
        }
    }
}
