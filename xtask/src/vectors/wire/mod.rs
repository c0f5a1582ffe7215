//! `wire.jsonl.gz`: the messages of the sequencer protocol. Cases of both protocol versions are compared alike.

mod batch;
mod event;
mod recipients;
mod status;
mod submission;
mod wrapper;

use bytes::Bytes;
use serde_json::Value;
use synod_crypto::{Hash, HashPurpose};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, ProtocolVersion};

/// Fields of the vectors that are for the reader only.
pub(super) const NOT_COMPARED: &[&str] = &["sequencer_error_status.args"];

/// More than any envelope of the vectors has.
const LIMIT: usize = 10 * 1024 * 1024;

/// Compares one case of `wire.jsonl.gz`.
pub(super) fn check(case: &Case, tally: &mut Tally) {
    let result = match case.kind() {
        "wrapper" => wrapper::wrapper(case),
        "wrapper_version_parse" => wrapper::version_parse(case),
        "recipients" => recipients::recipients(case),
        "recipients_for_member" => recipients::for_member(case),
        "recipients_parse" | "recipients_parse_bytes" => recipients::parse(case),
        "gzip" => batch::gzip(case),
        "gunzip" => batch::gunzip(case),
        "batch" => batch::batch(case),
        "batch_for_member" => batch::for_member(case),
        "batch_parse" => batch::parse(case),
        "submission_request" => submission::submission_request(case),
        "submission_request_parse" => submission::parse(case),
        "aggregation_id" => submission::aggregation_id(case),
        "aggregation_rule_parse" => submission::aggregation_rule_parse(case),
        "request_type" => submission::request_type(case),
        "time_proof_submission" => submission::time_proof(case),
        "acknowledge_request" => submission::acknowledge_request(case),
        "deliver" => event::deliver(case),
        "deliver_error" => event::deliver_error(case),
        "sequenced_event_parse" => event::parse(case),
        "time_proof_event" => event::time_proof(case),
        "set_traffic_purchased" => event::set_traffic_purchased(case),
        "traffic_state" => event::traffic_state(case),
        "sequencer_error_status" | "other_status" => status::status(case),
        other => Err(format!("unknown kind {other}")),
    };
    tally.case(case.kind(), case.label(), result);
}

fn version(case: &Case) -> Result<ProtocolVersion, String> {
    let number = i32::try_from(case.integer("pv")?).map_err(|error| error.to_string())?;
    ProtocolVersion::of_number(number).map_err(|error| error.to_string())
}

fn text_of<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn time(object: &Value, field: &str) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(fields::integer(object, field)?).map_err(text_of)
}

fn optional_time(object: &Value, field: &str) -> Result<Option<CantonTimestamp>, String> {
    fields::optional(object, field).map(|_| time(object, field)).transpose()
}

/// Compares the hash of these bytes.
fn same_hash(case: &Case, field: &str, purpose: HashPurpose, bytes: &Bytes) -> Result<(), String> {
    fields::same_bytes(field, &case.bytes(field)?, &Hash::digest(purpose, bytes).multihash())
}
