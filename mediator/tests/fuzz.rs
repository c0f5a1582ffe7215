//! Every decoder survives whatever it is given: changed inputs, the same in every run.
//!
//! What is accepted is written again where we write, and read once more: both have to say the same.

use std::path::Path;

use bytes::Bytes;
use synod_mediator::messages::{
    ConfirmationResponse, ConfirmationResult, FullInformeeTree, LocalVerdict, MediatorContent, MediatorMessage,
    MerkleSeq, Verdict, ViewCommonData, ViewPosition, ViewType,
};
use synod_mediator::rules::ConfirmationRequest;
use synod_testkit::recordings::Recording;
use synod_testkit::vectors::{Case, read_cases};
use synod_testkit::{Mutator, fields};
use synod_types::ProtocolVersion;
use synod_wire::versioned;

const ROUNDS: usize = 200_000;

/// Larger inputs take too long without finding more.
const LONGEST_INPUT: usize = 4_000;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// The bytes in one field of all cases of a kind, without duplicates.
fn corpus(kind: &str, field: &str) -> Vec<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/mediator.jsonl.gz");
    let cases: Vec<Case> =
        read_cases(&path).expect("the file of vectors").collect::<Result<_, _>>().expect("sound cases");
    let mut inputs: Vec<Bytes> = cases
        .iter()
        .filter(|case| case.kind() == kind && case.protocol_version() == Some(35))
        .filter_map(|case| fields::optional_bytes(&case.value, field).ok()?)
        .filter(|bytes| bytes.len() <= LONGEST_INPUT)
        .collect();
    inputs.sort();
    inputs.dedup();
    assert!(inputs.len() >= 4, "{kind}.{field}: {} inputs", inputs.len());
    inputs
}

/// Runs a decoder over changed inputs. It tells whether it accepted: some have to be, or the changes are too wild.
fn fuzz(seed: u64, corpus: &[Bytes], decode: impl Fn(Bytes) -> bool) {
    let mut mutator = Mutator::new(seed);
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        accepted += usize::from(decode(mutator.mutate_one_of(corpus).into()));
    }
    assert!(accepted > ROUNDS / 1000, "{accepted} of {ROUNDS} accepted");
}

#[test]
fn requests() {
    fuzz(1, &corpus("informee_message", "envelope_content_bytes"), |bytes| {
        MediatorContent::parse(&bytes, VERSION).is_ok()
    });
    fuzz(2, &corpus("root_hash_message", "envelope_content_bytes"), |bytes| {
        MediatorContent::parse(&bytes, VERSION).is_ok()
    });
}

#[test]
fn trees_and_sequences() {
    let trees = corpus("informee_message", "full_informee_tree_bytes");
    let trees: Vec<Bytes> = trees.iter().map(|bytes| versioned::unwrap(bytes).expect("versioned").data).collect();
    fuzz(3, &trees, |bytes| {
        let Ok(tree) = FullInformeeTree::parse_proto(&bytes, VERSION) else { return false };
        for view in tree.views() {
            assert!(!tree.position(view).0.is_empty(), "a view is somewhere");
        }
        true
    });
    fuzz(4, &corpus("merkle_seq", "proto"), |bytes| {
        let Ok(seq) = MerkleSeq::parse_proto(&bytes) else { return false };
        seq.elements().iter().for_each(|element| drop(seq.index(element)));
        true
    });
    fuzz(5, &corpus("view_common_data_parse", "bytes"), |bytes| ViewCommonData::parse(&bytes).is_ok());
}

#[test]
fn answers() {
    fuzz(6, &corpus("confirmation_response_parse", "bytes"), |bytes| {
        let Ok(response) = ConfirmationResponse::parse_proto(&bytes) else { return false };
        let verdict = LocalVerdict::parse_proto(&response.verdict.to_proto_bytes());
        assert_eq!(verdict, Ok(response.verdict));
        true
    });
    fuzz(7, &corpus("confirmation_responses", "typed_content_bytes"), |bytes| MediatorMessage::parse(&bytes).is_ok());
}

#[test]
fn verdicts_and_results() {
    fuzz(8, &corpus("verdict", "bytes"), |bytes| {
        let Ok(verdict) = Verdict::parse(&bytes) else { return false };
        assert_eq!(Verdict::parse(&verdict.to_versioned_bytes()), Ok(verdict));
        true
    });
    fuzz(9, &corpus("confirmation_result", "bytes"), |bytes| {
        let Ok(result) = ConfirmationResult::parse(&bytes) else { return false };
        assert_eq!(ConfirmationResult::parse(&result.to_versioned_bytes()), Ok(result));
        true
    });
}

#[test]
fn reassignments() {
    let requests = recorded_requests();
    let parse = |bytes: Bytes| ConfirmationRequest::parse(&bytes, VERSION);
    let inputs: Vec<Bytes> = requests
        .into_iter()
        .filter(|bytes| {
            let request = parse(bytes.clone()).expect("well-formed").expect("a request");
            request.view_type() != ViewType::Transaction
        })
        .collect();
    assert_eq!(inputs.len(), 6);
    fuzz(10, &inputs, |bytes| {
        let Ok(Some(request)) = parse(bytes) else { return false };
        check_request(&request);
        true
    });
}

#[test]
fn whole_requests() {
    fuzz(11, &corpus("informee_message", "envelope_content_bytes"), |bytes| {
        let Ok(Some(request)) = ConfirmationRequest::parse(&bytes, VERSION) else { return false };
        check_request(&request);
        true
    });
    let mut positions: Vec<Bytes> = Vec::new();
    let request = corpus("informee_message", "envelope_content_bytes").into_iter().max_by_key(Bytes::len);
    let request = ConfirmationRequest::parse(&request.expect("inputs"), VERSION).expect("sound").expect("a request");
    positions.extend(request.views().iter().map(|view| request.position(view.number()).to_proto_bytes()));
    fuzz(12, &positions, |bytes| {
        let Ok(position) = ViewPosition::parse_proto(&bytes) else { return false };
        let Some(view) = request.view_at(&position) else { return false };
        assert_eq!(request.position(view.number()), position, "a view has one position");
        true
    });
}

/// The requests that mediators of a running Canton stored.
fn recorded_requests() -> Vec<Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-two-synchronizers");
    let recording = Recording::open(&folder).expect("a recording");
    let rows = ["mediator1", "mediator2"]
        .into_iter()
        .flat_map(|mediator| recording.table(mediator, "med_response_aggregations").expect("a table of requests"));
    rows.map(|row| fields::bytes(&row, "mediator_confirmation_request").expect("bytes")).collect()
}

/// What holds for every request that is well formed.
fn check_request(request: &ConfirmationRequest) {
    let order = request.views_in_map_order();
    assert_eq!(order.len(), request.views().len());
    for number in order {
        let view = request.view(number).expect("a view of the request");
        assert_eq!(request.view_at(&request.position(number)), Some(view));
        assert!(view.confirmers().iter().all(|party| request.informees().contains(party)));
    }
}
