//! `google.rpc.Status` of sequencer errors, byte for byte as Canton makes them without a logging context
//! (chapter 03 §1.4 with correction C, `SequencerErrors`, `SerializableErrorComponents`).
//!
//! Each function returns the encoded message, as an event and the store hold it.

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use synod_proto::google::rpc::{ErrorInfo, RetryInfo, Status, error_info::Entry};
use synod_proto::protocol::v30::VersionedStatus;
use synod_types::{CantonTimestamp, Member, MessageId};

use crate::versioned;

/// Longest cause in the text, in UTF-16 units.
const MAX_CAUSE_UNITS: usize = 512;
/// Most bytes of a status.
const MAX_STATUS_BYTES: usize = 4096;
/// What a tag and a length are counted as, in bytes.
const TAG_BYTES: usize = 5;
/// Characters of a fingerprint that texts show.
const SHOWN_FINGERPRINT: usize = 12;
/// What is sent instead of details that are nobody's business.
const REDACTED: &str = "An error occurred. Please contact the operator and inquire about the request \
                        <no-correlation-id> with tid <no-tid>";

/// An error code of Canton: its id, category, gRPC code, and the name of the object that raises it.
struct Code {
    id: &'static str,
    category: u8,
    grpc: i32,
    outer: &'static str,
    retry_seconds: Option<i64>,
}

const fn refusal(id: &'static str, outer: &'static str) -> Code {
    Code { id, category: 9, grpc: 9, outer, retry_seconds: None }
}

impl Code {
    /// The status with the context that the JVM finds by reflection: the object's name and the cause.
    fn status(&self, cause: &str) -> Bytes {
        let mut context = vec![("outer", self.outer.to_owned()), ("message1", cause.to_owned())];
        context.retain(|(_, value)| !value.is_empty());
        self.with_context(cause, context, &[("definite_answer", "true")])
    }

    /// The status with a context of its own. The sorting is stable: entries of equal size stay in their order.
    fn with_context(&self, cause: &str, mut context: Vec<(&str, String)>, fixed: &[(&str, &str)]) -> Bytes {
        context.sort_by_key(|(key, value)| key.len() + units(value));
        let message = message(self.id, self.category, cause);
        let retry = self
            .retry_seconds
            .map(|seconds| any(&RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) }));
        let category = self.category.to_string();
        let budget = budget(&message, self.id, fixed, &category, retry.as_ref(), context.len());
        let mut metadata = truncate(context, budget);
        metadata.extend(fixed.iter().map(|(key, value)| entry(key, value)));
        metadata.push(entry("category", &category));
        let info = any(&ErrorInfo { reason: self.id.to_owned(), domain: String::new(), metadata });
        encode(self.grpc, message, [info].into_iter().chain(retry).collect())
    }
}

/// How many bytes are left for the context.
fn budget(
    message: &str,
    id: &str,
    fixed: &[(&str, &str)],
    category: &str,
    retry: Option<&Any>,
    entries: usize,
) -> usize {
    let packing = any(&ErrorInfo::default()).encoded_len();
    let texts =
        [message, id, "category", category].into_iter().chain(fixed.iter().flat_map(|(key, value)| [*key, *value]));
    let mandatory = 1
        + TAG_BYTES
        + texts.map(|text| text.len() + TAG_BYTES).sum::<usize>()
        + retry.map_or(0, |retry| retry.encoded_len() + TAG_BYTES)
        + packing;
    MAX_STATUS_BYTES.saturating_sub(mandatory + 2 * TAG_BYTES * entries)
}

/// Shortens the context to a budget: each entry may use its share of what is left.
fn truncate(context: Vec<(&str, String)>, budget: usize) -> Vec<Entry> {
    let (count, mut free) = (context.len(), budget);
    let mut kept = Vec::with_capacity(count);
    for (index, (key, value)) in context.into_iter().enumerate() {
        let share = free / (count - index);
        let (key, value) = if key.len() + units(&value) <= share {
            (key.to_owned(), value)
        } else if share > 7 {
            let key = shorten(key, share / 2);
            let value = shorten(&value, share - units(&key));
            (key, value)
        } else {
            continue;
        };
        let size = key.len() + value.len();
        if size <= share {
            free -= size;
            kept.push(Entry { key, value });
        }
    }
    kept
}

