//! The texts, against what Canton answered to bad signatures (recording `pv35-edges`).

use std::path::Path;

use bytes::Bytes;
use prost::Message;
use synod_crypto::{CryptoRestrictions, SignatureVerifier, submission_request_hash};
use synod_proto::sequencer::api::v30::SendAsyncRequest;
use synod_proto::sequencer::api::v30::sequencer_connect::RegisterOnboardingTopologyTransactionsRequest;
use synod_testkit::recordings::{Call, Recording};
use synod_topology::SignedTopologyTransaction;
use synod_topology::mapping::Mapping;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion};
use synod_wire::{SignedContent, SubmissionRequest};

use super::*;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

fn request(call: &Call) -> Bytes {
    call.requests.first().and_then(|message| message.bytes.clone()).unwrap_or_default()
}

/// The keys with which members registered.
fn keys_of(member: &Member, calls: &[Call]) -> Vec<SigningPublicKey> {
    let registrations = calls.iter().filter(|call| call.method_name().starts_with("Register"));
    for call in registrations {
        let request = RegisterOnboardingTopologyTransactionsRequest::decode(request(call)).expect("a request");
        for proto in request.topology_transactions {
            let signed = SignedTopologyTransaction::parse_unversioned(&proto.encode_to_vec(), VERSION);
            let Ok(signed) = signed else { continue };
            if let Mapping::OwnerToKeyMapping(mapping) = signed.transaction().mapping()
                && mapping.member() == member
            {
                return mapping.signing_keys().to_vec();
            }
        }
    }
    panic!("{member} did not register");
}

#[test]
fn bad_signatures_read_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-edges");
    let recording = Recording::open(&folder).expect("the recording opens");
    let calls = recording.calls("participant1-sequencer1").expect("the calls are sound");
    let mut compared = 0;
    for call in calls.iter().filter(|call| call.method_name() == "SendAsync") {
        let details = call.end.as_ref().map(|end| end.details.as_str()).unwrap_or_default();
        let Some((_, expected)) = details.split_once(". Error: ") else { continue };
        let bytes = SendAsyncRequest::decode(request(call)).expect("a request").signed_submission_request;
        let signed = SignedContent::parse(&bytes).expect("signed");
        let submission = SubmissionRequest::parse(&signed.content, VERSION, usize::MAX).expect("a request");
        let psid = call.metadata_text("synchronizerid").expect("the header");
        let psid = PhysicalSynchronizerId::parse(psid).expect("an id");
        let verifier = SignatureVerifier::new(psid.logical().clone(), VERSION, CryptoRestrictions::jce());
        let keys = keys_of(&submission.sender, &calls);
        let (hash, signature) = (submission_request_hash(&signed.content), signed.last_signature());
        let error = verifier
            .verify(CantonTimestamp::EPOCH, &keys, &hash, signature, KeyUsages::PROTOCOL)
            .expect_err("the signature is bad");
        assert_eq!(signature_failure(&error, signature, &hash, &submission.sender, &keys), expected);
        compared += 1;
    }
    assert_eq!(compared, 4);
}
