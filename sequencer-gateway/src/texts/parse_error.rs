//! What Canton says about bytes that are not the message that they should be (`ProtoDeserializationError`).
//!
//! A [`ParseError`] says less than Canton's text: what is missing is read from the message again, which costs nothing
//! as long as all is well.

use bytes::Bytes;
use prost::Message;
use synod_proto::protocol::{v30, v31};
use synod_types::{InvalidIdentifier, Member, MessageId, ProtocolVersion, Recipient};
use synod_wire::{GzipFault, ParseError, ProtoFault, SignedContent, SubmissionRequest, gzip, versioned};

use super::{failed_conversion, unreadable_member};

/// Canton's name of a submission request in errors, and its first version.
const SUBMISSION: &str = "submission request";
const V30: i32 = 30;

/// The text for the bytes of a signed submission request that do not parse.
pub(crate) fn submission_failure(error: &ParseError, bytes: &Bytes, version: ProtocolVersion, limit: usize) -> String {
    let Ok(signed) = SignedContent::parse(bytes) else { return parse_failure(error, "SignedContent") };
    if matches!(error, ParseError::Version { found: V30, .. }) && version != ProtocolVersion::V34 {
        // Canton reads the message by its own version first; only when that succeeds it minds the version.
        return match SubmissionRequest::parse(&signed.content, ProtocolVersion::V34, limit) {
            Err(ParseError::FieldNotSet { .. }) => "FieldNotSet(recipients)".to_owned(),
            Err(other) => parse_failure(&other, SUBMISSION),
            Ok(_) => parse_failure(error, SUBMISSION),
        };
    }
    let request = versioned::unwrap(&signed.content)
        .ok()
        .and_then(|versioned| v31::SubmissionRequest::decode(versioned.data).ok());
    let detail = request.and_then(|request| match error {
        ParseError::Identifier { field: "sender", source } => {
            Some(failed_conversion("sender", &unreadable_member(&request.sender, source)))
        }
        ParseError::Identifier { field: "message_id", .. } => too_long_message_id(&request.message_id),
        ParseError::Identifier { field: "eligible_members", .. } => {
            unreadable_recipient("eligible_members", &request.aggregation_rule?.eligible_members)
        }
        ParseError::AggregationRule => Some(format!(
            "InvariantViolation(Some(eligible_members),Recipients of unequal type in aggregation rule Vector({}))",
            request.aggregation_rule?.eligible_members.join(", ")
        )),
        ParseError::Identifier { field: "recipients", .. } => {
            unreadable_recipient("RecipientsTreeProto.recipients", &recipients_of(&request.batch?, limit))
        }
        ParseError::FieldNotSet { field: "recipients" | "recipients_tree" } => {
            Some(failed_conversion("RecipientsTree.recipients", "RecipientsTree.recipients must be non-empty"))
        }
        ParseError::Gzip(GzipFault::Header) => {
            let compressed = request.batch?.compressed_recipients;
            Some(format!("OtherError({})", broken_header(&compressed)))
        }
        _ => None,
    });
    detail.unwrap_or_else(|| parse_failure(error, SUBMISSION))
}

/// The text for a message of the kind `name`, as far as the error alone tells.
pub(crate) fn parse_failure(error: &ParseError, name: &str) -> String {
    match error {
        ParseError::Proto(fault) => buffer_exception(*fault),
        ParseError::FieldNotSet { field: "data" } => format!("FieldNotSet({name}: data)"),
        ParseError::FieldNotSet { field: "signatures" } => {
            "FieldNotSet(Sequence signature not set or empty)".to_owned()
        }
        ParseError::FieldNotSet { field } => format!("FieldNotSet({field})"),
        ParseError::Compression { .. } => "FieldNotSet(CompressedBatch.Algorithm)".to_owned(),
        ParseError::TooSmall { field, at_least: 1, value } => format!(
            "InvariantViolation(Some({field}),Received the non-positive {value} as argument, but we require a positive \
             value here.)"
        ),
        ParseError::TooSmall { field, value, .. } => format!(
            "InvariantViolation(Some({field}),Received the negative {value} as argument, but we require a non-negative \
             value here.)"
        ),
        ParseError::EnvelopeCount { .. } => "InvariantViolation(None,The number of recipients is different from the \
                                             number of envelopes.)"
            .to_owned(),
        // Alone of all, this is not printed as a value.
        ParseError::Gzip(GzipFault::TooLarge { limit }) => {
            format!("Max bytes to decompress is exceeded. The limit is {limit} bytes.")
        }
        ParseError::Gzip(GzipFault::Truncated) => "OtherError(Compressed byte input ended too early)".to_owned(),
        ParseError::Gzip(GzipFault::Checksum) => {
            "OtherError(Gzip-compressed data is corrupt (CRC32 error).)".to_owned()
        }
        ParseError::Gzip(fault) => format!("OtherError({fault})"),
        ParseError::Timestamp { source, .. } => format!("TimestampConversionError({source})"),
        ParseError::Version { expected, found, .. } => format!(
            "OtherError(Error while deserializing a {name}; expected protocol version of {expected} but found one of \
             {found})"
        ),
        ParseError::Identifier { field, source } => failed_conversion(field, &source.to_string()),
        other => format!("OtherError({other})"),
    }
}

