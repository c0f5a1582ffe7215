//! What has to hold for a transaction apart from signatures (ch. 02 §2.5, `RequiredTopologyMappingChecks`).
//!
//! One function for each row of the table, in its order. The first failing check wins.

mod delegations;
mod general;
mod groups;
mod keys;
mod parties;
mod successor;
mod trust_certificate;

use super::candidate::Candidate;
use crate::{MappingCode, Operation, TopologyRejection};

type Check = fn(&Candidate<'_>) -> Result<(), TopologyRejection>;

/// Rows 1 to 4: of all mappings.
const GENERAL: &[Check] = &[
    general::removes_something,
    general::leaves_room_for_a_removal,
    general::removes_what_is_there,
    general::is_not_frozen,
];

/// Rows 5 to 22: of one kind.
const fn of_kind(code: MappingCode, operation: Operation) -> &'static [Check] {
    match (code, operation) {
        (MappingCode::SynchronizerTrustCertificate, Operation::Replace) => &[
            trust_certificate::does_not_rejoin,
            trust_certificate::is_not_a_party,
            trust_certificate::has_parameters,
            trust_certificate::is_not_locked_out,
            trust_certificate::is_permitted,
            trust_certificate::has_keys,
        ],
        (MappingCode::PartyToParticipant, Operation::Replace) => &[
            parties::is_not_a_participant,
            parties::participants_are_known,
            parties::participants_have_keys,
            parties::own_namespace_is_not_revoked,
        ],
        (MappingCode::OwnerToKeyMapping, Operation::Replace) => {
            &[keys::are_not_registered_again, keys::include_a_signing_key, keys::include_an_encryption_key]
        }
        (MappingCode::OwnerToKeyMapping, Operation::Remove) => &[keys::are_not_used],
        (MappingCode::MediatorSynchronizerState, Operation::Replace) => {
            &[groups::mediators_are_in_no_other_group, groups::mediators_have_keys]
        }
        (MappingCode::SequencerSynchronizerState, Operation::Replace) => &[groups::sequencers_have_keys],
        (MappingCode::DecentralizedNamespaceDefinition, Operation::Replace) => &[
            delegations::is_named_after_its_owners,
            delegations::has_no_delegations,
            delegations::owners_have_root_certificates,
        ],
        (MappingCode::NamespaceDelegation, Operation::Replace) => {
            &[delegations::is_not_decentralized, delegations::was_not_revoked]
        }
        (MappingCode::SynchronizerParametersState, Operation::Remove) => &[general::cannot_be_removed],
        (MappingCode::LsuAnnouncement, Operation::Replace) => &[successor::is_greater, successor::takes_over_later],
        (MappingCode::LsuSequencerConnectionSuccessor, Operation::Replace) => &[successor::is_announced],
        _ => &[],
    }
}

/// Applies all checks.
pub(crate) fn check(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let transaction = candidate.transaction.transaction();
    let of_kind = of_kind(transaction.mapping().code(), transaction.operation());
    GENERAL.iter().chain(of_kind).try_for_each(|check| check(candidate))
}

/// The mapping of the candidate, which is of this kind: the table says so.
macro_rules! mapping_of {
    ($candidate:expr, $kind:ident) => {
        match $candidate.transaction.transaction().mapping() {
            $crate::Mapping::$kind(mapping) => mapping,
            _ => return Ok(()),
        }
    };
}

/// The mapping that the candidate replaces, if it is of this kind and no removal.
macro_rules! replaced {
    ($candidate:expr, $kind:ident) => {
        match $candidate.in_store {
            Some(open) if open.row.operation == $crate::Operation::Replace => match open.mapping.as_ref() {
                $crate::Mapping::$kind(mapping) => Some(mapping),
                _ => None,
            },
            _ => None,
        }
    };
}

use {mapping_of, replaced};
