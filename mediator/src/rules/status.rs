//! The reasons that a mediator gives by itself, as the exact `google.rpc.Status` of Canton (chapter 04 §4.2,
//! `MediatorError`).

use bytes::Bytes;
use prost::Message as _;
use synod_proto::google::rpc::Status;
use synod_types::CantonTimestamp;
use synod_wire::status;

use crate::messages::{RequestUuid, Verdict};

/// Somebody has broken the protocol (`MalformedMessage`). Why is never said.
#[must_use]
pub fn malformed() -> Verdict {
    reject(status::mediator_malformed_message(), true)
}

/// The request cannot be processed, which may be nobody's fault (`InvalidMessage`). The cause is cut to 512 characters.
#[must_use]
pub fn invalid(cause: &str) -> Verdict {
    reject(status::mediator_invalid_message(cause), false)
}

/// Not enough was confirmed in time. `unresponsive`: the parties that are not decided, each once, sorted.
#[must_use]
pub fn timeout(unresponsive: &[&str]) -> Verdict {
    reject(status::mediator_timeout(&unresponsive.join(",")), false)
}

/// The request repeats the uuid of an earlier one, which may not be used again until `expire_after`.
#[must_use]
pub fn duplicate(uuid: &RequestUuid, expire_after: CantonTimestamp) -> Verdict {
    reject(status::mediator_duplicate_request(&uuid.to_string(), expire_after), false)
}

fn reject(status: Bytes, is_malformed: bool) -> Verdict {
    let reason = Status::decode(status).expect("our own status is well formed");
    Verdict::MediatorReject { reason, is_malformed }
}
