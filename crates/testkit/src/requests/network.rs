//! The topology of a synchronizer that one owner holds.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_topology::mapping::{
    DecentralizedNamespaceDefinition, Mapping, MediatorSynchronizerState, SequencerSynchronizerState,
    SynchronizerParametersState, SynchronizerTrustCertificate,
};
use synod_topology::{DynamicSynchronizerParameters, Operation, SignedTopologyTransaction};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, MediatorId, MemberKind, ParticipantId, PhysicalSynchronizerId,
    ProtocolVersion, SequencerId, SynchronizerId, UniqueIdentifier,
};
use synod_wire::versioned::wrap;

use super::TestMember;

/// Version of the items of a genesis state.
const ITEM_VERSION: i32 = 30;

/// A synchronizer of protocol version 35, and who signs for it.
#[derive(Debug, Clone)]
pub struct Network {
    /// The owner of the synchronizer's namespace: the first sequencer.
    pub owner: TestMember,
    psid: PhysicalSynchronizerId,
    namespace: DecentralizedNamespaceDefinition,
}

impl Network {
    /// The synchronizer of `owner`.
    ///
    /// # Panics
    /// Never: its parts are well formed.
    #[must_use]
    pub fn new(owner: TestMember) -> Self {
        let namespace =
            DecentralizedNamespaceDefinition::new(BTreeSet::from([owner.namespace()]), 1).expect("one owner");
        let uid = UniqueIdentifier::new("test", &namespace.namespace).expect("an identifier");
        let psid = PhysicalSynchronizerId::new(SynchronizerId::new(uid), ProtocolVersion::V35, 0);
        Self { owner, psid, namespace }
    }

    /// The synchronizer.
    #[must_use]
    pub const fn psid(&self) -> &PhysicalSynchronizerId {
        &self.psid
    }

    fn id(&self) -> SynchronizerId {
        self.psid.logical().clone()
    }

    /// The owner's namespace definition.
    #[must_use]
    pub fn namespace(&self) -> SignedTopologyTransaction {
        let mapping = Mapping::DecentralizedNamespaceDefinition(self.namespace.clone());
        self.owner.transaction(Operation::Replace, 1, mapping)
    }

    /// The dynamic parameters.
    #[must_use]
    pub fn parameters(&self, serial: u32, parameters: DynamicSynchronizerParameters) -> SignedTopologyTransaction {
        let parameters = Box::new(parameters);
        let mapping = SynchronizerParametersState { synchronizer: self.id(), parameters };
        self.owner.transaction(Operation::Replace, serial, Mapping::SynchronizerParametersState(mapping))
    }

    /// A mediator group.
    ///
    /// # Panics
    /// When the threshold does not fit the active mediators, or a member is no mediator.
    #[must_use]
    pub fn mediators(
        &self,
        serial: u32,
        group: i32,
        threshold: u32,
        active: &[&TestMember],
        observers: &[&TestMember],
    ) -> SignedTopologyTransaction {
        let ids = |members: &[&TestMember]| {
            let id = |member: &&TestMember| MediatorId::try_from(member.member().clone()).expect("a mediator");
            members.iter().map(id).collect()
        };
        let group = MediatorGroupIndex::new(group).expect("not negative");
        let mapping = MediatorSynchronizerState::new(self.id(), group, threshold, ids(active), ids(observers));
        let mapping = Mapping::MediatorSynchronizerState(mapping.expect("a group that can decide"));
        self.owner.transaction(Operation::Replace, serial, mapping)
    }

    /// The sequencers.
    ///
    /// # Panics
    /// When the threshold does not fit the active sequencers, or a member is no sequencer.
    #[must_use]
    pub fn sequencers(
        &self,
        serial: u32,
        threshold: u32,
        active: &[&TestMember],
        observers: &[&TestMember],
    ) -> SignedTopologyTransaction {
        let ids = |members: &[&TestMember]| {
            let id = |member: &&TestMember| SequencerId::try_from(member.member().clone()).expect("a sequencer");
            members.iter().map(id).collect()
        };
        let mapping = SequencerSynchronizerState::new(self.id(), threshold, ids(active), ids(observers));
        let mapping = Mapping::SequencerSynchronizerState(mapping.expect("a group that can decide"));
        self.owner.transaction(Operation::Replace, serial, mapping)
    }

    /// What a participant needs to join: its root certificate, its keys, its trust certificate.
    ///
    /// # Panics
    /// When the member is no participant.
    #[must_use]
    pub fn participant(&self, member: &TestMember) -> Vec<SignedTopologyTransaction> {
        assert_eq!(member.member().kind(), MemberKind::Participant);
        let participant = ParticipantId::try_from(member.member().clone()).expect("a participant");
        let mapping = SynchronizerTrustCertificate { participant, synchronizer: self.id(), feature_flags: Vec::new() };
        let trust = member.transaction(Operation::Replace, 1, Mapping::SynchronizerTrustCertificate(mapping));
        vec![member.root(), member.owner_to_key(1), trust]
    }

    /// A genesis: these parameters, sequencers (the owner first, all active, threshold 1) and mediators (group 0, all active, with
    /// this threshold), and then participants.
    #[must_use]
    pub fn genesis(
        &self,
        parameters: DynamicSynchronizerParameters,
        sequencers: &[&TestMember],
        (threshold, mediators): (u32, &[&TestMember]),
        participants: &[&TestMember],
    ) -> Vec<SignedTopologyTransaction> {
        let mut transactions: Vec<SignedTopologyTransaction> = Vec::new();
        for member in sequencers.iter().chain(mediators) {
            transactions.extend([member.root(), member.owner_to_key(1)]);
        }
        transactions.push(self.namespace());
        transactions.push(self.parameters(1, parameters));
        transactions.push(self.mediators(1, 0, threshold, mediators, &[]));
        transactions.push(self.sequencers(1, 1, sequencers, &[]));
        transactions.extend(participants.iter().flat_map(|participant| self.participant(participant)));
        transactions
    }
}

/// The genesis state (second format) of these transactions.
#[must_use]
pub fn genesis_state(transactions: &[SignedTopologyTransaction]) -> Bytes {
    let (seconds, nanos) = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.as_seconds_and_nanos();
    let time = prost_types::Timestamp { seconds, nanos };
    let mut state = Vec::new();
    for transaction in transactions {
        let item = Item {
            sequenced: Some(time),
            valid_from: Some(time),
            valid_until: None,
            transaction: transaction.encode(ProtocolVersion::V35),
            rejection_reason: None,
        };
        let item = wrap(ITEM_VERSION, &item.encode_to_vec());
        prost::encode_length_delimiter(item.len(), &mut state).expect("a vector grows");
        state.extend_from_slice(&item);
    }
    state.into()
}
