//! What identifies a mapping (ch. 02 §1.2 and §1.5, `TopologyMapping.buildUniqueKey`). The code comes last.

use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_types::{
    Fingerprint, MediatorGroupIndex, Namespace, ParticipantId, PartyId, SequencerId, SynchronizerId, UniqueIdentifier,
};

use crate::MappingCode;

/// Computes unique keys, also of mappings that do not exist.
#[derive(Debug, Clone, Copy)]
pub struct UniqueKey;

fn key<'a>(code: MappingCode, texts: impl IntoIterator<Item = &'a str>) -> Hash {
    let builder = HashBuilder::new(HashPurpose::TOPOLOGY_MAPPING_UNIQUE_KEY);
    texts.into_iter().fold(builder, HashBuilder::add_string).add_int(code.number()).finish()
}

impl UniqueKey {
    /// Of the delegation of `namespace` to the key `target`.
    #[must_use]
    pub fn namespace_delegation(namespace: &Namespace, target: &Fingerprint) -> Hash {
        key(MappingCode::NamespaceDelegation, [namespace.as_str(), target.as_str()])
    }

    /// Of the definition of a decentralized namespace.
    #[must_use]
    pub fn decentralized_namespace_definition(namespace: &Namespace) -> Hash {
        key(MappingCode::DecentralizedNamespaceDefinition, [namespace.as_str()])
    }

    /// Of the keys of a member: members of different kinds with the same identifier share it.
    #[must_use]
    pub fn owner_to_key_mapping(member: &UniqueIdentifier) -> Hash {
        key(MappingCode::OwnerToKeyMapping, [member.as_str()])
    }

    /// Of a participant's trust certificate.
    #[must_use]
    pub fn synchronizer_trust_certificate(participant: &ParticipantId, synchronizer: &SynchronizerId) -> Hash {
        key(MappingCode::SynchronizerTrustCertificate, [participant.to_string().as_str(), synchronizer.as_str()])
    }

    /// Of a participant's permission.
    #[must_use]
    pub fn participant_synchronizer_permission(synchronizer: &SynchronizerId, participant: &ParticipantId) -> Hash {
        key(MappingCode::ParticipantSynchronizerPermission, [synchronizer.as_str(), participant.to_string().as_str()])
    }

    /// Of the limits of a party.
    #[must_use]
    pub fn party_hosting_limits(synchronizer: &SynchronizerId, party: &PartyId) -> Hash {
        key(MappingCode::PartyHostingLimits, [synchronizer.as_str(), party.as_str()])
    }

    /// Of the packages of a participant.
    #[must_use]
    pub fn vetted_packages(participant: &ParticipantId) -> Hash {
        key(MappingCode::VettedPackages, [participant.to_string().as_str()])
    }

    /// Of the participants that host a party.
    #[must_use]
    pub fn party_to_participant(party: &PartyId) -> Hash {
        key(MappingCode::PartyToParticipant, [party.as_str()])
    }

    /// Of the deprecated keys of a party.
    #[must_use]
    pub fn party_to_key_mapping(party: &PartyId) -> Hash {
        key(MappingCode::PartyToKeyMapping, [party.as_str()])
    }

    /// Of a mapping that a synchronizer has once: its parameters, its sequencers, or its successor.
    pub(crate) fn of_synchronizer(code: MappingCode, synchronizer: &SynchronizerId) -> Hash {
        key(code, [synchronizer.as_str()])
    }

    /// Of the dynamic parameters.
    #[must_use]
    pub fn synchronizer_parameters_state(synchronizer: &SynchronizerId) -> Hash {
        Self::of_synchronizer(MappingCode::SynchronizerParametersState, synchronizer)
    }

    /// Of a mediator group.
    #[must_use]
    pub fn mediator_synchronizer_state(synchronizer: &SynchronizerId, group: MediatorGroupIndex) -> Hash {
        HashBuilder::new(HashPurpose::TOPOLOGY_MAPPING_UNIQUE_KEY)
            .add_string(synchronizer.as_str())
            .add_int(group.as_i32())
            .add_int(MappingCode::MediatorSynchronizerState.number())
            .finish()
    }

    /// Of the sequencers.
    #[must_use]
    pub fn sequencer_synchronizer_state(synchronizer: &SynchronizerId) -> Hash {
        Self::of_synchronizer(MappingCode::SequencerSynchronizerState, synchronizer)
    }

    /// Of the parameters of sequencing.
    #[must_use]
    pub fn sequencing_parameters_state(synchronizer: &SynchronizerId) -> Hash {
        Self::of_synchronizer(MappingCode::SequencingParametersState, synchronizer)
    }

    /// Of the announcement of a successor.
    #[must_use]
    pub fn lsu_announcement(synchronizer: &SynchronizerId) -> Hash {
        Self::of_synchronizer(MappingCode::LsuAnnouncement, synchronizer)
    }

    /// Of the place where a sequencer of the successor is reached.
    #[must_use]
    pub fn lsu_sequencer_connection_successor(sequencer: &SequencerId, synchronizer: &SynchronizerId) -> Hash {
        key(MappingCode::LsuSequencerConnectionSuccessor, [sequencer.uid().as_str(), synchronizer.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ch. 02 §1.2, "formula vectors".
    #[test]
    fn agrees_with_the_formula_vectors() {
        let fp = format!("1220{}", "ab".repeat(32));
        let dns = "1220f924103d3da40c9e216603ebf3bede506740961d12c5100db9e8ed98570826ec";
        let synchronizer = SynchronizerId::parse(&format!("da::{dns}")).expect("a synchronizer");
        let participant = ParticipantId::parse(&format!("PAR::p1::{fp}")).expect("a participant");
        let sequencer = UniqueIdentifier::parse(&format!("seq1::{fp}")).expect("an identifier");
        let namespace = Namespace::parse(&fp).expect("a namespace");
        let group = MediatorGroupIndex::new(0).expect("a group");
        for (key, expected) in [
            (
                UniqueKey::owner_to_key_mapping(&sequencer),
                "1220d73d96ca22f9088b923310cc976d463c2c8aae444eb3ecd09ad516bc5063abae",
            ),
            (
                UniqueKey::synchronizer_parameters_state(&synchronizer),
                "1220eb9bd2565c0225b9179cb023486cd6d97e634426b437c7eab24d40dcc146755e",
            ),
            (
                UniqueKey::mediator_synchronizer_state(&synchronizer, group),
                "12203fd9dc4647503083dc3fa91feb11441900f4158950510a4ea92a183f77aaa8b5",
            ),
            (
                UniqueKey::namespace_delegation(&namespace, namespace.fingerprint()),
                "1220e96807259fe92ba22c5c70dcc32fc6135d1308495c12ffd339e58c903aca1f17",
            ),
            (
                UniqueKey::synchronizer_trust_certificate(&participant, &synchronizer),
                "12206bd1c6451bccfb7dc7e92e1cc980d57ebaf9cade911d4ae4c34137cdf9d0ba18",
            ),
        ] {
            assert_eq!(key.to_hex(), expected);
        }
    }
}
