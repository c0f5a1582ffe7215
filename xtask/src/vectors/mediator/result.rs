//! What the mediator says.

use prost::Message as _;
use synod_mediator::messages::{ConfirmationResult, MediatorMessage, RequestUuid, Verdict, ViewType};
use synod_mediator::rules::status;
use synod_proto::google::rpc::{ErrorInfo, Status};
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::CantonTimestamp;

use super::{same_hash, signed, text_of, time};

pub(super) fn verdict(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let verdict = Verdict::parse(&bytes).map_err(text_of)?;
    fields::same_bytes("bytes", &bytes, &verdict.to_versioned_bytes())?;
    fields::same("is_timeout", &case.boolean("is_timeout")?, &verdict.is_timeout())
}

pub(super) fn confirmation_result(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let parsed = ConfirmationResult::parse(&bytes).map_err(text_of)?;
    same_hash(&case.value, "root_hash", &parsed.root_hash)?;
    let view_type = i32::try_from(case.integer("view_type")?).map_err(text_of)?;
    let made = ConfirmationResult {
        psid: parsed.psid.clone(),
        view_type: ViewType::of_number(view_type).map_err(text_of)?,
        request_id: time(case, "request_id")?,
        root_hash: parsed.root_hash,
        verdict: Verdict::parse(&case.bytes("verdict")?).map_err(text_of)?,
    };
    fields::same("parsed", &made, &parsed)?;
    fields::same_bytes("bytes", &bytes, &made.to_versioned_bytes())?;
    let version = super::version(case)?;
    fields::same("version of the synchronizer", &version, &parsed.psid.protocol_version())?;
    let typed = case.bytes("typed_content_bytes")?;
    fields::same_bytes("typed_content_bytes", &typed, &made.to_typed_content(version))?;
    fields::same("typed", &Ok(MediatorMessage::ConfirmationResult(made)), &MediatorMessage::parse(&typed))?;
    signed(case)
}

pub(super) fn mediator_error(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let Verdict::MediatorReject { reason, is_malformed } = made(case)? else { return Err("no reject".to_owned()) };
    fields::same("is_malformed", &case.boolean("is_malformed")?, &is_malformed)?;
    fields::same_bytes("bytes", &bytes, &reason.encode_to_vec())
}

/// The verdict of the case by its name, made of the same arguments as Canton's.
fn made(case: &Case) -> Result<Verdict, String> {
    let name = case.name();
    let name = name.strip_prefix("34/").or_else(|| name.strip_prefix("35/")).unwrap_or(name);
    let found = Status::decode(case.bytes("bytes")?).map_err(text_of)?;
    Ok(match name {
        "invalid" => status::invalid("some cause"),
        "invalid 600" => status::invalid(&"x".repeat(600)),
        "malformed" => status::malformed(),
        "duplicate" => {
            let until = CantonTimestamp::from_micros(1_750_000_000_123_456).map_err(text_of)?;
            let uuid = RequestUuid::parse("0b1c2d3e-1111-2222-3333-444455556666").map_err(text_of)?;
            status::duplicate(&uuid, until)
        }
        "timeout none" => status::timeout(&[]),
        "timeout one" | "timeout three" => status::timeout(&unresponsive(&found)?.split(',').collect::<Vec<_>>()),
        "timeout 60" => {
            // More than fits: the names are made again.
            let shown = unresponsive(&found)?;
            let namespace = shown.split([':', ',']).nth(2).ok_or("no namespace")?;
            let mut parties: Vec<String> = (1..=60).map(|number| format!("party{number}::{namespace}")).collect();
            parties.sort();
            status::timeout(&parties.iter().map(String::as_str).collect::<Vec<_>>())
        }
        other => return Err(format!("unknown error {other}")),
    })
}

/// The parties that the status names.
fn unresponsive(status: &Status) -> Result<String, String> {
    let info = status.details.first().ok_or("there are no details")?;
    let info = ErrorInfo::decode(info.value.as_slice()).map_err(text_of)?;
    let parties = info.metadata.into_iter().find(|entry| entry.key == "unresponsiveParties");
    Ok(parties.map(|entry| entry.value).unwrap_or_default())
}
