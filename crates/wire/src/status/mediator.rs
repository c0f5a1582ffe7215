//! Why a mediator rejects a request by itself (chapter 04 §4.2, `MediatorError`): the reasons inside of its verdicts.

use bytes::Bytes;
use synod_types::CantonTimestamp;

use super::{Code, REDACTED, encode};

const INVALID_ARGUMENT: i32 = 3;

/// A code that nothing but its cause goes with.
const fn plain(id: &'static str, category: u8, grpc: i32, retry_seconds: Option<i64>) -> Code {
    Code { id, category, grpc, outer: "", retry_seconds }
}

/// `MEDIATOR_SAYS_TX_TIMED_OUT`: these parties, joined by commas, did not answer in time.
#[must_use]
pub fn mediator_timeout(unresponsive_parties: &str) -> Bytes {
    const CAUSE: &str = "Rejected transaction as the mediator did not receive sufficient confirmations within the \
                         expected timeframe.";
    plain("MEDIATOR_SAYS_TX_TIMED_OUT", 2, 10, Some(1)).with_context(
        CAUSE,
        &[("unresponsiveParties", unresponsive_parties)],
        None,
    )
}

/// `MEDIATOR_INVALID_MESSAGE`: the request cannot be processed, and nobody has to have broken the protocol.
#[must_use]
pub fn mediator_invalid_message(cause: &str) -> Bytes {
    plain("MEDIATOR_INVALID_MESSAGE", 9, 9, None).with_context(cause, &[], None)
}

/// `MEDIATOR_RECEIVED_MALFORMED_MESSAGE`, of which nobody learns the cause.
#[must_use]
pub fn mediator_malformed_message() -> Bytes {
    encode(INVALID_ARGUMENT, REDACTED.to_owned(), Vec::new())
}

/// `DUPLICATE_CONFIRMATION_REQUEST_UUID`: another request had the same identity, which is free again after this time.
#[must_use]
pub fn mediator_duplicate_request(uuid: &str, expire_after: CantonTimestamp) -> Bytes {
    let until = expire_after.to_string();
    let cause = format!(
        "The request UUID ({uuid}) is a duplicate of a previous request with an identical UUID. It cannot be re-used \
         until {until}."
    );
    plain("DUPLICATE_CONFIRMATION_REQUEST_UUID", 5, INVALID_ARGUMENT, None).with_context(
        &cause,
        &[("uuid", uuid), ("expireAfter", &until)],
        None,
    )
}
