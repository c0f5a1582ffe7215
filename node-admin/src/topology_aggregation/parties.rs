//! Parties and the participants that host them (`GrpcTopologyAggregationService.listParties`,
//! `TopologyStore.determineValidParties`).

use std::collections::BTreeSet;

use synod_proto::topology::admin::v30::list_parties_response::Result as Listed;
use synod_proto::topology::admin::v30::list_parties_response::result::ParticipantSynchronizers;
use synod_proto::topology::admin::v30::list_parties_response::result::participant_synchronizers::SynchronizerPermissions;
use synod_topology::{InvalidMessage, LoadFault, Mapping, MappingCode, StaticSynchronizerParameters, TopologyState};
use synod_types::{ParticipantId, PartyId, UniqueIdentifier};
use thiserror::Error;

use super::Looked;

/// What says who hosts whom.
pub(super) const CODES: &[MappingCode] = &[
    MappingCode::PartyToParticipant,
    MappingCode::SynchronizerTrustCertificate,
    MappingCode::ParticipantSynchronizerPermission,
    MappingCode::SynchronizerParametersState,
];

/// A filter of the form `identifier` or `identifier::namespace`: alone the identifier has to begin like this, with a
/// namespace it has to be this, and the namespace to begin like that (`UniqueIdentifier.splitFilter`, `.matchesFilters`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UidFilter {
    identifier: String,
    namespace: Option<String>,
}

impl UidFilter {
    /// The filter; `None` for the empty one, which everything passes.
    pub(super) fn parse(filter: &str) -> Option<Self> {
        if filter.is_empty() {
            return None;
        }
        let mut parts = filter.trim_end_matches("::").split("::");
        let identifier = parts.next().unwrap_or_default().to_owned();
        Some(Self { identifier, namespace: parts.next().map(ToOwned::to_owned) })
    }

    fn matches(&self, uid: &UniqueIdentifier) -> bool {
        match &self.namespace {
            Some(namespace) => {
                uid.identifier() == self.identifier && uid.namespace().as_str().starts_with(namespace.as_str())
            }
            None => uid.identifier().starts_with(&self.identifier),
        }
    }
}

/// Which parties are listed.
#[derive(Debug)]
pub(super) struct PartyFilter {
    pub(super) party: Option<UidFilter>,
    /// One of the hosts is such a one.
    pub(super) participant: Option<UidFilter>,
    /// At most so many.
    pub(super) limit: usize,
}

impl PartyFilter {
    fn matches(&self, party: &PartyId, hosts: &[ParticipantId]) -> bool {
        self.party.as_ref().is_none_or(|filter| filter.matches(party.uid()))
            && self.participant.as_ref().is_none_or(|filter| hosts.iter().any(|host| filter.matches(host.uid())))
    }
}

/// The rows that are stored cannot be read.
#[derive(Debug, Error)]
pub(super) enum PartiesFault {
    /// One of them.
    #[error("a stored topology row cannot be read")]
    Row(#[from] InvalidMessage),
    /// They make no state.
    #[error("the stored topology rows make no state")]
    Load(#[from] LoadFault),
}

/// The parties that hostings and trust certificates name, in the order in which these came, and who hosts them. A party
/// whose hosts are not active is listed without them.
pub(super) fn list(looked: &Looked, filter: &PartyFilter) -> Result<Vec<Listed>, PartiesFault> {
    let matching = matching(looked, filter)?;
    let version = looked.psid.protocol_version();
    // Nothing that is asked depends on static parameters.
    let mut topology = TopologyState::new(looked.psid.clone(), &StaticSynchronizerParameters::jce_defaults(version));
    topology.load(looked.rows.clone())?;
    let snapshot = topology.snapshot(looked.as_of);
    let listed = matching.into_iter().map(|party| {
        let hosting = snapshot.hosting(&party);
        let hosts = hosting.into_iter().flat_map(|hosting| hosting.participants);
        let participants = hosts.map(|(participant, attributes)| ParticipantSynchronizers {
            participant_uid: participant.uid().as_str().to_owned(),
            synchronizers: vec![SynchronizerPermissions {
                synchronizer_id: looked.psid.logical().to_string(),
                permission: attributes.permission.number(),
                physical_synchronizer_id: looked.psid.to_string(),
            }],
        });
        Listed { party: party.as_str().to_owned(), participants: participants.collect() }
    });
    Ok(listed.collect())
}

fn matching(looked: &Looked, filter: &PartyFilter) -> Result<Vec<PartyId>, PartiesFault> {
    let (mut seen, mut matching) = (BTreeSet::new(), Vec::new());
    for row in looked.in_force() {
        if matching.len() >= filter.limit {
            break;
        }
        if !matches!(row.code, MappingCode::PartyToParticipant | MappingCode::SynchronizerTrustCertificate) {
            continue;
        }
        let signed = row.transaction()?;
        let (party, hosts) = match signed.transaction().mapping() {
            Mapping::PartyToParticipant(hosting) => {
                let hosts = hosting.participants.iter().map(|host| host.participant.clone());
                (hosting.party.clone(), hosts.collect())
            }
            Mapping::SynchronizerTrustCertificate(certificate) => {
                (PartyId::new(certificate.participant.uid().clone()), vec![certificate.participant.clone()])
            }
            _ => continue,
        };
        if filter.matches(&party, &hosts) && seen.insert(party.clone()) {
            matching.push(party);
        }
    }
    Ok(matching)
}
