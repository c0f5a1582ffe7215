//! Answers of participants.

use serde_json::Value;
use synod_mediator::messages::{
    ConfirmationResponse, ConfirmationResponses, LfParty, LocalVerdict, LocalVerdictCode, MediatorMessage,
};
use synod_proto::google::rpc::Status;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_wire::versioned;

use super::super::verdict::accepted;
use super::{same_hash, signed, text_of, time};

pub(super) fn local_verdict(case: &Case) -> Result<(), String> {
    let proto = case.bytes("proto")?;
    fields::same_bytes("bytes", &case.bytes("bytes")?, &versioned::wrap(super::VERSION, &proto))?;
    let verdict = LocalVerdict::parse_proto(&proto).map_err(text_of)?;
    fields::same_bytes("proto", &proto, &verdict.to_proto_bytes())?;
    let is_malformed = verdict.code() == LocalVerdictCode::Malformed;
    fields::same("is_malformed", &case.boolean("is_malformed")?, &is_malformed)?;
    match (case.optional("status"), verdict.reason()) {
        (None, None) => Ok(()),
        (Some(expected), Some(found)) => status(expected, found),
        (expected, found) => Err(format!("status: expected {expected:?}, found {found:?}")),
    }
}

fn status(expected: &Value, found: &Status) -> Result<(), String> {
    fields::same("code", &fields::integer(expected, "code")?, &found.code.into())?;
    fields::same("message", &fields::text(expected, "message")?, &found.message.as_str())?;
    let details = fields::list(expected, "details")?;
    fields::same("number of details", &details.len(), &found.details.len())?;
    for (expected, found) in details.iter().zip(&found.details) {
        fields::same("type_url", &fields::text(expected, "type_url")?, &found.type_url.as_str())?;
        fields::same_bytes("value", &fields::bytes(expected, "value")?, &found.value)?;
    }
    Ok(())
}

pub(super) fn confirmation_responses(case: &Case) -> Result<(), String> {
    let responses = ConfirmationResponses::parse(&case.bytes("bytes")?).map_err(text_of)?;
    super::plain(&case.bytes("bytes")?)?;
    let typed = MediatorMessage::parse(&case.bytes("typed_content_bytes")?).map_err(text_of)?;
    fields::same("typed", &MediatorMessage::ConfirmationResponses(responses.clone()), &typed)?;
    same_hash(&case.value, "root_hash", &responses.root_hash)?;
    fields::same("request_id", &time(case, "request_id")?, &responses.request_id)?;
    fields::same("sender", &case.text("sender")?, &responses.sender.member().to_string().as_str())?;
    fields::same("version of the synchronizer", &super::version(case)?, &responses.psid.protocol_version())?;
    let [response] = &responses.responses[..] else { return Err("not a single response".to_owned()) };
    let parties: Vec<&str> = response.confirming_parties.iter().map(LfParty::as_str).collect();
    fields::same("parties", &fields::texts(&case.value, "parties_jvm_order")?, &parties)?;
    let position = fields::optional_bytes(&case.value, "position_proto")?;
    fields::same("position", &position, &response.view_position.as_ref().map(|position| position.to_proto_bytes()))?;
    signed(case)
}

pub(super) fn confirmation_response_parse(case: &Case) -> Result<(), String> {
    accepted(case, ConfirmationResponse::parse_proto(&case.bytes("bytes")?), |_| Ok(()))
}
