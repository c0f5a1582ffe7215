//! Every decoder survives whatever it is given: changed inputs, the same in every run.
//!
//! What is accepted is written again where we write, and read once more: both have to say the same.

use std::path::Path;

use bytes::Bytes;
use synod_mediator::messages::{
    ConfirmationResponse, ConfirmationResult, FullInformeeTree, LocalVerdict, MediatorContent, MediatorMessage,
    MerkleSeq, Verdict, ViewCommonData,
};
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
