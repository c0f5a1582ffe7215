//! Requests that mediators of a running Canton received and stored, reassignments among them.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use synod_mediator::messages::{MediatorContent, RootHashMessage, Verdict, ViewPosition, ViewType};
use synod_mediator::rules::ConfirmationRequest;
use synod_testkit::fields;
use synod_testkit::recordings::Recording;
use synod_types::ProtocolVersion;
use synod_wire::{SequencedEvent, SequencedEventContent, SignedContent};

const VERSION: ProtocolVersion = ProtocolVersion::V35;
const LIMIT: usize = 10 * 1024 * 1024;

/// The unsigned contents that a mediator received, by the time of their event.
fn received(recording: &Recording, mediator: &str) -> BTreeMap<i64, Vec<(Bytes, MediatorContent)>> {
    let mut received: BTreeMap<i64, Vec<(Bytes, MediatorContent)>> = BTreeMap::new();
    for row in recording.table(mediator, "common_sequenced_events").expect("a table") {
        let signed = fields::bytes(&row, "sequenced_event").expect("bytes");
        let content = SignedContent::parse(&signed).expect("signed content").content;
        let event = SequencedEvent::parse(&content, VERSION, LIMIT).expect("an event");
        let SequencedEventContent::Deliver { batch } = event.content else { continue };
        for index in 0..batch.len() {
            let envelope = batch.open_envelope(index, LIMIT).expect("an envelope");
            if envelope.signatures.is_empty() {
                let content = MediatorContent::parse(&envelope.content, VERSION).expect("a well-formed content");
                received.entry(event.timestamp.as_micros()).or_default().push((envelope.content, content));
            }
        }
    }
    received
}

#[test]
fn requests_are_read_and_hashed_as_those_who_made_them_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-two-synchronizers");
    let recording = Recording::open(&folder).expect("a recording");
    let mut kinds: BTreeMap<ViewType, usize> = BTreeMap::new();
    for mediator in ["mediator1", "mediator2"] {
        let received = received(&recording, mediator);
        let stored = recording.table(mediator, "med_response_aggregations").expect("a table");
        assert!(!stored.is_empty());
        for row in stored {
            let time = fields::integer(&row, "request_id").expect("a time");
            let bytes = fields::bytes(&row, "mediator_confirmation_request").expect("bytes");
            let request = ConfirmationRequest::parse(&bytes, VERSION).expect("well-formed").expect("a request");
            *kinds.entry(request.view_type()).or_default() += 1;

            let contents = &received[&time];
            let requests: Vec<ConfirmationRequest> = contents
                .iter()
                .filter_map(|(bytes, content)| ConfirmationRequest::of_content(bytes.clone(), content.clone()))
                .collect();
            assert_eq!(requests, std::slice::from_ref(&request), "{mediator} at {time}: it was received like that");
            let root_hash_messages: Vec<&RootHashMessage> = contents
                .iter()
                .filter_map(|(_, content)| match content {
                    MediatorContent::RootHashMessage(message) => Some(message),
                    _ => None,
                })
                .collect();
            assert!(!root_hash_messages.is_empty());
            for message in root_hash_messages {
                assert_eq!(message.root_hash, *request.root_hash(), "{mediator} at {time}: {:?}", request.view_type());
                assert_eq!((message.view_type, &message.psid), (request.view_type(), request.psid()));
            }
            check(&request);
            let verdict = Verdict::parse(&fields::bytes(&row, "verdict").expect("bytes")).expect("a verdict");
            assert_eq!(verdict, Verdict::Approve, "all of them were confirmed");
        }
    }
    let expected = [(ViewType::Transaction, 3), (ViewType::Unassignment, 3), (ViewType::Assignment, 3)];
    assert_eq!(kinds, BTreeMap::from(expected));
}

/// What holds for every request, and for those of reassignments.
fn check(request: &ConfirmationRequest) {
    for view in request.views() {
        let position = request.position(view.number());
        assert_eq!(request.view_at(&position), Some(view));
        assert!(view.parameters().informees.iter().all(|party| request.informees().contains(party)));
        assert!(view.confirmers().iter().all(|party| view.parameters().informees.contains(party)));
    }
    if request.view_type() == ViewType::Transaction {
        assert!(!request.submitting_parties().is_empty());
        return;
    }
    assert!(request.submitting_parties().is_empty());
    let [view] = request.views() else { panic!("a reassignment has one view") };
    assert_eq!(request.position(view.number()), ViewPosition::default());
    let [quorum] = view.parameters().quorums.as_slice() else { panic!("a reassignment has one quorum") };
    assert_eq!(usize::try_from(quorum.threshold), Ok(quorum.confirmers.len()));
    let submitter = request.submitting_participant().uid().as_str();
    assert!(view.confirmers().iter().any(|party| party.as_str() == submitter));
}
