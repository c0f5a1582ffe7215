//! The texts, against what Canton answered to malformed requests (recording `pv35-edges`).

use std::path::Path;

use prost::Message;
use synod_proto::sequencer::api::v30::{AcknowledgeSignedRequest, SendAsyncRequest};
use synod_testkit::recordings::{Call, Recording};
use synod_types::ProtocolVersion;
use synod_wire::{AcknowledgeRequest, SignedContent, SubmissionRequest};

use super::*;

const LIMIT: usize = 10 * 1024 * 1024;
/// What stands before the reason when the bytes do not parse.
const MALFORMED: &str = "SEQUENCER_SUBMISSION_REQUEST_MALFORMED(5,0): Send request [] from sender [] is malformed. \
                         Discarding request. ";

fn calls() -> Vec<Call> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-edges");
    let recording = Recording::open(&folder).expect("the recording opens");
    recording.calls("participant1-sequencer1").expect("the calls are sound")
}

fn request(call: &Call) -> Option<Bytes> {
    call.requests.first()?.bytes.clone()
}

fn parse(bytes: &Bytes) -> Result<(), ParseError> {
    let signed = SignedContent::parse(bytes)?;
    SubmissionRequest::parse(&signed.content, ProtocolVersion::V35, LIMIT).map(|_| ())
}

#[test]
fn every_malformed_submission_reads_as_recorded() {
    let mut compared = 0;
    for call in calls().iter().filter(|call| call.method_name() == "SendAsync") {
        let (Some(end), Some(request)) = (&call.end, request(call)) else { continue };
        let bytes = SendAsyncRequest::decode(request).expect("a request").signed_submission_request;
        let found = parse(&bytes).map_err(|error| submission_failure(&error, &bytes, ProtocolVersion::V35, LIMIT));
        match end.details.strip_prefix(MALFORMED) {
            Some(expected) => assert_eq!(found, Err(expected.to_owned()), "call {}", call.rpc),
            None => assert_eq!(found, Ok(()), "call {}", call.rpc),
        }
        compared += usize::from(end.details.starts_with(MALFORMED));
    }
    assert_eq!(compared, 12);
}

#[test]
fn a_malformed_acknowledgement_reads_as_recorded() {
    let calls = calls();
    let malformed = |call: &&Call| {
        let end = call.end.as_ref();
        call.method_name() == "AcknowledgeSigned" && end.is_some_and(|end| end.status == "INVALID_ARGUMENT")
    };
    let call = calls.iter().find(malformed).expect("one is malformed");
    let request = AcknowledgeSignedRequest::decode(request(call).expect("recorded")).expect("a request");
    let bytes = request.signed_acknowledge_request;
    let parsed = SignedContent::parse(&bytes)
        .and_then(|signed| AcknowledgeRequest::parse(&signed.content, ProtocolVersion::V35));
    let text = parse_failure(&parsed.expect_err("malformed"), "SignedContent");
    assert_eq!(text, call.end.as_ref().expect("ended").details);
}
