//! Errors of the administration API as Canton encodes them.

mod code;
mod status;

pub(crate) use code::ErrorCode;
pub(crate) use status::{AdminError, Trace};

/// A message that is not what it should be, and what is wrong with it.
pub(crate) fn malformed(reason: impl ToString) -> AdminError {
    AdminError::new(ErrorCode::PROTO_DESERIALIZATION_FAILURE, "Deserialization of protobuf message failed")
        .with("reason", reason.to_string())
}

/// The node could not do it: the cause goes to the log, not to the caller.
pub(crate) fn fault(cause: &(dyn std::error::Error + 'static)) -> AdminError {
    tracing::error!(cause = %synod_runtime::Chain(cause), "an administration call failed");
    AdminError::new(ErrorCode::TOPOLOGY_MANAGER_INTERNAL_ERROR, "")
}
