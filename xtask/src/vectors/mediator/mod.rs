//! `mediator.jsonl.gz`: the messages of the mediator. Cases of both protocol versions are compared alike.

pub(super) mod aggregation;
mod merkle_seq;
mod request;
mod response;
mod result;

use bytes::Bytes;
use serde_json::Value;
use synod_crypto::{Hash, KeyUsages, SigningKeySpec, protocol_message_hash, verify};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::versioned;

use super::aliases::Aliases;
use super::input::Input;
use super::signatures::{key_pair, sign_again, signature};

/// The aliases of keys, and details of a status a second time.
pub(super) const NOT_COMPARED: &[&str] =
    &["confirmation_responses.key.key", "confirmation_result.key.key", "local_verdict.status.details[].readable*"];

/// The version of messages that have only one.
const VERSION: i32 = 30;

/// Compares the file.
pub(super) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut aliases = Aliases::default();
    for case in input.by_ref() {
        let result = match case.kind() {
            "key" => match aliases.define(&case) {
                Ok(()) => continue,
                Err(reason) => Err(reason),
            },
            "merkle_seq" => merkle_seq::merkle_seq(&case),
            "informee_message" => request::informee_message(&case, &aliases),
            "informee_message_parse" => request::informee_message_parse(&case),
            "view_common_data_parse" => request::view_common_data_parse(&case),
            "root_hash_message" => request::root_hash_message(&case),
            "local_verdict" => response::local_verdict(&case),
            "confirmation_responses" => response::confirmation_responses(&case),
            "confirmation_response_parse" => response::confirmation_response_parse(&case),
            "verdict" => result::verdict(&case),
            "confirmation_result" => result::confirmation_result(&case),
            "mediator_error" => result::mediator_error(&case),
            other => Err(format!("unknown kind {other}")),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

fn version(case: &Case) -> Result<ProtocolVersion, String> {
    let number = i32::try_from(case.integer("pv")?).map_err(text_of)?;
    ProtocolVersion::of_number(number).map_err(text_of)
}

fn text_of<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn time(case: &Case, field: &str) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(case.integer(field)?).map_err(text_of)
}

fn same_hash(object: &Value, field: &str, found: &Hash) -> Result<(), String> {
    fields::same_bytes(field, &fields::bytes(object, field)?, &found.multihash())
}

/// The plain message inside of the versioned one, which is written in the only version there is.
fn plain(bytes: &Bytes) -> Result<Bytes, String> {
    let message = versioned::unwrap(bytes).map_err(text_of)?;
    fields::same_bytes("wrapper", bytes, &versioned::wrap(VERSION, &message.data))?;
    Ok(message.data)
}

/// Compares what is signed of a typed message, and how: the hash, the signature, and both in one message.
fn signed(case: &Case) -> Result<(), String> {
    let content = case.bytes("typed_content_bytes")?;
    let hash = protocol_message_hash(&content);
    same_hash(&case.value, "hash_purpose38", &hash)?;
    let pair = key_pair(fields::value(&case.value, "key")?)?;
    fields::same("spec", &SigningKeySpec::EcCurve25519, &pair.public.spec())?;
    let bytes = case.bytes("signature_proto")?;
    verify(&hash, &pair.public, &signature(&bytes)?, KeyUsages::PROTOCOL).map_err(text_of)?;
    sign_again(&pair, &hash, KeyUsages::PROTOCOL, &bytes)?;
    let mut message = Vec::new();
    prost::encoding::bytes::encode(1, &bytes, &mut message);
    prost::encoding::bytes::encode(2, &content, &mut message);
    let message = versioned::wrap(VERSION, &message);
    fields::same_bytes("signed_protocol_message_bytes", &case.bytes("signed_protocol_message_bytes")?, &message)
}
