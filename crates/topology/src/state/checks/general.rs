//! Checks of all mappings.

use super::super::candidate::Candidate;
use super::super::graph::is_root_certificate;
use crate::{Mapping, MappingCode, Operation, TopologyRejection};

/// Row 1. A root certificate may be removed before it is there: that blocks the namespace.
pub(super) fn removes_something(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let transaction = candidate.transaction.transaction();
    if transaction.operation() == Operation::Replace || candidate.in_store.is_some() {
        return Ok(());
    }
    match transaction.mapping() {
        Mapping::NamespaceDelegation(delegation)
            if is_root_certificate(delegation, candidate.transaction.signing_fingerprints()) =>
        {
            Ok(())
        }
        mapping => Err(TopologyRejection::NoCorrespondingActiveTxToRevoke { code: mapping.code() }),
    }
}

/// Row 2.
pub(super) fn leaves_room_for_a_removal(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let transaction = candidate.transaction.transaction();
    let is_last = transaction.serial() >= i32::MAX.cast_unsigned();
    if transaction.operation() == Operation::Replace && is_last {
        return Err(TopologyRejection::ReplaceWithMaxSerial);
    }
    Ok(())
}

/// Row 3. Of trust certificates only the unique key has to be the same, which it always is.
pub(super) fn removes_what_is_there(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let transaction = candidate.transaction.transaction();
    let is_certificate = transaction.mapping().code() == MappingCode::SynchronizerTrustCertificate;
    match candidate.in_store {
        Some(open)
            if transaction.operation() == Operation::Remove
                && !is_certificate
                && *open.mapping != *transaction.mapping() =>
        {
            Err(TopologyRejection::RemoveMustNotChangeMapping)
        }
        _ => Ok(()),
    }
}

/// Row 4. Once a successor is announced, only what concerns it may change.
pub(super) fn is_not_frozen(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let code = candidate.transaction.transaction().mapping().code();
    let concerns_successor =
        matches!(code, MappingCode::LsuAnnouncement | MappingCode::LsuSequencerConnectionSuccessor);
    match candidate.head.announcement().filter(|announcement| announcement.successor > candidate.head.psid) {
        Some(announcement) if !concerns_successor => Err(TopologyRejection::AnnouncedLsuTopologyFreeze {
            synchronizer: announcement.successor.logical().clone(),
        }),
        _ => Ok(()),
    }
}

/// Row 20.
pub(super) fn cannot_be_removed(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    Err(TopologyRejection::CannotRemoveMapping { code: candidate.transaction.transaction().mapping().code() })
}
