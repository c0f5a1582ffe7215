//! Checks of the hosting of parties.

use std::collections::BTreeSet;

use synod_types::{Member, ParticipantId};

use super::super::candidate::Candidate;
use super::{keys, mapping_of, replaced};
use crate::mapping::{ParticipantPermission, PartyToParticipant};
use crate::{Operation, TopologyRejection};

/// Whether the party has the name of the one participant that hosts it, as every participant hosts a party of its own.
pub(super) fn is_admin_party_of_itself(hosting: &PartyToParticipant) -> bool {
    match hosting.participants.as_slice() {
        [single] => {
            single.participant.uid() == hosting.party.uid()
                && single.permission == ParticipantPermission::Submission
                && hosting.threshold == 1
        }
        _ => false,
    }
}

/// Row 10.
pub(super) fn is_not_a_participant(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let hosting = mapping_of!(candidate, PartyToParticipant);
    let namesake = ParticipantId::new(hosting.party.uid().clone());
    if candidate.head.has_certificate(&namesake) && !is_admin_party_of_itself(hosting) {
        return Err(TopologyRejection::PartyIdConflictWithAdminParty { party: hosting.party.clone() });
    }
    Ok(())
}

/// The participants that did not host the party before.
fn new_participants<'a>(
    hosting: &'a PartyToParticipant,
    replaced: Option<&PartyToParticipant>,
) -> impl Iterator<Item = &'a ParticipantId> {
    let before: BTreeSet<ParticipantId> = replaced
        .into_iter()
        .flat_map(|replaced| &replaced.participants)
        .map(|hosting| hosting.participant.clone())
        .collect();
    let participants = hosting.participants.iter().map(|hosting| &hosting.participant);
    participants.filter(move |participant| !before.contains(*participant))
}

/// Row 11, first half.
pub(super) fn participants_are_known(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let hosting = mapping_of!(candidate, PartyToParticipant);
    let new = new_participants(hosting, replaced!(candidate, PartyToParticipant));
    let unknown = new.filter(|participant| !candidate.head.has_certificate(participant));
    let members: BTreeSet<Member> = unknown.map(ParticipantId::member).collect();
    if members.is_empty() { Ok(()) } else { Err(TopologyRejection::UnknownMembers { members }) }
}

/// Row 11, second half.
pub(super) fn participants_have_keys(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let hosting = mapping_of!(candidate, PartyToParticipant);
    let new = new_participants(hosting, replaced!(candidate, PartyToParticipant));
    keys::all_have_keys(candidate, new.map(ParticipantId::member))
}

/// Row 12. Only a removal that the namespace's own key signed counts as revocation here.
pub(super) fn own_namespace_is_not_revoked(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let hosting = mapping_of!(candidate, PartyToParticipant);
    let namespace = hosting.party.uid().namespace();
    if hosting.namespace_key().is_some() && candidate.head.has_root_certificate(&namespace, Operation::Remove) {
        return Err(TopologyRejection::NamespaceHasBeenRevoked { namespace });
    }
    Ok(())
}
