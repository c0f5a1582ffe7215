//! Rejections of the topology state as errors of a call (`TopologyTransactionRejection.toTopologyManagerError`).

use synod_topology::TopologyRejection;

use crate::errors::{AdminError, ErrorCode};

/// A serial that does not follow. `None` is how Canton writes one that was not given.
pub(super) fn serial_mismatch(actual: Option<u32>, expected: Option<u32>) -> AdminError {
    let text = |serial: Option<u32>| serial.map_or("None".to_owned(), |serial| format!("Some({serial})"));
    let cause = format!("The provided serial {} did not match the expected serial {}.", text(actual), text(expected));
    AdminError::new(ErrorCode::TOPOLOGY_SERIAL_MISMATCH, cause)
}

/// The error for a transaction that a store rejects.
pub(super) fn rejection_error(rejection: &TopologyRejection) -> AdminError {
    if let TopologyRejection::SerialMismatch { actual, expected } = rejection {
        return serial_mismatch(Some(*actual), Some(*expected));
    }
    AdminError::new(ErrorCode::of_rejection(rejection), cause(rejection))
}

/// Canton says some of them otherwise in an error than in a stored reason.
fn cause(rejection: &TopologyRejection) -> String {
    match rejection {
        TopologyRejection::OnboardingRestrictionInPlace { participant, .. } => {
            format!("The {participant} can not join the synchronizer because onboarding restrictions are in place")
        }
        TopologyRejection::NoCorrespondingActiveTxToRevoke { .. } => {
            "There is no active topology transaction matching the mapping of the revocation request".to_owned()
        }
        TopologyRejection::NamespaceHasBeenRevoked { namespace } => {
            format!("The namespace {namespace} has been revoked.")
        }
        TopologyRejection::NamespaceAlreadyInUse { namespace } => {
            format!("The namespace {namespace} is already in use by another entity.")
        }
        other => match other.reason().strip_prefix("Invalid mapping: ") {
            Some(description) => {
                format!("The topology transaction was rejected due to an invalid mapping: {description}")
            }
            None => other.reason(),
        },
    }
}
