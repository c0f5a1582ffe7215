//! What a mapping is about, in a few words.

use std::fmt::Display;

use synod_topology::mapping::{DelegationRestriction, ParticipantPermission, PublicKey, SigningKeysWithThreshold};
use synod_topology::{DynamicSynchronizerParameters, Mapping, MappingCode};

/// What the mapping is about: two mappings of a kind with the same subject replace each other.
pub(super) fn subject(mapping: &Mapping) -> String {
    match mapping {
        Mapping::NamespaceDelegation(inner) => format!("{} to {}", inner.namespace, inner.target.fingerprint()),
        Mapping::DecentralizedNamespaceDefinition(inner) => inner.namespace.to_string(),
        Mapping::OwnerToKeyMapping(inner) => inner.member().to_string(),
        Mapping::SynchronizerTrustCertificate(inner) => inner.participant.to_string(),
        Mapping::ParticipantSynchronizerPermission(inner) => inner.participant.to_string(),
        Mapping::PartyHostingLimits(inner) => inner.party.to_string(),
        Mapping::VettedPackages(inner) => inner.participant.to_string(),
        Mapping::PartyToParticipant(inner) => inner.party.to_string(),
        Mapping::SynchronizerParametersState(inner) => inner.synchronizer.to_string(),
        Mapping::MediatorSynchronizerState(inner) => format!("group {}", inner.group.as_i32()),
        Mapping::SequencerSynchronizerState(inner) => inner.synchronizer.to_string(),
        Mapping::SequencingParametersState(inner) => inner.synchronizer.to_string(),
        Mapping::PartyToKeyMapping(inner) => inner.party.to_string(),
        Mapping::LsuAnnouncement(inner) => inner.successor.to_string(),
        Mapping::LsuSequencerConnectionSuccessor(inner) => inner.sequencer.to_string(),
    }
}

/// What the mapping says about its subject.
pub(super) fn details(mapping: &Mapping) -> String {
    match mapping {
        Mapping::NamespaceDelegation(inner) => restriction(&inner.restriction),
        Mapping::DecentralizedNamespaceDefinition(inner) => {
            format!("{} of {}", inner.threshold, list(&inner.owners))
        }
        Mapping::OwnerToKeyMapping(inner) => list(inner.keys().iter().map(PublicKey::fingerprint)),
        Mapping::SynchronizerTrustCertificate(inner) => format!("joins {}", inner.synchronizer),
        Mapping::ParticipantSynchronizerPermission(inner) => {
            let after = inner.login_after.map(|after| format!(", login after {after}")).unwrap_or_default();
            format!("{}{after}", permission(inner.permission))
        }
        Mapping::PartyHostingLimits(inner) => format!("on {}", inner.synchronizer),
        Mapping::VettedPackages(inner) => format!("{} packages", inner.packages.len()),
        Mapping::PartyToParticipant(inner) => {
            let hosts = inner.participants.iter();
            let hosts = hosts.map(|host| format!("{} ({})", host.participant, permission(host.permission)));
            let keys = inner.signing_keys.as_ref().map(|keys| format!(", signs with {}", signing_keys(keys)));
            format!("{} of {}{}", inner.threshold, list(hosts), keys.unwrap_or_default())
        }
        Mapping::SynchronizerParametersState(inner) => parameters(&inner.parameters),
        Mapping::MediatorSynchronizerState(inner) => group(inner.threshold, &inner.active, &inner.observers),
        Mapping::SequencerSynchronizerState(inner) => group(inner.threshold, &inner.active, &inner.observers),
        Mapping::SequencingParametersState(inner) => {
            format!("{} bytes", inner.payload.as_ref().map_or(0, bytes::Bytes::len))
        }
        Mapping::PartyToKeyMapping(inner) => signing_keys(&inner.signing_keys),
        Mapping::LsuAnnouncement(inner) => format!("at {}", inner.upgrade_time),
        Mapping::LsuSequencerConnectionSuccessor(inner) => format!("of {}", inner.successor),
    }
}

/// What a participant may do, in the words of `--permission`.
pub(crate) const fn permission(permission: ParticipantPermission) -> &'static str {
    match permission {
        ParticipantPermission::Submission => "submission",
        ParticipantPermission::Confirmation => "confirmation",
        ParticipantPermission::Observation => "observation",
    }
}

fn restriction(restriction: &DelegationRestriction) -> String {
    match restriction {
        DelegationRestriction::CanSignAllMappings => "all mappings".to_owned(),
        DelegationRestriction::CanSignAllButNamespaceDelegations => "all but namespace delegations".to_owned(),
        DelegationRestriction::CanSignSpecificMappings(codes) => {
            list(codes.iter().map(|code: &MappingCode| code.short_code()))
        }
    }
}

fn group(threshold: u32, active: &[impl Display], observers: &[impl Display]) -> String {
    let observers = if observers.is_empty() { String::new() } else { format!(", observers {}", list(observers)) };
    format!("{threshold} of {}{observers}", list(active))
}

fn signing_keys(keys: &SigningKeysWithThreshold) -> String {
    format!("{} of {}", keys.threshold, list(keys.keys.iter().map(|key| key.fingerprint())))
}

fn parameters(parameters: &DynamicSynchronizerParameters) -> String {
    let traffic = if parameters.traffic_control.is_some() { "on" } else { "off" };
    format!(
        "onboarding {}, decision in {:?}, requests to {} bytes, traffic control {traffic}",
        parameters.onboarding_restriction,
        parameters.decision_timeout(),
        parameters.max_request_size
    )
}

fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let texts: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if texts.is_empty() { "nobody".to_owned() } else { texts.join(", ") }
}
