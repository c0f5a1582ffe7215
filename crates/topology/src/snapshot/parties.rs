//! Who hosts a party, and what its keys are.

use std::collections::BTreeMap;

use synod_types::{CantonTimestamp, ParticipantId, PartyId};

use super::Snapshot;
use crate::Mapping;
use crate::mapping::{ParticipantPermission, SigningKeysWithThreshold, UniqueKey};

/// What an active participant may do for a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostingAttributes {
    /// The lower of what the party and what the synchronizer lets it do.
    pub permission: ParticipantPermission,
    /// When it may log in.
    pub login_after: Option<CantonTimestamp>,
    /// Whether it is not ready yet.
    pub onboarding: bool,
}

impl HostingAttributes {
    /// Whether it may confirm for the party.
    #[must_use]
    pub const fn can_confirm(&self) -> bool {
        self.permission.can_confirm() && !self.onboarding
    }
}

/// The active participants that host a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyHosting {
    /// How many of them have to confirm; above zero. May be more than can.
    pub threshold: u32,
    /// The participants; never empty.
    pub participants: BTreeMap<ParticipantId, HostingAttributes>,
    /// The same participants in the order of the mapping. Only what has to agree with other nodes in its order needs it.
    pub order: Vec<ParticipantId>,
}

impl Snapshot {
    /// Who hosts a party: `None` when no active participant does. A party with the name of an active participant is
    /// hosted by it alone, whatever else says (ch. 02 §8.1).
    #[must_use]
    pub fn hosting(&self, party: &PartyId) -> Option<PartyHosting> {
        let namesake = ParticipantId::new(party.uid().clone());
        if let Some(attributes) = self.participant(&namesake) {
            let attributes = HostingAttributes {
                permission: attributes.permission,
                login_after: attributes.login_after,
                onboarding: false,
            };
            let order = vec![namesake.clone()];
            return Some(PartyHosting { threshold: 1, participants: BTreeMap::from([(namesake, attributes)]), order });
        }
        let mapping = self.mapping(&UniqueKey::party_to_participant(party))?;
        let Mapping::PartyToParticipant(mapping) = mapping.as_ref() else { return None };
        let mut participants = BTreeMap::new();
        let mut order = Vec::new();
        for hosting in &mapping.participants {
            if let Some(attributes) = self.participant(&hosting.participant) {
                let attributes = HostingAttributes {
                    permission: hosting.permission.min(attributes.permission),
                    login_after: attributes.login_after,
                    onboarding: hosting.onboarding,
                };
                participants.insert(hosting.participant.clone(), attributes);
                order.push(hosting.participant.clone());
            }
        }
        (!participants.is_empty()).then_some(PartyHosting { threshold: mapping.threshold, participants, order })
    }

    /// Whether `participant` may confirm for `party`.
    #[must_use]
    pub fn can_confirm(&self, participant: &ParticipantId, party: &PartyId) -> bool {
        let hosting = self.hosting(party);
        let attributes = hosting.as_ref().and_then(|hosting| hosting.participants.get(participant));
        attributes.is_some_and(HostingAttributes::can_confirm)
    }

    /// Whether some participant may confirm for `party`.
    #[must_use]
    pub fn has_confirmer(&self, party: &PartyId) -> bool {
        self.hosting(party).is_some_and(|hosting| hosting.participants.values().any(HostingAttributes::can_confirm))
    }

    /// The keys by which a party signs itself: those of its hosting, else those of its deprecated key mapping.
    #[must_use]
    pub fn party_signing_keys(&self, party: &PartyId) -> Option<SigningKeysWithThreshold> {
        let of_hosting = match self.mapping(&UniqueKey::party_to_participant(party)).as_deref() {
            Some(Mapping::PartyToParticipant(mapping)) => mapping.signing_keys.clone(),
            _ => None,
        };
        of_hosting.or_else(|| match self.mapping(&UniqueKey::party_to_key_mapping(party)).as_deref() {
            Some(Mapping::PartyToKeyMapping(mapping)) => Some(mapping.signing_keys.clone()),
            _ => None,
        })
    }
}