/// Cut to `limit` UTF-16 units, dots included.
fn shorten(text: &str, limit: usize) -> String {
    if units(text) > limit { format!("{}...", take_units(text, limit.saturating_sub(3))) } else { text.to_owned() }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn take_units(text: &str, limit: usize) -> &str {
    let mut count = 0;
    for (at, character) in text.char_indices() {
        count += character.len_utf16();
        if count > limit {
            return &text[..at];
        }
    }
    text
}

/// `ID(category,0): cause`, the cause cut.
fn message(id: &str, category: u8, cause: &str) -> String {
    let cut = take_units(cause, MAX_CAUSE_UNITS);
    let dots = if cut.len() < cause.len() { "..." } else { "" };
    format!("{id}({category},0): {cut}{dots}")
}

fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.to_owned(), value: value.to_owned() }
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn encode(code: i32, message: String, details: Vec<Any>) -> Bytes {
    Status { code, message, details }.encode_to_vec().into()
}

/// A member as texts show it: `PAR::name::` and the first characters of the fingerprint.
#[must_use]
pub fn short_member(member: &Member) -> String {
    let (identifier, namespace) = (member.uid().identifier(), member.uid().namespace_str());
    let kind = member.kind().code();
    match namespace.get(..SHOWN_FINGERPRINT) {
        Some(shown) if namespace.len() > SHOWN_FINGERPRINT => format!("{kind}::{identifier}::{shown}..."),
        _ => format!("{kind}::{identifier}::{namespace}"),
    }
}

fn short_members(members: &[Member]) -> String {
    members.iter().map(short_member).collect::<Vec<_>>().join(", ")
}

macro_rules! with_cause {
    ($($(#[$doc:meta])* $name:ident = $code:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(cause: &str) -> Bytes {
            $code.status(cause)
        }
    )*};
}

with_cause! {
    /// `SEQUENCER_SUBMISSION_REQUEST_REFUSED`
    submission_request_refused = refusal("SEQUENCER_SUBMISSION_REQUEST_REFUSED", "SubmissionRequestRefused");
    /// `SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME`
    passed_upgrade_time = refusal("SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME", "PassedUpgradeTime");
    /// `SEQUENCER_AGGREGATE_INVALID_RULE`
    aggregate_submission_invalid_rule = refusal("SEQUENCER_AGGREGATE_INVALID_RULE", "AggregateSubmissionInvalidRule");
    /// `SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT` as an event says it.
    aggregate_submission_already_sent =
        refusal("SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT", "AggregateSubmissionAlreadySent");
    /// `SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT` as a call is answered.
    aggregate_submission_already_sent_v2 = Code {
        id: "SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT",
        category: 10,
        grpc: 6,
        outer: "AggregateSubmissionAlreadySentV2",
        retry_seconds: None,
    };
    /// `SEQUENCER_AGGREGATE_SUBMISSION_STUFFING`
    aggregate_submission_stuffing = refusal("SEQUENCER_AGGREGATE_SUBMISSION_STUFFING", "AggregateSubmissionStuffing");
    /// `OUTDATED_TRAFFIC_COST`
    outdated_traffic_cost = refusal("OUTDATED_TRAFFIC_COST", "OutdatedTrafficCost");
    /// `SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT`
    traffic_credit = refusal("SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT", "TrafficCredit");
    /// `SEQUENCER_INTERNAL_TESTING`
    internal_testing = Code {
        id: "SEQUENCER_INTERNAL_TESTING",
        category: 8,
        grpc: 3,
        outer: "InternalTesting",
        retry_seconds: None,
    };
    /// `SEQUENCER_OVERLOADED`
    overloaded =
        Code { id: "SEQUENCER_OVERLOADED", category: 2, grpc: 10, outer: "Overloaded", retry_seconds: Some(1) };
    /// `SEQUENCER_UNAVAILABLE`
    unavailable =
        Code { id: "SEQUENCER_UNAVAILABLE", category: 1, grpc: 14, outer: "Unavailable", retry_seconds: Some(1) };
}

/// `SEQUENCER_SUBMISSION_REQUEST_MALFORMED`. Five entries: the JVM's map then has an order of its own.
#[must_use]
pub fn submission_request_malformed(sender: &str, message_id: &str, error: &str) -> Bytes {
    const ID: &str = "SEQUENCER_SUBMISSION_REQUEST_MALFORMED";
    let cause = format!("Send request [{message_id}] from sender [{sender}] is malformed. Discarding request. {error}");
    let fixed = [("definite_answer", "false")];
    let mut context: Vec<(&str, String)> =
        vec![("error", error.to_owned()), ("messageId", message_id.to_owned()), ("sender", sender.to_owned())];
    context.retain(|(_, value)| !value.is_empty());
    context.sort_by_key(|(key, value)| key.len() + units(value));
    let message = message(ID, 5, &cause);
    let budget = budget(&message, ID, &fixed, "5", None, context.len());
    let mut metadata = truncate(context, budget);
    metadata.extend([entry("definite_answer", "false"), entry("category", "5")]);
    if metadata.len() == 5 {
        const ORDER: [&str; 5] = ["error", "messageId", "category", "sender", "definite_answer"];
        metadata.sort_by_key(|entry| ORDER.iter().position(|key| *key == entry.key));
    }
    encode(3, message, vec![any(&ErrorInfo { reason: ID.to_owned(), domain: String::new(), metadata })])
}

