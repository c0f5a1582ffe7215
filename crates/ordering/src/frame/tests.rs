use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_machine::OrderedKind;
use synod_proto::synod::ordering::v1;
use synod_testkit::Mutator;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SequencerId};

use super::*;
use crate::Entry;

/// A key that is the same in every run.
fn key() -> SigningPrivateKey {
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let der = [&prefix[..], &[7; 32]].concat();
    SigningPrivateKey::from_pkcs8(&der, SigningKeySpec::EcCurve25519, KeyUsages::PROTOCOL).expect("a seed is a key")
}

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("in range")
}

fn content(entries: Vec<Entry>) -> FrameContent {
    FrameContent {
        synchronizer: PhysicalSynchronizerId::parse(&format!("sync::1220{}::35-0", "ab".repeat(32))).expect("valid"),
        origin: SequencerId::parse(&format!("SEQ::seq1::1220{}", "cd".repeat(32))).expect("valid"),
        nonce: [9; NONCE_BYTES],
        valid_until: time(1_700_000_000_000_000),
        entries,
    }
}

fn entries() -> Vec<Entry> {
    vec![
        Entry { kind: OrderedKind::Send, bytes: vec![1; 40].into() },
        Entry { kind: OrderedKind::Acknowledge, bytes: Bytes::from_static(b"ack") },
        Entry { kind: OrderedKind::Send, bytes: Bytes::new() },
    ]
}

fn sealed() -> (OrderingFrame, Bytes) {
    OrderingFrame::seal(content(entries()), &key()).expect("the key signs")
}

/// The only bytes that this frame can have.
fn encode(frame: &OrderingFrame) -> Vec<u8> {
    let signature = Some(frame.signature().to_proto());
    v1::OrderingFrame { content: frame.content().encode(), signature }.encode_to_vec()
}

/// Breaks when frames on a running chain would get another name or other bytes.
#[test]
fn bytes_and_name_of_a_frame_never_change() {
    let (frame, bytes) = sealed();
    assert_eq!(
        blake3::hash(&bytes).to_hex().as_str(),
        "4b5b5c2a6627a292385cebb203c851b069b190995ac44a470bdaaa3711a2d370"
    );
    assert_eq!(hex::encode(frame.id()), "1259c431afe76e826edaa22ffe983cc128a8495c4ab71888c4226d215ab7108e");
}

#[test]
fn a_sealed_frame_is_read_back() {
    let (frame, bytes) = sealed();
    assert_eq!(OrderingFrame::parse(&bytes), Ok(frame.clone()));
    assert_eq!(frame.stamp().valid_until, frame.content().valid_until);
    synod_crypto::verify(frame.hash(), key().public_key(), frame.signature(), KeyUsages::PROTOCOL).expect("signed");
}

#[test]
fn every_field_is_in_the_name() {
    let name = |content: FrameContent| *OrderingFrame::seal(content, &key()).expect("the key signs").0.id();
    let base = content(entries());
    let mut names = vec![
        name(base.clone()),
        name(FrameContent { nonce: [8; NONCE_BYTES], ..base.clone() }),
        name(FrameContent { valid_until: time(1), ..base.clone() }),
        name(FrameContent { entries: entries().split_off(1), ..base.clone() }),
        name(FrameContent { origin: SequencerId::parse("SEQ::seq2::1220ab").expect("valid"), ..base.clone() }),
        name(FrameContent { synchronizer: PhysicalSynchronizerId::parse("a::b::35-1").expect("valid"), ..base }),
    ];
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6);
}

/// A frame around other bytes of the content or another signature.
fn outer(content: Bytes, change: impl FnOnce(&mut v1::OrderingFrame)) -> Bytes {
    let mut message = v1::OrderingFrame { content, signature: Some(sealed().0.signature().to_proto()) };
    change(&mut message);
    message.encode_to_vec().into()
}

fn inner(change: impl FnOnce(&mut v1::FrameContent)) -> Bytes {
    let mut message = v1::FrameContent::decode(content(entries()).encode()).expect("valid");
    change(&mut message);
    message.encode_to_vec().into()
}

