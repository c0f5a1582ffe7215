//! Statuses of sequencer errors.

use bytes::Bytes;
use prost::Message as _;
use synod_proto::google::rpc::{ErrorInfo, RetryInfo, Status};
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::{CantonTimestamp, Member, MessageId};
use synod_wire::status;

/// The namespace of all members of the vectors.
const NAMESPACE: &str = "1220d4eaf113a1acf3e0bfaa9b45a36304712242de737f011797d7bb293ecdfc90f5";

pub(super) fn status(case: &Case) -> Result<(), String> {
    let found = built(case)?;
    fields::same_bytes("bytes", &case.bytes("bytes")?, &found)?;
    let versioned = status::to_versioned_bytes(&found);
    let content = synod_wire::versioned::unwrap(&versioned).map_err(super::text_of)?.data;
    let stored = synod_proto::protocol::v30::VersionedStatus::decode(content).map_err(super::text_of)?;
    let found = Status::decode(found).map_err(super::text_of)?;
    fields::same("versioned", &Some(&found), &stored.status.as_ref())?;
    described(case, &found)
}

/// Compares what the case says about the error. A redacted status tells nothing of it.
fn described(case: &Case, found: &Status) -> Result<(), String> {
    let readable = fields::value(&case.value, "readable")?;
    fields::same("code", &fields::integer(readable, "code")?, &i64::from(found.code))?;
    fields::same("message", &fields::text(readable, "message")?, &found.message.as_str())?;
    let details = fields::list(readable, "details")?;
    fields::same("number of details", &details.len(), &found.details.len())?;
    for (expected, detail) in details.iter().zip(&found.details) {
        fields::same("type_url", &fields::text(expected, "type_url")?, &detail.type_url.as_str())?;
        let expected = fields::value(expected, "readable")?;
        if let Some(seconds) = fields::optional_integer(expected, "retry_seconds")? {
            let retry = RetryInfo::decode(detail.value.as_slice()).map_err(super::text_of)?;
            fields::same("retry_seconds", &Some(seconds), &retry.retry_delay.map(|delay| delay.seconds))?;
            continue;
        }
        let info = ErrorInfo::decode(detail.value.as_slice()).map_err(super::text_of)?;
        let metadata: Vec<(&str, &str)> =
            info.metadata.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        let entry =
            |entry: &serde_json::Value| Some((entry.get(0)?.as_str()?.to_owned(), entry.get(1)?.as_str()?.to_owned()));
        let expected_metadata: Option<Vec<(String, String)>> =
            fields::list(expected, "metadata_in_wire_order")?.iter().map(entry).collect();
        let expected_metadata = expected_metadata.ok_or("metadata_in_wire_order is no list of pairs")?;
        let borrowed: Vec<_> = expected_metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        fields::same("metadata", &borrowed, &metadata)?;
        if case.optional("code_id").is_some() {
            fields::same("code_id", &case.text("code_id")?, &info.reason.as_str())?;
            let category = case.integer("category")?.to_string();
            fields::same("category", &true, &metadata.contains(&("category", category.as_str())))?;
        }
        fields::same("cause", &cut(case.text("cause")?), &found_cause(&found.message)?.to_owned())?;
    }
    Ok(())
}

/// The cause as texts show it.
fn cut(cause: &str) -> String {
    const SHOWN: usize = 512;
    let units: Vec<u16> = cause.encode_utf16().collect();
    match units.get(..SHOWN) {
        Some(shown) if units.len() > SHOWN => format!("{}...", String::from_utf16_lossy(shown)),
        _ => cause.to_owned(),
    }
}

/// The cause in `ID(category,0): cause`.
fn found_cause(message: &str) -> Result<&str, String> {
    message.split_once("): ").map(|(_, cause)| cause).ok_or_else(|| format!("{message} has no cause"))
}

/// The status of the case by its name: most are made of their cause, the others of the same arguments as Canton's.
fn built(case: &Case) -> Result<Bytes, String> {
    let cause = case.text("cause")?;
    let name = case.name();
    let name = name.strip_prefix("34/").or_else(|| name.strip_prefix("35/")).unwrap_or(name);
    let after =
        |seconds: i64| CantonTimestamp::from_micros((1_750_000_000 + seconds) * 1_000_000).map_err(super::text_of);
    Ok(match name.split('/').next().unwrap_or(name) {
        "SubmissionRequestMalformed" => {
            status::submission_request_malformed(&member("PAR::participant1")?.to_string(), "msg-1", "bad")
        }
        "SubmissionRequestRefused" => status::submission_request_refused(cause),
        "PassedUpgradeTime" => status::passed_upgrade_time(cause),
        "TopologyTimestampTooEarly" => status::topology_timestamp_too_early(after(0)?, after(10)?),
        "TopologyTimestampAfterSequencingTimestamp" => {
            status::topology_timestamp_after_sequencing_timestamp(after(10)?, after(0)?)
        }
        "MaxSequencingTimeTooFar" => {
            let message_id = MessageId::parse("msg-1").map_err(super::text_of)?;
            status::max_sequencing_time_too_far(&message_id, after(100)?, after(50)?)
        }
        "UnknownRecipients" => status::unknown_recipients(&members(name)?),
        "SenderUnknown" => status::sender_unknown(&members(name)?),
        "AggregateSubmissionInvalidRule" => status::aggregate_submission_invalid_rule(cause),
        "AggregateSubmissionAlreadySent" => status::aggregate_submission_already_sent(cause),
        "AggregateSubmissionAlreadySentV2" => status::aggregate_submission_already_sent_v2(cause),
        "AggregateSubmissionStuffing" => status::aggregate_submission_stuffing(cause),
        "OutdatedTrafficCost" => status::outdated_traffic_cost(cause),
        "TrafficCredit" => status::traffic_credit(cause),
        "Internal" => status::internal(),
        "InternalTesting" => status::internal_testing(cause),
        "Overloaded" => status::overloaded(cause),
        "Unavailable" => status::unavailable(cause),
        "UnsupportedFeature" => status::unsupported_feature(),
        "ExceededMaxSequencingTime" => status::max_sequencing_time_exceeded(after(3)?, after(0)?, "hello"),
        other => return Err(format!("unknown error {other}")),
    })
}

fn member(text: &str) -> Result<Member, String> {
    Member::parse(&format!("{text}::{NAMESPACE}")).map_err(super::text_of)
}

fn members(name: &str) -> Result<Vec<Member>, String> {
    let many: Vec<String> = (1..=12).map(|index| format!("PAR::par{index}")).collect();
    let texts: Vec<&str> = match name {
        "UnknownRecipients/1" | "SenderUnknown/1" => vec!["PAR::participant1"],
        "UnknownRecipients/3" => vec!["PAR::participant1", "MED::mediator1", "SEQ::sequencer1"],
        "UnknownRecipients/12" => many.iter().map(String::as_str).collect(),
        "SenderUnknown/2" => vec!["PAR::participant1", "MED::mediator2"],
        other => return Err(format!("unknown case {other}")),
    };
    texts.into_iter().map(member).collect()
}
