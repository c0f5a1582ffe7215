//! Rules that no vector pins: depth, merged parts, the last field of a oneof.

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::ProtocolVersion;
use synod_wire::versioned;

use super::{FullInformeeTree, InvalidMessage, MediatorMessage, MerkleSeq, MerkleSeqIndex, Verdict, ViewPosition};

/// A field of bytes or a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut buffer);
    prost::encoding::encode_varint(content.len() as u64, &mut buffer);
    buffer.extend_from_slice(content);
    buffer
}

fn blinded(byte: u8) -> Vec<u8> {
    field(2, &Hash::from_digest([byte; 32]).multihash())
}

/// A node with the versioned form of this message.
fn unblinded(message: &[u8]) -> Vec<u8> {
    field(1, &versioned::wrap(30, message))
}

/// A sequence in which each branch has an element as its second part, and the next branch as its first.
fn comb(depth: usize) -> Bytes {
    let leaf = |byte: u8| unblinded(&field(3, &field(1, &[byte])));
    let mut node = leaf(0);
    for _ in 0..depth {
        node = unblinded(&[field(1, &node), field(2, &leaf(1))].concat());
    }
    field(1, &node).into()
}

#[test]
fn a_deep_sequence_needs_no_stack() {
    const DEPTH: usize = 3_000;
    let bytes = comb(DEPTH);
    let read = move || {
        let seq = MerkleSeq::parse_proto(&bytes).expect("a sequence");
        assert_eq!(seq.elements().len(), DEPTH + 1);
        assert_eq!(seq.index(&seq.elements()[0]), MerkleSeqIndex(vec![false; DEPTH]));
        assert_eq!(seq.index(&seq.elements()[DEPTH]), MerkleSeqIndex(vec![true]));
        assert!(seq.root_hash(&vec![Hash::from_digest([7; 32]); DEPTH + 1]).is_some());
    };
    let small = std::thread::Builder::new().stack_size(128 * 1024).spawn(read).expect("a thread starts");
    small.join().expect("the stack is enough");
}

#[test]
fn parts_of_a_sequence_are_merged_and_the_last_node_counts() {
    let root = |parts: &[Vec<u8>]| {
        MerkleSeq::parse_proto(&parts.concat().into()).map(|seq| (seq.has_blinded_parts(), seq.elements().len()))
    };
    let element = unblinded(&field(3, &blinded(1)));
    assert_eq!(root(&[]), Ok((false, 0)));
    assert_eq!(root(&[field(1, &element)]), Ok((true, 1)));
    assert_eq!(root(&[field(1, &element), field(1, &blinded(2))]), Ok((true, 0)), "the later one counts");
    assert_eq!(root(&[field(1, &blinded(2)), field(1, b"")]), Ok((true, 0)), "nothing is added");
    assert_eq!(root(&[field(1, b"")]), Err(InvalidMessage::NodeNotSet { field: "root_or_empty" }));
}

#[test]
fn a_tree_without_a_part_is_refused() {
    let parse = |bytes: Vec<u8>| FullInformeeTree::parse_proto(&bytes.into(), ProtocolVersion::V35).map(|_| ());
    assert!(parse(Vec::new()).is_err());
    let tree = [field(1, &blinded(1)), field(2, &blinded(2)), field(3, &blinded(3)), field(4, b"")].concat();
    assert_eq!(parse(field(1, &tree)), Err(InvalidMessage::Blinded { field: "submitter_metadata" }));
}

#[test]
fn the_last_verdict_counts_and_all_are_well_formed() {
    let parse = |parts: &[Vec<u8>]| Verdict::parse(&versioned::wrap(30, &parts.concat()));
    let malformed_reject = field(3, &[field(1, b"\x08\x03").as_slice(), b"\x10\x01"].concat());
    assert_eq!(parse(&[malformed_reject.clone(), field(1, b"")]), Ok(Verdict::Approve));
    let reject = parse(&[field(1, b""), malformed_reject.clone()]);
    assert!(matches!(reject, Ok(Verdict::MediatorReject { is_malformed: true, .. })));
    let merged = parse(&[malformed_reject, field(3, &field(1, b"\x12\x01x"))]);
    let Ok(Verdict::MediatorReject { reason, is_malformed: true }) = merged else { panic!("a reject") };
    assert_eq!((reason.code, reason.message.as_str()), (3, "x"));
    assert!(parse(&[field(3, &field(1, b"\x12\x01\xff")), field(1, b"")]).is_err(), "not UTF-8");
    assert_eq!(parse(&[field(3, &field(1, b""))]), Err(InvalidMessage::NotARejection));
    assert!(parse(&[]).is_err());
}

#[test]
fn steps_may_be_packed_or_not() {
    let position = |index: &[u8]| ViewPosition::parse_proto(&field(1, index).into());
    let expected = Ok(ViewPosition(vec![MerkleSeqIndex(vec![false, true])]));
    assert_eq!(position(b"\x0a\x02\x00\x01"), expected);
    assert_eq!(position(b"\x08\x00\x08\x01"), expected);
    assert_eq!(position(b"\x0a\x01\x00\x08\x02"), expected);
    assert!(position(b"\x0a\x01\x80").is_err());
}

#[test]
fn what_concerns_others_is_not_judged() {
    let parse = |content: &[u8]| MediatorMessage::parse(&versioned::wrap(30, content));
    assert_eq!(parse(&field(4, b"\xff")), Ok(MediatorMessage::Other));
    assert_eq!(parse(&[field(2, b"\xff"), field(5, b"")].concat()), Ok(MediatorMessage::Other));
    assert!(parse(&field(2, b"\xff")).is_err());
    assert!(parse(b"").is_err());
}
