//! `google.rpc.Status` of sequencer errors, byte for byte as Canton makes them without a logging context
//! (chapter 03 §1.4 with correction C, `SequencerErrors`, `SerializableErrorComponents`).
//!
//! Each function returns the encoded message, as an event and the store hold it.

mod mediator;

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use synod_proto::google::rpc::{ErrorInfo, RetryInfo, Status, error_info::Entry};
use synod_types::{CantonTimestamp, Member, MessageId, ProtocolVersion};

use crate::MessageKind;
use crate::writer::put_delimited;

pub use mediator::{
    mediator_duplicate_request, mediator_invalid_message, mediator_malformed_message, mediator_timeout,
};

/// Longest cause in the text, in UTF-16 units.
const MAX_CAUSE_UNITS: usize = 512;
/// Most bytes of a status.
const MAX_STATUS_BYTES: usize = 4096;
/// Most members that a text names.
const MAX_MEMBERS: usize = 1000;
/// What the gRPC code is counted as, in bytes.
const GRPC_CODE_BYTES: usize = 1;
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
        self.with_context(cause, &[("outer", self.outer), ("message1", cause)], Some(true))
    }

    /// The status with a context of its own.
    fn with_context(&self, cause: &str, context: &[(&str, &str)], definite_answer: Option<bool>) -> Bytes {
        let category = self.category.to_string();
        let cut = take_units(cause, MAX_CAUSE_UNITS);
        let dots = if units(cause) > MAX_CAUSE_UNITS { "..." } else { "" };
        let message = format!("{}({category},0): {cut}{dots}", self.id);
        let retry = self
            .retry_seconds
            .map(|seconds| any(&RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) }));
        let mut fixed: Vec<Entry> =
            definite_answer.map(|definite| entry("definite_answer", &definite.to_string())).into_iter().collect();
        fixed.push(entry("category", &category));

        let fixed_texts = fixed.iter().flat_map(|entry| [entry.key.as_str(), &entry.value]);
        let texts = [message.as_str(), self.id].into_iter().chain(fixed_texts);
        let mandatory = GRPC_CODE_BYTES
            + TAG_BYTES
            + texts.map(|text| text.len() + TAG_BYTES).sum::<usize>()
            + retry.as_ref().map_or(0, |retry| retry.encoded_len() + TAG_BYTES)
            + any(&ErrorInfo::default()).encoded_len();
        let budget = MAX_STATUS_BYTES.saturating_sub(mandatory + 2 * TAG_BYTES * context.len());
        let mut metadata = truncated(context, budget);
        metadata.append(&mut fixed);
        let info =
            any(&ErrorInfo { reason: self.id.to_owned(), domain: String::new(), metadata: in_map_order(metadata) });
        encode(self.grpc, message, [info].into_iter().chain(retry).collect())
    }
}

/// The context without empty values, shorter entries first, cut to a budget: each entry may use its share of what is
/// left (`truncateContext`). Entries of equal size stay in their order.
fn truncated(context: &[(&str, &str)], budget: usize) -> Vec<Entry> {
    let mut context: Vec<(&str, &str)> = context.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    context.sort_by_key(|(key, value)| units(key) + units(value));
    let mut free = budget;
    let mut kept = Vec::with_capacity(context.len());
    for (index, (key, value)) in context.iter().enumerate() {
        let share = free / (context.len() - index);
        let kept_entry = if units(key) + units(value) <= share {
            entry(key, value)
        } else if share > 7 {
            let key = shortened(key, share / 2);
            let value = shortened(value, share - units(&key));
            Entry { key, value }
        } else {
            continue;
        };
        let size = kept_entry.key.len() + kept_entry.value.len();
        if size <= share {
            free -= size;
            kept.push(kept_entry);
        }
    }
    kept
}

/// The entries in the order of the JVM's map of them: up to four as they were added, from five on by their hashes
/// (`immutable.HashMap`: a trie over five bits of the hash of the key at a time, in each node the keys that end there
/// before those that go deeper).
fn in_map_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    const IN_ORDER: usize = 4;
    if entries.len() > IN_ORDER {
        let all = entries.clone();
        entries.sort_by_cached_key(|entry| trie_path(entry, &all));
    }
    entries
}

/// For each level of the trie down to where the key is alone: whether it goes deeper there, and its five bits.
fn trie_path(entry: &Entry, all: &[Entry]) -> Vec<(bool, u32)> {
    const BITS: u32 = 5;
    let hash = improved_hash(&entry.key);
    let mut path = Vec::new();
    for shift in (0..u32::BITS).step_by(BITS as usize) {
        let above = u32::MAX.checked_shl(shift + BITS).unwrap_or(0);
        let is_shared = |other: &Entry| other.key != entry.key && (improved_hash(&other.key) ^ hash) & !above == 0;
        let goes_deeper = all.iter().any(is_shared);
        path.push((goes_deeper, hash >> shift & ((1 << BITS) - 1)));
        if !goes_deeper {
            break;
        }
    }
    path
}

/// The hash of a text on the JVM, as Scala's maps use it (`Hashing.improve`).
fn improved_hash(text: &str) -> u32 {
    let hash = text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    let hash = hash.wrapping_add(!(hash << 9));
    let hash = hash ^ hash >> 14;
    let hash = hash.wrapping_add(hash << 4);
    hash ^ hash >> 10
}