fn field_of(bytes: &Bytes) -> &'static str {
    match OrderingFrame::parse(bytes) {
        Err(InvalidFrame::Field { field }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_without_a_valid_value_are_refused() {
    type Change = fn(&mut v1::FrameContent);
    let changes: [(&str, Change); 9] = [
        ("synchronizer", |content| content.synchronizer.clear()),
        ("synchronizer", |content| content.synchronizer.push('-')),
        ("origin", |content| content.origin.clear()),
        ("origin", |content| content.origin = content.origin.replace("SEQ", "PAR")),
        ("nonce", |content| content.nonce = Bytes::from_static(&[0; 15])),
        ("valid_until", |content| content.valid_until = i64::MAX),
        ("kind", |content| content.entries[0].kind = 0),
        ("kind", |content| content.entries[0].kind = 3),
        ("kind", |content| content.entries[0].kind = -1),
    ];
    for (field, change) in changes {
        assert_eq!(field_of(&outer(inner(change), |_| {})), field);
    }
    for (entries, count) in [(0, 0), (MAX_FRAME_ENTRIES + 1, MAX_FRAME_ENTRIES + 1), (100_000, MAX_FRAME_ENTRIES + 1)] {
        let bytes = outer(inner(|content| content.entries = vec![content.entries[2].clone(); entries]), |_| {});
        assert_eq!(OrderingFrame::parse(&bytes), Err(InvalidFrame::Entries { count }));
    }
    let most = outer(inner(|content| content.entries = vec![content.entries[2].clone(); MAX_FRAME_ENTRIES]), |_| {});
    assert_eq!(OrderingFrame::parse(&most).map(|frame| frame.content().entries.len()), Ok(MAX_FRAME_ENTRIES));
}

#[test]
fn a_signature_has_one_form() {
    let plain = content(entries()).encode();
    assert_eq!(
        OrderingFrame::parse(&outer(plain.clone(), |frame| frame.signature = None)),
        Err(InvalidFrame::NoSignature)
    );
    type Change = fn(&mut synod_proto::crypto::v30::Signature);
    let changes: [Change; 3] = [
        // Raw: Canton migrates it.
        |signature| signature.format = 1,
        |signature| signature.signing_algorithm_spec = 0,
        |signature| signature.signature_delegation = Some(Default::default()),
    ];
    for change in changes {
        let bytes = outer(plain.clone(), |frame| change(frame.signature.as_mut().expect("signed")));
        let refused = OrderingFrame::parse(&bytes).expect_err("another form");
        assert!(
            matches!(refused, InvalidFrame::Field { field: "signature" } | InvalidFrame::Signature(_)),
            "{refused}"
        );
    }
}

#[test]
fn other_encodings_of_a_frame_are_refused() {
    let (_, bytes) = sealed();
    let plain = content(entries()).encode();
    let unknown_field = [&bytes[..], &[0x78, 1]].concat();
    let default_written = [&bytes[..], &[0x12, 0]].concat();
    let unknown_inside = outer([&plain[..], &[0x78, 1]].concat().into(), |_| {});
    let default_inside = outer([&plain[..], &[0x20, 0]].concat().into(), |_| {});
    let unchanged = outer(inner(|_| {}), |_| {});
    assert_eq!(OrderingFrame::parse(&unchanged).map(|frame| *frame.id()), Ok(*sealed().0.id()));
    for bytes in [unknown_field.into(), default_written.into(), unknown_inside, default_inside] {
        assert_eq!(OrderingFrame::parse(&bytes), Err(InvalidFrame::NotCanonical));
    }
    let too_large = Bytes::from(vec![0; MAX_FRAME_BYTES + 1]);
    assert_eq!(OrderingFrame::parse(&too_large), Err(InvalidFrame::TooLarge { bytes: MAX_FRAME_BYTES + 1 }));
    assert!(matches!(OrderingFrame::parse(&Bytes::from_static(b"frame")), Err(InvalidFrame::Encoding(_))));
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![Just(OrderedKind::Send), Just(OrderedKind::Acknowledge)];
    (kind, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(kind, bytes)| Entry { kind, bytes: bytes.into() })
}

proptest! {
    #[test]
    fn any_content_survives(
        entries in prop::collection::vec(any_entry(), 1..50),
        nonce: [u8; NONCE_BYTES],
        micros in CantonTimestamp::MIN.as_micros()..=CantonTimestamp::MAX.as_micros(),
    ) {
        let content = FrameContent { nonce, valid_until: time(micros), ..content(entries) };
        let (frame, bytes) = OrderingFrame::seal(content.clone(), &key()).expect("the key signs");
        prop_assert_eq!(OrderingFrame::parse(&bytes), Ok(frame.clone()));
        prop_assert_eq!(frame.into_content(), content);
    }
}

/// Two hundred thousand mutations of a frame: none makes the parser panic, and what is accepted has the one encoding.
#[test]
fn hostile_bytes_are_refused_or_are_the_one_encoding() {
    let (_, bytes) = sealed();
    let mut mutator = Mutator::new(0x5eed);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let mutated = Bytes::from(mutator.mutate(&bytes));
        if let Ok(frame) = OrderingFrame::parse(&mutated) {
            assert_eq!(encode(&frame), mutated);
            accepted += 1;
        }
    }
    assert!(accepted > 1_000, "mutations inside of entries keep the form: {accepted}");
}