/// The text for a member that stands in the field `field` of a call.
pub(crate) fn member_failure(field: &str, text: &str, error: &InvalidIdentifier) -> String {
    failed_conversion(field, &unreadable_member(text, error))
}

/// What the JVM's library says about bytes that are no protobuf.
fn buffer_exception(fault: ProtoFault) -> String {
    let text = match fault {
        ProtoFault::Truncated => {
            "While parsing a protocol message, the input ended unexpectedly in the middle of a field.  This could mean \
             either that the input has been truncated or that an embedded message misreported its own length."
        }
        ProtoFault::Varint => "CodedInputStream encountered a malformed varint.",
        ProtoFault::Tag => "Protocol message contained an invalid tag (zero).",
        ProtoFault::WireType => {
            return "BufferException(com.google.protobuf.InvalidProtocolBufferException$InvalidWireTypeException: \
                    Protocol message tag had invalid wire type.)"
                .to_owned();
        }
        ProtoFault::NegativeLength => {
            "CodedInputStream encountered an embedded string or message which claimed to have negative size."
        }
        ProtoFault::Utf8 => "Protocol message had invalid UTF-8.",
        ProtoFault::EndGroup => "Protocol message end-group tag did not match expected tag.",
        ProtoFault::GroupDepth => {
            "Protocol message had too many levels of nesting.  May be malicious.  Use setRecursionLimit() to increase \
             the recursion depth limit."
        }
        ProtoFault::Message => "Protocol message is malformed.",
    };
    format!("BufferException(com.google.protobuf.InvalidProtocolBufferException: {text})")
}

fn too_long_message_id(text: &str) -> Option<String> {
    let InvalidIdentifier::TooLong { length, limit, .. } = MessageId::parse(text).err()? else { return None };
    let shown: String = text.chars().take(limit + 50).collect();
    Some(format!(
        "InvariantViolation(Some(MessageId),The given MessageId has a maximum length of {limit} but a MessageId of \
         length {length} ('{shown}.') was given)"
    ))
}

/// The first of these texts that is no recipient.
fn unreadable_recipient(field: &str, texts: &[String]) -> Option<String> {
    let text = texts.iter().find(|text| Recipient::parse(text).is_err())?;
    let error = Member::parse(text).err()?;
    Some(member_failure(field, text, &error))
}

fn recipients_of(batch: &v31::CompressedBatch, limit: usize) -> Vec<String> {
    let decompressed = match batch.algorithm {
        0 => batch.compressed_recipients.clone(),
        _ => gzip::decompress(&batch.compressed_recipients, limit).unwrap_or_default(),
    };
    let trees = v31::compressed_batch::DecompressedRecipients::decode(decompressed).unwrap_or_default();
    let mut found = Vec::new();
    for tree in trees.recipients.iter().flat_map(|recipients| &recipients.recipients_tree) {
        collect(tree, &mut found);
    }
    found
}

fn collect(tree: &v30::RecipientsTree, found: &mut Vec<String>) {
    found.extend(tree.recipients.iter().cloned());
    tree.children.iter().for_each(|child| collect(child, found));
}

/// What the JVM's library says about a header of gzip that it does not know.
fn broken_header(compressed: &[u8]) -> String {
    match compressed {
        [0x1f, 0x8b, 8, ..] => "Reserved flags are set in the .gz header".to_owned(),
        [0x1f, 0x8b, method, ..] => format!("Unsupported compression method {method} in the .gz header"),
        [_, _, ..] => "Input is not in the .gz format.".to_owned(),
        _ => "Compressed byte input ended too early".to_owned(),
    }
}

#[cfg(test)]
mod tests;
