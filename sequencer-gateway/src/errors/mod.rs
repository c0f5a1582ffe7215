//! Errors of calls as Canton encodes them.

mod status;
mod trace_id;

pub(crate) use status::{CallContext, PROTO_DESERIALIZATION_FAILURE, SERVER_OVERLOADED, TOMBSTONE_ENCOUNTERED};
pub(crate) use trace_id::TraceId;
