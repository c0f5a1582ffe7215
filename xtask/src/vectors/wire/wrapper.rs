//! Versions around messages.

use bytes::Bytes;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::ProtocolVersion;
use synod_wire::{
    AcknowledgeRequest, Batch, EnvelopeContent, ParseError, SequencedEvent, SetTrafficPurchased, SignedContent,
    SubmissionRequest, TypedMessage, versioned,
};

use super::super::verdict::accepted;
use super::LIMIT;

pub(super) fn wrapper(case: &Case) -> Result<(), String> {
    let (data, bytes) = (case.bytes("data")?, case.bytes("bytes")?);
    let version = i32::try_from(case.integer("version")?).map_err(super::text_of)?;
    fields::same_bytes("bytes", &bytes, &versioned::wrap(version, &data))?;
    let read = versioned::unwrap(&bytes).map_err(super::text_of)?;
    fields::same("read", &versioned::Versioned { version, data }, &read)
}

/// The same message with another version number in its wrapper.
pub(super) fn version_parse(case: &Case) -> Result<(), String> {
    let (bytes, version) = (case.bytes("bytes")?, super::version(case)?);
    let written = versioned::unwrap(&bytes).map_err(super::text_of)?.version;
    fields::same("version", &case.integer("version")?, &i64::from(written))?;
    let parsed = match case.text("message")? {
        "SubmissionRequest" => SubmissionRequest::parse(&bytes, version, LIMIT).map(|_| ()),
        "Batch" => Batch::parse(&bytes, version, LIMIT).map(|_| ()),
        "SequencedEvent" => SequencedEvent::parse(&bytes, version, LIMIT).map(|_| ()),
        "AcknowledgeRequest" => AcknowledgeRequest::parse(&bytes, version).map(|_| ()),
        "SignedContent" => SignedContent::parse(&bytes).map(|_| ()),
        "EnvelopeContent(RootHashMessage)" => EnvelopeContent::parse(&bytes, version).map(|_| ()),
        "TypedSignedProtocolMessageContent(SetTrafficPurchased)" => TypedMessage::parse(&bytes).map(|_| ()),
        "SetTrafficPurchasedMessage" => SetTrafficPurchased::parse(&bytes).map(|_| ()),
        other => topology(other, &bytes, version)?,
    };
    accepted(case, parsed, Ok)
}

#[cfg(feature = "topology")]
fn topology(message: &str, bytes: &Bytes, version: ProtocolVersion) -> Result<Result<(), ParseError>, String> {
    use synod_topology::{SignedTopologyTransaction, TopologyTransaction};

    let is_accepted = match message {
        "TopologyTransaction" => TopologyTransaction::parse(bytes, version).is_ok(),
        "SignedTopologyTransaction" => SignedTopologyTransaction::parse(bytes, version).is_ok(),
        other => return Err(format!("unknown message {other}")),
    };
    Ok(if is_accepted { Ok(()) } else { Err(ParseError::FieldNotSet { field: "topology" }) })
}

/// Without the topology only the wrapper can be judged.
#[cfg(not(feature = "topology"))]
fn topology(message: &str, bytes: &Bytes, version: ProtocolVersion) -> Result<Result<(), ParseError>, String> {
    match message {
        "TopologyTransaction" | "SignedTopologyTransaction" => {
            Ok(synod_wire::MessageKind::Topology.unwrap(version, bytes).map(|_| ()))
        }
        other => Err(format!("unknown message {other}")),
    }
}