/// `SEQUENCER_TOPOLOGY_TIMESTAMP_TOO_EARLY`. (The text has Canton's spelling.)
#[must_use]
pub fn topology_timestamp_too_early(topology: CantonTimestamp, sequencing: CantonTimestamp) -> Bytes {
    refusal("SEQUENCER_TOPOLOGY_TIMESTAMP_TOO_EARLY", "TopologyTimestampTooEarly")
        .status(&format!("Topology timstamp {topology} is too early for sequencing time {sequencing}."))
}

/// `SEQUENCER_TOPOLOGY_TIMESTAMP_AFTER_SEQUENCING_TIMESTAMP`
#[must_use]
pub fn topology_timestamp_after_sequencing_timestamp(topology: CantonTimestamp, sequencing: CantonTimestamp) -> Bytes {
    refusal("SEQUENCER_TOPOLOGY_TIMESTAMP_AFTER_SEQUENCING_TIMESTAMP", "TopologyTimestampAfterSequencingTimestamp")
        .status(&format!(
            "Invalid topology timestamp {topology}. The topology timestamp must be before or at {sequencing}."
        ))
}

/// `SEQUENCER_MAX_SEQUENCING_TIME_TOO_FAR`
#[must_use]
pub fn max_sequencing_time_too_far(message_id: &MessageId, max: CantonTimestamp, bound: CantonTimestamp) -> Bytes {
    refusal("SEQUENCER_MAX_SEQUENCING_TIME_TOO_FAR", "MaxSequencingTimeTooFar").status(&format!(
        "Max sequencing time {max} for submission with id {message_id} is too far in the future, currently bounded at \
         {bound}"
    ))
}

/// `SEQUENCER_UNKNOWN_RECIPIENTS`
#[must_use]
pub fn unknown_recipients(members: &[Member]) -> Bytes {
    refusal("SEQUENCER_UNKNOWN_RECIPIENTS", "UnknownRecipients")
        .status(&format!("Unknown recipients: {}", short_members(members)))
}

/// `SEQUENCER_SENDER_UNKNOWN`
#[must_use]
pub fn sender_unknown(members: &[Member]) -> Bytes {
    refusal("SEQUENCER_SENDER_UNKNOWN", "SenderUnknown")
        .status(&format!("(Eligible) Senders are unknown: {}", short_members(members)))
}

/// `MAX_SEQUENCING_TIME_EXCEEDED`, with the time by which it is exceeded as Canton writes durations.
#[must_use]
pub fn max_sequencing_time_exceeded(now: CantonTimestamp, max: CantonTimestamp, by: &str, message: &str) -> Bytes {
    let code = Code { id: "MAX_SEQUENCING_TIME_EXCEEDED", category: 2, grpc: 10, outer: "", retry_seconds: Some(1) };
    let cause = format!(
        "The sequencer time [{now}] has exceeded by {by} the max-sequencing-time of the send request [{max}]: {message}"
    );
    let context =
        vec![("message", message.to_owned()), ("ts", now.to_string()), ("maxSequencingTime", max.to_string())];
    code.with_context(&cause, context, &[])
}

/// `SEQUENCER_INTERNAL`, redacted.
#[must_use]
pub fn internal() -> Bytes {
    encode(13, REDACTED.to_owned(), Vec::new())
}

/// `SEQUENCER_UNIMPLEMENTED`, redacted.
#[must_use]
pub fn unsupported_feature() -> Bytes {
    encode(12, REDACTED.to_owned(), Vec::new())
}

/// A status as Canton's store has it: a versioned message around it.
#[must_use]
pub fn to_versioned_bytes(status: &Bytes) -> Bytes {
    // A status that does not decode is not one of ours; it is wrapped as nothing.
    let status = Status::decode(status.clone()).ok();
    versioned::wrap(30, &VersionedStatus { status }.encode_to_vec())
}