/// Cut to `limit` UTF-16 units, dots included.
fn shortened(text: &str, limit: usize) -> String {
    if units(text) > limit { format!("{}...", take_units(text, limit.saturating_sub(3))) } else { text.to_owned() }
}

/// Length of a text on the JVM.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The first UTF-16 units of a text. Half of a character is written as a question mark.
fn take_units(text: &str, limit: usize) -> String {
    let units: Vec<u16> = text.encode_utf16().take(limit).collect();
    char::decode_utf16(units).map(|character| character.unwrap_or('?')).collect()
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
    members.iter().take(MAX_MEMBERS).map(short_member).collect::<Vec<_>>().join(", ")
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

/// `SEQUENCER_SUBMISSION_REQUEST_MALFORMED`. Sender and message id are empty when the request does not even parse.
#[must_use]
pub fn submission_request_malformed(sender: &str, message_id: &str, error: &str) -> Bytes {
    let code = Code {
        id: "SEQUENCER_SUBMISSION_REQUEST_MALFORMED",
        category: 5,
        grpc: 3,
        outer: "SubmissionRequestMalformed",
        retry_seconds: None,
    };
    let cause = format!("Send request [{message_id}] from sender [{sender}] is malformed. Discarding request. {error}");
    code.with_context(&cause, &[("sender", sender), ("messageId", message_id), ("error", error)], Some(false))
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

/// `MAX_SEQUENCING_TIME_EXCEEDED`: `now` is after `max`.
#[must_use]
pub fn max_sequencing_time_exceeded(now: CantonTimestamp, max: CantonTimestamp, message: &str) -> Bytes {
    let code = Code {
        id: "MAX_SEQUENCING_TIME_EXCEEDED",
        category: 2,
        grpc: 10,
        outer: "ExceededMaxSequencingTime",
        retry_seconds: Some(1),
    };
    let by = rounded_for_humans(now.micros_since(max));
    let cause = format!(
        "The sequencer time [{now}] has exceeded by {by} the max-sequencing-time of the send request [{max}]: {message}"
    );
    let (now, max) = (now.to_string(), max.to_string());
    code.with_context(&cause, &[("ts", &now), ("maxSequencingTime", &max), ("message", message)], None)
}

/// A duration in the coarsest unit that keeps two digits or loses nothing (`LoggerUtil.roundDurationForHumans`).
fn rounded_for_humans(micros: i64) -> String {
    const COARSER: [(i64, &str); 5] =
        [(1000, "millisecond"), (1000, "second"), (60, "minute"), (60, "hour"), (24, "day")];
    const KEPT: i64 = 100;
    if micros == 0 {
        return "0 seconds".to_owned();
    }
    let (mut length, mut unit) = (micros, "microsecond");
    for (divider, coarser) in COARSER {
        if length / divider < KEPT && length % divider != 0 {
            break;
        }
        (length, unit) = (length / divider, coarser);
    }
    format!("{length} {unit}{}", if length == 1 { "" } else { "s" })
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

/// A status as Canton's store has it: a versioned message around it (correction C).
#[must_use]
pub fn to_versioned_bytes(status: &[u8]) -> Bytes {
    let mut buffer = Vec::with_capacity(status.len() + 4);
    put_delimited(&mut buffer, 1, status);
    MessageKind::VersionedStatus.wrap(ProtocolVersion::V34, &buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_digits() {
        for (micros, text) in [
            (0, "0 seconds"),
            (1, "1 microsecond"),
            (1_001, "1001 microseconds"),
            (100_001, "100 milliseconds"),
            (1_500_000, "1500 milliseconds"),
            (3_000_000, "3 seconds"),
            (99_999_999, "99999 milliseconds"),
            (123_456_789, "123 seconds"),
            (86_400_000_000, "1 day"),
            (90_000_000_000, "25 hours"),
        ] {
            assert_eq!(rounded_for_humans(micros), text);
        }
    }

    #[test]
    fn half_a_character_becomes_a_question_mark() {
        assert_eq!(take_units("a\u{1f600}b", 2), "a?");
        assert_eq!(shortened("\u{1f600}\u{1f600}\u{1f600}", 4), "?...");
        let status = Status::decode(submission_request_refused(&"\u{1f600}".repeat(3000))).expect("well formed");
        assert!(status.encoded_len() <= MAX_STATUS_BYTES);
    }

    #[test]
    fn five_entries_have_the_order_of_their_hashes() {
        // `sequencer_error_status`: 35/SubmissionRequestMalformed
        let keys = ["error", "messageId", "category", "sender", "definite_answer"];
        let entries: Vec<Entry> =
            ["sender", "messageId", "error", "definite_answer", "category"].map(|key| entry(key, "")).into();
        let ordered: Vec<String> = in_map_order(entries).into_iter().map(|entry| entry.key).collect();
        assert_eq!(ordered, keys);
        let four: Vec<Entry> = ["sender", "messageId", "error", "category"].map(|key| entry(key, "")).into();
        assert_eq!(in_map_order(four.clone()), four);
    }
}
