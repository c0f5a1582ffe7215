//! Checks of the keys of members.

use std::collections::BTreeSet;

use synod_crypto::EnumSet;
use synod_types::{Member, MemberKind, ParticipantId};

use super::super::candidate::Candidate;
use super::mapping_of;
use crate::mapping::OwnerToKeyMapping;
use crate::{MappingCode, MissingKeys, Operation, TopologyRejection};

/// Whether all of `members` have keys.
pub(super) fn all_have_keys(
    candidate: &Candidate<'_>,
    members: impl IntoIterator<Item = Member>,
) -> Result<(), TopologyRejection> {
    let without = members.into_iter().filter(|member| candidate.head.keys_of(member).is_none());
    let members: BTreeSet<Member> = without.collect();
    if members.is_empty() { Ok(()) } else { Err(TopologyRejection::InsufficientKeys { members }) }
}

/// Row 13.
pub(super) fn are_not_registered_again(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let mapping = mapping_of!(candidate, OwnerToKeyMapping);
    match candidate.in_store {
        Some(open) if open.row.operation == Operation::Remove => {
            Err(TopologyRejection::CannotReregisterKeys { member: mapping.member().clone() })
        }
        _ => Ok(()),
    }
}

/// Row 14, first half.
pub(super) fn include_a_signing_key(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let mapping = mapping_of!(candidate, OwnerToKeyMapping);
    let allowed = candidate.head.static_parameters.required_signing_specs.keys;
    if mapping.signing_keys().iter().any(|key| allowed.contains(key.spec())) {
        return Ok(());
    }
    missing(mapping, MissingKeys::Signing(EnumSet::iter(allowed).collect()))
}

/// Row 14, second half: participants only.
pub(super) fn include_an_encryption_key(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let mapping = mapping_of!(candidate, OwnerToKeyMapping);
    let allowed = candidate.head.static_parameters.required_encryption_specs.keys;
    if mapping.member().kind() != MemberKind::Participant
        || mapping.encryption_keys().any(|key| allowed.contains(key.spec()))
    {
        return Ok(());
    }
    missing(mapping, MissingKeys::Encryption(EnumSet::iter(allowed).collect()))
}

fn missing(mapping: &OwnerToKeyMapping, missing: MissingKeys) -> Result<(), TopologyRejection> {
    Err(TopologyRejection::InvalidOwnerToKeyMapping { member: mapping.member().clone(), missing })
}

/// Row 15.
pub(super) fn are_not_used(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let mapping = mapping_of!(candidate, OwnerToKeyMapping);
    let (head, member) = (candidate.head, mapping.member());
    let used_by = match member.kind() {
        MemberKind::Participant => head
            .has_certificate(&ParticipantId::new(member.uid().clone()))
            .then_some(MappingCode::SynchronizerTrustCertificate),
        MemberKind::Mediator => {
            let mut mediators = head.mediator_groups().flat_map(|group| group.all());
            mediators.any(|mediator| mediator.uid() == member.uid()).then_some(MappingCode::MediatorSynchronizerState)
        }
        MemberKind::Sequencer => {
            let mut sequencers = head.sequencers().into_iter().flat_map(|group| group.all());
            sequencers
                .any(|sequencer| sequencer.uid() == member.uid())
                .then_some(MappingCode::SequencerSynchronizerState)
        }
    };
    match used_by {
        Some(used_by) => Err(TopologyRejection::InvalidOwnerToKeyMappingRemoval { member: member.clone(), used_by }),
        None => Ok(()),
    }
}
