//! What a mediator says, written down once more and not by the code that is tested.

use prost::Message as _;
use prost_types::Any;
use synod_mediator::messages::Verdict;
use synod_mediator::rules::{Alarm, AlarmKind, Outcome};
use synod_proto::google::rpc::{ErrorInfo, RetryInfo, Status, error_info};
use synod_proto::protocol::v30;
use synod_types::CantonTimestamp;
use synod_wire::versioned;

/// What participants learn of everything that is malformed.
const REDACTED: &str = "An error occurred. Please contact the operator and inquire about the request <no-correlation-id> with tid <no-tid>";

fn reject(reason: Status, is_malformed: bool) -> Verdict {
    let verdict = v30::MediatorReject { reason: Some(reason), is_malformed };
    let verdict = v30::Verdict { some_verdict: Some(v30::verdict::SomeVerdict::MediatorReject(verdict)) };
    Verdict::parse(&versioned::wrap(30, &verdict.encode_to_vec())).expect("a verdict")
}

fn entry(key: &str, value: &str) -> error_info::Entry {
    error_info::Entry { key: key.to_owned(), value: value.to_owned() }
}

fn info(reason: &str, metadata: Vec<error_info::Entry>) -> Any {
    let info = ErrorInfo { reason: reason.to_owned(), domain: String::new(), metadata };
    Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(), value: info.encode_to_vec() }
}

pub(crate) fn malformed() -> Verdict {
    reject(Status { code: 3, message: REDACTED.to_owned(), details: Vec::new() }, true)
}

pub(crate) fn invalid(cause: &str) -> Verdict {
    const ID: &str = "MEDIATOR_INVALID_MESSAGE";
    let details = vec![info(ID, vec![entry("category", "9")])];
    reject(Status { code: 9, message: format!("{ID}(9,0): {cause}"), details }, false)
}

pub(crate) fn duplicate(uuid: &str, until: CantonTimestamp) -> Verdict {
    const ID: &str = "DUPLICATE_CONFIRMATION_REQUEST_UUID";
    let until = until.to_string();
    let message = format!(
        "{ID}(5,0): The request UUID ({uuid}) is a duplicate of a previous request with an identical UUID. It cannot be \
         re-used until {until}."
    );
    // By length of key and value.
    let mut metadata = vec![entry("expireAfter", &until), entry("uuid", uuid)];
    metadata.sort_by_key(|entry| entry.key.len() + entry.value.len());
    metadata.push(entry("category", "5"));
    reject(Status { code: 3, message, details: vec![info(ID, metadata)] }, false)
}

pub(crate) fn timeout(unresponsive: &[String]) -> Verdict {
    const ID: &str = "MEDIATOR_SAYS_TX_TIMED_OUT";
    let message = format!(
        "{ID}(2,0): Rejected transaction as the mediator did not receive sufficient confirmations within the expected \
         timeframe."
    );
    let metadata = vec![entry("unresponsiveParties", &unresponsive.join(",")), entry("category", "2")];
    let retry = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 0 }) };
    let retry = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value: retry.encode_to_vec() };
    reject(Status { code: 10, message, details: vec![info(ID, metadata), retry] }, false)
}

pub(crate) fn kinds(alarms: &[Alarm]) -> Vec<AlarmKind> {
    alarms.iter().map(|alarm| alarm.kind).collect()
}

/// The verdicts are the same bytes.
pub(crate) fn assert_same(name: &str, found: &Verdict, expected: &Verdict) {
    assert_eq!(found.to_versioned_bytes(), expected.to_versioned_bytes(), "{name}: {found:?}");
}

/// Nothing was decided, sent or kept.
pub(crate) fn assert_silent(name: &str, outcome: &Outcome) {
    assert!(outcome.finalized.is_empty(), "{name}: {:?}", outcome.finalized);
    assert!(outcome.submissions.is_empty(), "{name}: {:?}", outcome.submissions);
    assert_eq!(outcome.opened, 0, "{name}");
}
