//! Checks of trust certificates, also of their updates.

use synod_types::PartyId;

use super::super::candidate::Candidate;
use super::parties::is_admin_party_of_itself;
use super::{keys, mapping_of};
use crate::{DynamicSynchronizerParameters, Mapping, Operation, TopologyRejection};

/// Row 5.
pub(super) fn does_not_rejoin(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let certificate = mapping_of!(candidate, SynchronizerTrustCertificate);
    match candidate.in_store {
        Some(open) if open.row.operation == Operation::Remove => {
            Err(TopologyRejection::ParticipantCannotRejoinSynchronizer { participant: certificate.participant.clone() })
        }
        _ => Ok(()),
    }
}

/// Row 6.
pub(super) fn is_not_a_party(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let certificate = mapping_of!(candidate, SynchronizerTrustCertificate);
    let party = PartyId::new(certificate.participant.uid().clone());
    match candidate.head.hosting(&party).as_deref() {
        Some(Mapping::PartyToParticipant(hosting)) if !is_admin_party_of_itself(hosting) => {
            let participant = certificate.participant.clone();
            Err(TopologyRejection::ParticipantIdConflictWithPartyId { participant, party })
        }
        _ => Ok(()),
    }
}

/// The parameters of the synchronizer that the certificate names: of others there are none.
fn parameters<'a>(candidate: &Candidate<'a>) -> Option<&'a DynamicSynchronizerParameters> {
    let named = candidate.transaction.transaction().mapping().synchronizer();
    candidate.head.parameters().filter(|_| named == Some(candidate.head.synchronizer()))
}

/// Row 7.
pub(super) fn has_parameters(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    match parameters(candidate) {
        Some(_) => Ok(()),
        None => Err(TopologyRejection::MissingSynchronizerParameters { effective: candidate.effective }),
    }
}

/// Row 8, first half.
pub(super) fn is_not_locked_out(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let certificate = mapping_of!(candidate, SynchronizerTrustCertificate);
    let restriction = parameters(candidate).map(|parameters| parameters.onboarding_restriction);
    match restriction.filter(|restriction| restriction.is_locked()) {
        Some(restriction) => Err(TopologyRejection::OnboardingRestrictionInPlace {
            participant: certificate.participant.clone(),
            restriction,
            login_after: None,
        }),
        None => Ok(()),
    }
}

/// Row 8, second half. A permission that begins at the effective time is enough.
pub(super) fn is_permitted(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let certificate = mapping_of!(candidate, SynchronizerTrustCertificate);
    let restriction = parameters(candidate).map(|parameters| parameters.onboarding_restriction);
    let Some(restriction) = restriction.filter(|restriction| restriction.is_restricted()) else { return Ok(()) };
    let refused = |login_after| TopologyRejection::OnboardingRestrictionInPlace {
        participant: certificate.participant.clone(),
        restriction,
        login_after,
    };
    let permission = candidate.head.permission(&certificate.participant).ok_or_else(|| refused(None))?;
    match permission.login_after {
        Some(login_after) if login_after > candidate.effective => Err(refused(Some(login_after))),
        _ => Ok(()),
    }
}

/// Row 9.
pub(super) fn has_keys(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let certificate = mapping_of!(candidate, SynchronizerTrustCertificate);
    keys::all_have_keys(candidate, [certificate.participant.member()])
}
