//! Submission requests, their aggregation, and acknowledgements.

use serde_json::Value;
use synod_crypto::HashPurpose;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::{Member, MessageId, ProtocolVersion};
use synod_wire::{
    AcknowledgeRequest, AggregationRule, Batch, RecipientKinds, SubmissionRequest, SubmissionRequestContent,
};

use super::super::verdict::accepted;
use super::batch::{envelopes, opened};
use super::recipients::of_json;
use super::{LIMIT, optional_time, text_of, time};

/// Canton's name of the class of a rule.
fn input(rule: &AggregationRule) -> &'static str {
    match rule {
        AggregationRule::Members { .. } => "Resolved",
        AggregationRule::MediatorGroup(_) => "MediatorGroup",
        AggregationRule::Sequencers => "SequencerGroup",
        AggregationRule::SenderDeduplication => "SenderDedup",
    }
}

fn rule(object: &Value, version: ProtocolVersion) -> Result<AggregationRule, String> {
    let rule = AggregationRule::parse(&fields::bytes(object, "proto")?, version).map_err(text_of)?;
    fields::same("input", &fields::text(object, "input")?, &input(&rule))?;
    Ok(rule)
}

pub(super) fn submission_request(case: &Case) -> Result<(), String> {
    let version = super::version(case)?;
    let envelopes = envelopes(case.list("envelopes")?)?;
    let content = SubmissionRequestContent {
        sender: Member::parse(case.text("sender")?).map_err(text_of)?,
        message_id: MessageId::parse(case.text("message_id")?).map_err(text_of)?,
        batch: Batch::new(version, envelopes.clone()),
        max_sequencing_time: time(&case.value, "max_sequencing_time")?,
        topology_timestamp: optional_time(&case.value, "topology_timestamp")?,
        aggregation_rule: case.optional("rule").map(|object| rule(object, version)).transpose()?,
        submission_cost: fields::optional_integer(&case.value, "submission_cost")?,
    };
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &content.to_versioned_bytes(version))?;
    let request = SubmissionRequest::parse(&bytes, version, LIMIT).map_err(text_of)?;
    fields::same("opened", &envelopes, &opened(&request.batch)?)?;
    let parsed = SubmissionRequestContent {
        sender: request.sender.clone(),
        message_id: request.message_id.clone(),
        batch: request.batch.clone(),
        max_sequencing_time: request.max_sequencing_time,
        topology_timestamp: request.topology_timestamp,
        aggregation_rule: request.aggregation_rule.clone(),
        submission_cost: request.submission_cost,
    };
    fields::same("parsed", &content, &parsed)?;
    super::same_hash(case, "hash_purpose35", HashPurpose::SUBMISSION_REQUEST_SIGNATURE, &bytes)?;
    fields::same("hash", &case.text("hash_purpose35")?, &request.hash().to_hex().as_str())?;
    same_aggregation_id(case, &request)?;
    fields::same("at_most_one_mediator", &case.boolean("at_most_one_mediator")?, &request.at_most_one_mediator())?;
    fields::same("request_type", &case.text("request_type")?, &request.request_type().name())
}

fn same_aggregation_id(case: &Case, request: &SubmissionRequest) -> Result<(), String> {
    let id = request.aggregation_id(LIMIT).map_err(text_of)?.map(|id| id.hash().to_hex());
    fields::same("aggregation_id", &fields::optional_text(&case.value, "aggregation_id")?, &id.as_deref())
}

pub(super) fn aggregation_id(case: &Case) -> Result<(), String> {
    let request = SubmissionRequest::parse(&case.bytes("bytes")?, super::version(case)?, LIMIT).map_err(text_of)?;
    fields::same("sender", &case.text("sender")?, &request.sender.to_string().as_str())?;
    same_aggregation_id(case, &request)
}

pub(super) fn parse(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    accepted(case, SubmissionRequest::parse(&bytes, super::version(case)?, LIMIT), |request| {
        fields::same_bytes("evidence", &case.bytes("evidence")?, &request.bytes)
    })
}

pub(super) fn aggregation_rule_parse(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let mut fields_of_case = Vec::new();
    for member in fields::texts(&case.value, "eligible_members")? {
        fields_of_case.extend([0x0a, u8::try_from(member.len()).map_err(text_of)?]);
        fields_of_case.extend(member.as_bytes());
    }
    let threshold = case.integer("threshold")?;
    if threshold != 0 {
        fields_of_case.push(0x10);
        synod_crypto::encoding::put_uvarint(&mut fields_of_case, threshold.cast_unsigned());
    }
    fields::same_bytes("bytes of the fields", &bytes, &fields_of_case)?;
    accepted(case, AggregationRule::parse(&bytes, super::version(case)?), |rule| {
        fields::same("input", &case.text("input")?, &input(&rule))?;
        fields::same_bytes("reserialized", &case.bytes("reserialized")?, &rule.encode())
    })
}

pub(super) fn request_type(case: &Case) -> Result<(), String> {
    let sender = Member::parse(case.text("sender")?).map_err(text_of)?;
    let recipients = case.list("recipients")?;
    let recipients = if recipients.is_empty() { Vec::new() } else { vec![of_json(recipients)?] };
    let kinds = RecipientKinds::of(&recipients);
    fields::same("request_type", &case.text("request_type")?, &kinds.request_type(&sender).name())?;
    fields::same("at_most_one_mediator", &case.boolean("at_most_one_mediator")?, &kinds.at_most_one_mediator)
}

pub(super) fn time_proof(case: &Case) -> Result<(), String> {
    let request = SubmissionRequest::parse(&case.bytes("bytes")?, super::version(case)?, LIMIT).map_err(text_of)?;
    fields::same("is_time_proof", &case.boolean("is_time_proof")?, &request.is_time_proof())
}

pub(super) fn acknowledge_request(case: &Case) -> Result<(), String> {
    let version = super::version(case)?;
    let member = Member::parse(case.text("member")?).map_err(text_of)?;
    let request = AcknowledgeRequest::new(member, time(&case.value, "timestamp")?, version);
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &request.bytes)?;
    fields::same("parsed", &Ok(request.clone()), &AcknowledgeRequest::parse(&bytes, version))?;
    fields::same("hash_purpose36", &case.text("hash_purpose36")?, &request.hash().to_hex().as_str())
}
