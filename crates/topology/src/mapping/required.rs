//! Who has to sign which mapping (ch. 02 §1.5 and §2.3, `TopologyMapping.requiredAuth`).

use std::collections::BTreeSet;

use synod_crypto::SigningPublicKey;
use synod_types::{Fingerprint, Namespace};

use super::{
    DecentralizedNamespaceDefinition, HostingParticipant, Mapping, OwnerToKeyMapping, PartyToKeyMapping,
    PartyToParticipant, PublicKey, RequiredAuthorization,
};
use crate::Operation;

impl Mapping {
    /// Who has to sign a transaction with this mapping that follows `previous`, the open transaction of the unique key.
    /// `relaxed`: as at genesis, where a higher permission needs the party alone.
    ///
    /// Removals may be signed by the synchronizer's namespace instead; that is not part of this rule.
    #[must_use]
    pub fn required_authorization(&self, previous: Option<(Operation, &Self)>, relaxed: bool) -> RequiredAuthorization {
        let replaced = previous.filter(|(operation, _)| *operation == Operation::Replace).map(|(_, mapping)| mapping);
        match self {
            Self::DecentralizedNamespaceDefinition(mapping) => {
                definition(mapping, previous.map(|(_, mapping)| mapping))
            }
            Self::OwnerToKeyMapping(mapping) => owner_to_key(mapping, replaced),
            Self::PartyToKeyMapping(mapping) => party_to_key(mapping, replaced),
            Self::PartyToParticipant(mapping) => {
                let previous = match replaced {
                    Some(Self::PartyToParticipant(previous)) => Some(previous),
                    _ => None,
                };
                party_to_participant(mapping, previous, relaxed)
            }
            Self::ParticipantSynchronizerPermission(mapping) => {
                RequiredAuthorization::namespaces([mapping.synchronizer.uid().namespace()])
            }
            Self::PartyHostingLimits(mapping) => {
                RequiredAuthorization::namespaces([mapping.synchronizer.uid().namespace()])
            }
            _ => RequiredAuthorization::namespaces([self.namespace()]),
        }
    }
}

impl Mapping {
    /// Whether a signature by this key shows that its owner has it: the mapping lists it. Signatures by other keys, and by
    /// the key of a party's own namespace, are for namespaces (`TopologyManager.assignExpectedUsageToKeys`).
    #[must_use]
    pub fn proves_ownership(&self, key: &Fingerprint) -> bool {
        match self {
            Self::OwnerToKeyMapping(mapping) => mapping.keys().iter().any(|found| found.fingerprint() == key),
            Self::PartyToKeyMapping(mapping) => mapping.signing_keys.has_key(key),
            Self::PartyToParticipant(mapping) => {
                let is_listed = mapping.signing_keys.as_ref().is_some_and(|keys| keys.has_key(key));
                is_listed && key.as_str() != mapping.party.uid().namespace_str()
            }
            _ => false,
        }
    }
}

/// All owners at first; later the owners together, and each new one.
fn definition(mapping: &DecentralizedNamespaceDefinition, previous: Option<&Mapping>) -> RequiredAuthorization {
    match previous {
        Some(Mapping::DecentralizedNamespaceDefinition(previous)) if previous.namespace == mapping.namespace => {
            let added = mapping.owners.difference(&previous.owners).cloned();
            RequiredAuthorization::namespaces(added.chain([mapping.namespace.clone()]))
        }
        _ => RequiredAuthorization::namespaces(mapping.owners.iter().cloned()),
    }
}

fn owner_to_key(mapping: &OwnerToKeyMapping, replaced: Option<&Mapping>) -> RequiredAuthorization {
    let known: BTreeSet<&PublicKey> = match replaced {
        Some(Mapping::OwnerToKeyMapping(previous)) => previous.keys().iter().collect(),
        _ => BTreeSet::new(),
    };
    let added = mapping.keys().iter().filter(|key| matches!(key, PublicKey::Signing(_)) && !known.contains(key));
    let added = added.map(|key| key.fingerprint().clone());
    RequiredAuthorization::with_keys([mapping.member().uid().namespace()], added)
}

