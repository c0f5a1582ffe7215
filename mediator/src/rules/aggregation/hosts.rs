//! Who may confirm for a party (chapter 04 §3.4).

use std::collections::BTreeSet;

use synod_topology::Snapshot;
use synod_types::{ParticipantId, PartyId};

use crate::messages::LfParty;

/// Who may confirm for a party, at the time of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmingHosts {
    /// How many have to confirm; above zero. May be more than there are.
    pub threshold: u32,
    /// Active participants with at least the permission to confirm which are not being onboarded.
    pub participants: BTreeSet<ParticipantId>,
}

impl ConfirmingHosts {
    /// The hosts of a party. One that nobody hosts, or whose name is no unique identifier, has none and threshold 1.
    #[must_use]
    pub fn of(snapshot: &Snapshot, party: &LfParty) -> Self {
        let hosting = PartyId::parse(party.as_str()).ok().and_then(|party| snapshot.hosting(&party));
        let Some(hosting) = hosting else { return Self { threshold: 1, participants: BTreeSet::new() } };
        let hosts = hosting.participants.into_iter().filter(|(_, attributes)| attributes.can_confirm());
        Self { threshold: hosting.threshold, participants: hosts.map(|(participant, _)| participant).collect() }
    }

    /// How many votes there can be (`hostingParticipantsCount`): at least 1.
    pub(super) fn count(&self) -> usize {
        self.participants.len().max(1)
    }

    /// The threshold as a number of votes.
    pub(super) fn threshold(&self) -> usize {
        usize::try_from(self.threshold).unwrap_or(usize::MAX)
    }
}
