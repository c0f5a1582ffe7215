//! The largest messages that a hostile member can send, made to cost as much as possible: memory and time stay in
//! proportion to the bytes, and nothing overflows the stack.

use bytes::Bytes;
use synod_crypto::encoding::put_uvarint;
use synod_types::ProtocolVersion;
use synod_wire::{Batch, EnvelopeContent, ParseError, ProtoFault, Recipients, SignedContent, gzip, versioned};

/// Largest request, and largest result of decompression.
const LIMIT: usize = 10 * 1024 * 1024;

const SEQUENCERS: &[u8] = b"\x0a\x05SOD::";

/// A field of bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    put_uvarint(&mut field, content.len() as u64);
    field.extend_from_slice(content);
    field
}

/// `DecompressedRecipients` of one envelope.
fn of_one_envelope(recipients: &[u8]) -> Vec<u8> {
    field(1, recipients)
}

/// A batch of protocol version 35.
fn batch(recipients: &[u8], envelopes: usize) -> Bytes {
    let mut proto = vec![0x08, 0x01];
    proto.extend(field(2, &gzip::compress(recipients)));
    proto.extend([0x1a, 0x00].repeat(envelopes));
    proto.into()
}

fn parse(proto: &Bytes) -> Result<Batch, ParseError> {
    Batch::parse_compressed_proto(proto, ProtocolVersion::V35, LIMIT)
}

/// Nodes below each other until the limit is reached.
fn deepest_tree() -> (usize, Vec<u8>) {
    let mut backwards: Vec<u8> = Vec::with_capacity(LIMIT);
    let mut depth = 0;
    while backwards.len() < LIMIT - 100 {
        let inner = backwards.len();
        if depth > 0 {
            let mut header = vec![0x12];
            put_uvarint(&mut header, inner as u64);
            backwards.extend(header.iter().rev());
        }
        backwards.extend(SEQUENCERS.iter().rev());
        depth += 1;
    }
    backwards.reverse();
    (depth, field(1, &backwards))
}

#[test]
fn the_deepest_tree_is_no_deeper_than_memory() {
    let (depth, recipients) = deepest_tree();
    assert!(depth > 800_000);
    let proto = batch(&of_one_envelope(&recipients), 1);
    let batch = parse(&proto).expect("as the JVM accepts any depth");
    assert_eq!(batch.recipients()[0].iter().count(), depth);
    assert_eq!(batch.clone(), batch);
    let written = batch.to_compressed_proto();
    assert_eq!(parse(&written).as_ref(), Ok(&batch));
    let member = synod_types::Member::parse("SEQ::a::b").expect("member");
    assert!(batch.for_member(&member, &|_| false).is_empty());
    assert_eq!(batch.for_member(&member, &|_| true), batch);
    assert!(format!("{batch:?} {:?}", batch.recipients()).len() < 500);
}

#[test]
fn the_widest_tree_is_read_in_one_go() {
    let child = field(2, SEQUENCERS);
    let mut node = SEQUENCERS.to_vec();
    node.extend(child.repeat((LIMIT - 100) / child.len()));
    let recipients = Recipients::parse(&field(1, &node)).expect("well formed");
    assert_eq!(recipients.encode(), field(1, &node));
    assert_eq!(recipients.trees().next().expect("a tree").children().count(), (LIMIT - 100) / child.len());
}

#[test]
fn a_node_of_many_recipients_collapses() {
    let node = SEQUENCERS.repeat(LIMIT / SEQUENCERS.len());
    let recipients = Recipients::parse(&field(1, &node)).expect("well formed");
    assert_eq!(recipients.iter().count(), 1);
}

#[test]
fn empty_nodes_and_envelopes_take_no_memory() {
    let empty = [0x12, 0x00].repeat(LIMIT / 2);
    assert!(Recipients::parse(&field(1, &[SEQUENCERS, &empty].concat())).is_err());
    assert!(Recipients::parse(&[0x0a, 0x00].repeat(LIMIT / 2)).is_err());
    let envelopes = parse(&batch(&[], LIMIT / 2));
    assert!(matches!(envelopes, Err(ParseError::EnvelopeCount { .. })), "{envelopes:?}");
}

#[test]
fn many_envelopes_are_a_batch() {
    let recipients = of_one_envelope(&field(1, SEQUENCERS));
    let count = (LIMIT - 100) / recipients.len();
    let batch = parse(&batch(&recipients.repeat(count), count)).expect("well formed");
    assert_eq!(batch.len(), count);
}

#[test]
fn bombs_stop_at_the_limit() {
    let bomb = gzip::compress(&vec![0x0a; 10 * LIMIT]);
    let mut proto = vec![0x08, 0x01];
    proto.extend(field(2, &bomb));
    assert!(matches!(parse(&proto.into()), Err(ParseError::Gzip(_))));
}

#[test]
fn groups_and_signatures_stop_early() {
    let groups = Bytes::from(vec![0x0b; LIMIT]);
    assert_eq!(versioned::unwrap(&groups), Err(ProtoFault::GroupDepth.into()));
    let pairs = Bytes::from([0x0b, 0x0c].repeat(LIMIT / 2));
    assert_eq!(versioned::unwrap(&pairs), Err(ParseError::FieldNotSet { field: "data" }));
    let signatures = versioned::wrap(30, &[0x12, 0x00].repeat(LIMIT / 2));
    assert!(matches!(SignedContent::parse(&signatures), Err(ParseError::Signature(_))));
    let contents = versioned::wrap(31, &[0x2a, 0x00].repeat(LIMIT / 2));
    assert_eq!(EnvelopeContent::parse(&contents, ProtocolVersion::V35), Ok(EnvelopeContent::Other));
}