fn party_to_key(mapping: &PartyToKeyMapping, replaced: Option<&Mapping>) -> RequiredAuthorization {
    let keys = &mapping.signing_keys.keys;
    let added: Vec<&SigningPublicKey> = match replaced {
        Some(Mapping::PartyToKeyMapping(previous)) => keys.difference(&previous.signing_keys.keys).collect(),
        _ => keys.iter().collect(),
    };
    let added = added.into_iter().map(|key| key.fingerprint().clone());
    RequiredAuthorization::with_keys([mapping.party.uid().namespace()], added)
}

/// A rule for each thing that changed, all of which have to be fulfilled; the party when nothing did.
fn party_to_participant(
    mapping: &PartyToParticipant,
    previous: Option<&PartyToParticipant>,
    relaxed: bool,
) -> RequiredAuthorization {
    let party = mapping.party.uid().namespace();
    let by_party = || RequiredAuthorization::namespaces([party.clone()]);
    let before: &[HostingParticipant] = previous.map_or(&[], |previous| &previous.participants);
    let added_keys: BTreeSet<Fingerprint> = {
        let before = previous.map(PartyToParticipant::signing_fingerprints).unwrap_or_default();
        mapping.signing_fingerprints().difference(&before).cloned().collect()
    };
    let mut rules = Vec::new();
    if previous.map(|previous| previous.threshold) != Some(mapping.threshold) {
        rules.push(by_party());
    }
    if previous.and_then(|previous| previous.signing_keys.as_ref()) != mapping.signing_keys.as_ref() {
        rules.push(RequiredAuthorization::with_keys([party.clone()], added_keys));
    }
    let added = mapping.participants.iter().filter(|hosting| find(before, hosting).is_none());
    let added: Vec<Namespace> = added.map(namespace).collect();
    if !added.is_empty() {
        rules.push(RequiredAuthorization::namespaces(added.into_iter().chain([party.clone()])));
    }
    for hosting in &mapping.participants {
        if let Some(before) = find(before, hosting) {
            rules.extend(changed(&party, before, hosting, relaxed));
        }
    }
    for removed in before.iter().filter(|hosting| find(&mapping.participants, hosting).is_none()) {
        rules.push(by_party().or(RequiredAuthorization::namespaces([namespace(removed)])));
    }
    rules.into_iter().reduce(RequiredAuthorization::and).unwrap_or_else(by_party)
}

fn namespace(hosting: &HostingParticipant) -> Namespace {
    hosting.participant.uid().namespace()
}

fn find<'a>(among: &'a [HostingParticipant], hosting: &HostingParticipant) -> Option<&'a HostingParticipant> {
    among.iter().find(|found| found.participant == hosting.participant)
}

/// Rules for a participant that stays: of its onboarding, and of its permission.
fn changed(
    party: &Namespace,
    before: &HostingParticipant,
    after: &HostingParticipant,
    relaxed: bool,
) -> Vec<RequiredAuthorization> {
    let by_party = || RequiredAuthorization::namespaces([party.clone()]);
    let by_participant = || RequiredAuthorization::namespaces([namespace(after)]);
    let mut rules = Vec::new();
    match (before.onboarding, after.onboarding) {
        (true, false) => rules.push(by_participant()),
        (false, true) => rules.push(by_party()),
        _ => {}
    }
    match before.permission.cmp(&after.permission) {
        std::cmp::Ordering::Less if relaxed => rules.push(by_party()),
        std::cmp::Ordering::Less => rules.push(by_party().and(by_participant())),
        std::cmp::Ordering::Greater => rules.push(by_party().or(by_participant())),
        std::cmp::Ordering::Equal => {}
    }
    rules
}
