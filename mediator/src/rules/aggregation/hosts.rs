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

#[cfg(test)]
mod tests {
    use synod_testkit::requests::{Network, TestMember};
    use synod_topology::mapping::{HostingParticipant, Mapping, ParticipantPermission, PartyToParticipant};
    use synod_topology::{DynamicSynchronizerParameters, Operation, StaticSynchronizerParameters, TopologyState};
    use synod_types::{CantonTimestamp, MemberKind, ProtocolVersion};

    use super::*;

    /// A party of the participant's namespace, which it alone hosts.
    fn hosted(member: &TestMember, name: &str, threshold: u32, hosting: HostingParticipant) -> (LfParty, Mapping) {
        let party = PartyId::parse(&format!("{name}::{}", member.member().uid().namespace_str())).expect("a party");
        let mapping = PartyToParticipant::new(party.clone(), threshold, vec![hosting], None).expect("a threshold");
        (LfParty::parse(party.as_str(), "party").expect("a party"), Mapping::PartyToParticipant(mapping))
    }

    #[test]
    fn who_may_confirm_follows_from_the_topology() {
        let member = |kind, name| TestMember::new(kind, name);
        let (sequencer, mediator) = (member(MemberKind::Sequencer, "s"), member(MemberKind::Mediator, "m"));
        let host = member(MemberKind::Participant, "p");
        let participant = ParticipantId::try_from(host.member().clone()).expect("a participant");
        let with = |permission| HostingParticipant::new(participant.clone(), permission);
        let onboarding = HostingParticipant { onboarding: true, ..with(ParticipantPermission::Submission) };
        let parties = [
            hosted(&host, "confirmed", 1, with(ParticipantPermission::Confirmation)),
            hosted(&host, "impossible", 2, with(ParticipantPermission::Submission)),
            hosted(&host, "watched", 1, with(ParticipantPermission::Observation)),
            hosted(&host, "arriving", 1, onboarding),
        ];
        let network = Network::new(sequencer.clone());
        let parameters = DynamicSynchronizerParameters::default();
        let mut transactions = network.genesis(parameters, &[&sequencer], (1, &[&mediator]), &[&host]);
        for (_, mapping) in &parties {
            transactions.push(host.transaction(Operation::Replace, 1, mapping.clone()));
        }
        let fixed = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
        let mut state = TopologyState::new(network.psid().clone(), &fixed);
        let start = CantonTimestamp::EPOCH;
        let changes = state.apply(start, start, transactions, true);
        assert!(changes.validated.iter().all(|transaction| transaction.rejection.is_none()));

        let snapshot = state.snapshot(start.immediate_successor());
        let of = |party: &LfParty| {
            let hosts = ConfirmingHosts::of(&snapshot, party);
            assert!(hosts.participants.iter().all(|found| *found == participant));
            (hosts.threshold, hosts.participants.len())
        };
        assert_eq!(parties.each_ref().map(|(party, _)| of(party)), [(1, 1), (2, 1), (1, 0), (1, 0)]);
        let text = |text: &str| LfParty::parse(text, "party").expect("a party");
        assert_eq!(of(&text(host.member().uid().as_str())), (1, 1), "its own party");
        assert_eq!(of(&text(sequencer.member().uid().as_str())), (1, 0), "nobody hosts it");
        assert_eq!(of(&text("no identifier")), (1, 0));
    }
}
