//! Participants: what the synchronizer lets them do, and what they vet.

use synod_types::{CantonTimestamp, Member, ParticipantId};

use super::Snapshot;
use crate::Mapping;
use crate::mapping::{ParticipantPermission, UniqueKey, VettedPackage};

/// What the synchronizer lets a participant do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantAttributes {
    /// The most that it may do for any party.
    pub permission: ParticipantPermission,
    /// When it may log in; at once when `None`.
    pub login_after: Option<CantonTimestamp>,
    /// The feature flags of its trust certificate.
    pub features: Vec<i32>,
}

impl Snapshot {
    /// What an active participant may do: one with a trust certificate and, where it is restricted who may join, with a
    /// permission. `None` of all others, and of all while the synchronizer has no parameters (Canton fails then).
    #[must_use]
    pub fn participant(&self, participant: &ParticipantId) -> Option<ParticipantAttributes> {
        let parameters = self.parameters()?;
        let synchronizer = self.head.synchronizer();
        let certificate = UniqueKey::synchronizer_trust_certificate(participant, synchronizer);
        let Mapping::SynchronizerTrustCertificate(certificate) = self.kept_mapping(&certificate)? else { return None };
        let features = certificate.feature_flags.clone();
        let permission = UniqueKey::participant_synchronizer_permission(synchronizer, participant);
        match self.kept_mapping(&permission) {
            Some(Mapping::ParticipantSynchronizerPermission(permission)) => Some(ParticipantAttributes {
                permission: permission.permission,
                login_after: permission.login_after,
                features,
            }),
            _ if parameters.onboarding_restriction.is_restricted() => None,
            _ => Some(ParticipantAttributes {
                permission: ParticipantPermission::Submission,
                login_after: None,
                features,
            }),
        }
    }

    /// Whether the participant is active.
    #[must_use]
    pub fn is_participant_active(&self, participant: &ParticipantId) -> bool {
        self.participant(participant).is_some()
    }

    /// Whether the participant is active and may log in at the time of the snapshot.
    #[must_use]
    pub fn may_log_in(&self, participant: &ParticipantId) -> bool {
        let attributes = self.participant(participant);
        attributes.is_some_and(|attributes| attributes.login_after.is_none_or(|after| after <= self.at))
    }

    /// Whether the participant ever had a trust certificate that became effective at the time of the snapshot or before.
    #[must_use]
    pub fn was_ever_onboarded(&self, participant: &ParticipantId) -> bool {
        let member = Member::from(participant.clone());
        self.first_known(&member).is_some_and(|known| known.effective <= self.at)
    }

    /// The packages that a participant vets. Of a package that is listed several times the last period counts.
    #[must_use]
    pub fn vetted_packages(&self, participant: &ParticipantId) -> Vec<VettedPackage> {
        match self.mapping(&UniqueKey::vetted_packages(participant)).as_deref() {
            Some(Mapping::VettedPackages(mapping)) => mapping.packages.clone(),
            _ => Vec::new(),
        }
    }
}
