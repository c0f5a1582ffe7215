//! Rejections of the topology state as errors of a call (`TopologyTransactionRejection.toTopologyManagerError`).

use synod_topology::TopologyRejection;

use crate::errors::{AdminError, ErrorCode};

/// A serial that does not follow. `None` is how Canton writes one that was not given.
pub(super) fn serial_mismatch(actual: Option<u32>, expected: Option<u32>) -> AdminError {
    let text = |serial: Option<u32>| serial.map_or("None".to_owned(), |serial| format!("Some({serial})"));
    let cause = format!("The provided serial {} did not match the expected serial {}.", text(actual), text(expected));
    AdminError::new(ErrorCode::TOPOLOGY_SERIAL_MISMATCH, cause)
}

/// The error for a transaction that a local store rejects: only serials and signatures are judged there.
pub(super) fn rejection_error(rejection: &TopologyRejection) -> AdminError {
    match rejection {
        TopologyRejection::SerialMismatch { actual, expected } => serial_mismatch(Some(*actual), Some(*expected)),
        TopologyRejection::MultiTransactionHashMismatch { .. } => {
            AdminError::new(ErrorCode::TOPOLOGY_MULTI_TRANSACTION_HASH_MISMATCH, rejection.reason())
        }
        TopologyRejection::NotAuthorizedByNamespaceKey
        | TopologyRejection::NotFullyAuthorized { .. }
        | TopologyRejection::NoDelegationFoundForKeys { .. } => {
            AdminError::new(ErrorCode::TOPOLOGY_UNAUTHORIZED_TRANSACTION, rejection.reason())
        }
        TopologyRejection::SignatureCheckFailed(_) => {
            AdminError::new(ErrorCode::TOPOLOGY_INVALID_TX_SIGNATURE, rejection.reason())
        }
        other => AdminError::new(ErrorCode::TOPOLOGY_MANAGER_ALARM, other.reason()),
    }
}
