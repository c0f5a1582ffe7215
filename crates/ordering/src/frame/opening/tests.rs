use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use synod_machine::{Machine, OrderedKind};
use synod_testkit::Mutator;
use synod_testkit::nodes::Founding;
use synod_testkit::requests::{Submission, TestMember};
use synod_types::{PhysicalSynchronizerId, SequencerId};

use super::*;
use crate::Entry;
use crate::frame::FrameContent;

const NOW_MICROS: i64 = 1_800_000_000_000_000;

fn at(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(NOW_MICROS + micros).expect("in range")
}

/// Two active sequencers, a passive one, one participant; after a block at [`NOW_MICROS`].
struct Bench {
    founding: Founding,
    state: State,
    machine: Machine,
    nonce: u8,
}

impl Bench {
    fn new() -> Self {
        let founding = Founding::new(2, 1, 1);
        let state = founding.state();
        let mut bench = Self { founding, state, machine: Machine::new(NonZeroUsize::MIN), nonce: 0 };
        let opened = bench.apply(at(0), &[]);
        assert!(opened.block.events.is_empty());
        bench
    }

    fn apply(&mut self, header_time: CantonTimestamp, transactions: &[Bytes]) -> OpenedBlock {
        let opened = OpenedBlock::open(&self.state, header_time, transactions);
        self.machine.apply(&mut self.state, &opened.block).expect("the block follows");
        opened
    }

    fn content(&mut self, sequencer: usize, valid_until: CantonTimestamp, entries: usize) -> FrameContent {
        self.nonce += 1;
        FrameContent {
            synchronizer: self.founding.network.psid().clone(),
            origin: self.founding.sequencer_id(sequencer),
            nonce: [self.nonce; 16],
            valid_until,
            entries: vec![Entry { kind: OrderedKind::Send, bytes: Bytes::from_static(b"?") }; entries],
        }
    }

    fn frame(&mut self, sequencer: usize, valid_until: CantonTimestamp, entries: usize) -> Bytes {
        let content = self.content(sequencer, valid_until, entries);
        seal(content, &self.founding.sequencers[sequencer])
    }

    fn reason(&self, header_time: CantonTimestamp, frame: &Bytes) -> Option<FrameRejection> {
        Opening::of_block(&self.state, header_time).admit(frame).err()
    }
}

fn seal(content: FrameContent, signer: &TestMember) -> Bytes {
    OrderingFrame::seal(content, signer.protocol_key()).expect("the key signs").1
}

#[test]
fn the_base_time_is_after_the_header_the_last_base_and_the_last_event() {
    let mut bench = Bench::new();
    assert_eq!(next_base_time(&bench.state, at(1_500)), at(1_500));
    assert_eq!(next_base_time(&bench.state, at(0)), at(1_000), "a millisecond after the last base");
    assert_eq!(next_base_time(&bench.state, CantonTimestamp::MIN), at(1_000));
    // Events up to 1,999 µs after the base push the next base beyond them: only 1,000 fit, so two blocks are needed.
    let participant = bench.founding.participants[0].clone();
    let recipient = participant.member().to_string();
    let mut content = bench.content(0, at(60_000_000), 0);
    content.entries = (0..MAX_FRAME_ENTRIES)
        .map(|index| {
            let submission = Submission::new(&participant, &format!("m{index}")).to(&[&recipient], b"content");
            Entry { kind: OrderedKind::Send, bytes: submission.bytes() }
        })
        .collect();
    let frame = seal(content, &bench.founding.sequencers[0]);
    bench.apply(at(5_000), &[frame]);
    assert_eq!(bench.state.last_time(), at(5_999));
    assert_eq!(next_base_time(&bench.state, at(5_000)), at(6_000));
}

#[test]
fn the_events_of_a_block_are_a_microsecond_apart() {
    let mut bench = Bench::new();
    let (first, second) = (bench.frame(0, at(9_000), 2), bench.frame(2, at(9_000), 1));
    let opened = OpenedBlock::open(&bench.state, at(7_000), &[first, Bytes::from_static(b"junk"), second]);
    let times: Vec<_> = opened.block.events.iter().map(|event| (event.time, event.origin.clone())).collect();
    let (origin, passive) = (bench.founding.sequencer_id(0), bench.founding.sequencer_id(2));
    assert_eq!(times, [(at(7_000), origin.clone()), (at(7_001), origin), (at(7_002), passive)]);
    assert_eq!((opened.block.height, opened.block.base_time, opened.block.tick_at), (1, at(7_000), None));
    let labels: Vec<_> =
        opened.verdicts.iter().map(|verdict| verdict.as_ref().map_err(FrameRejection::label)).collect();
    assert_eq!(labels, [Ok(&opened.block.frames[0]), Err("malformed"), Ok(&opened.block.frames[1])]);
}

#[test]
fn validity_is_judged_by_the_base_time_alone() {
    let mut bench = Bench::new();
    let frame = bench.frame(0, at(9_000), 1);
    assert_eq!(bench.reason(at(9_000), &frame), None, "inclusive");
    assert_eq!(
        bench.reason(at(9_001), &frame),
        Some(FrameRejection::Expired { valid_until: at(9_000), base_time: at(9_001) })
    );
    let longest = bench.frame(0, at(5_000 + MAX_FRAME_VALIDITY_MICROS), 1);
    assert_eq!(bench.reason(at(5_000), &longest), None);
    assert_eq!(bench.reason(at(4_999), &longest).map(|reason| reason.label()), Some("valid_too_long"));
    let expired = bench.reason(at(9_001), &frame).expect("expired");
    assert!(expired.is_final() && !bench.reason(at(4_999), &longest).expect("too long").is_final());
}

#[test]
fn a_frame_counts_once() {
    let mut bench = Bench::new();
    let frame = bench.frame(0, at(10_000), 1);
    let opened = bench.apply(at(2_000), &[frame.clone(), frame.clone()]);
    assert_eq!(opened.verdicts[1], Err(FrameRejection::RepeatedInBlock));
    let id = opened.block.frames[0].id;
    assert_eq!(opened.block.events.len(), 1);
    // It is remembered for as long as it is valid, and expired from then on.
    assert_eq!(bench.reason(at(10_000), &frame), Some(FrameRejection::Repeated));
    bench.apply(at(10_000), &[]);
    assert!(bench.state.has_frame(&id));
    bench.apply(at(12_000), &[]);
    assert!(!bench.state.has_frame(&id));
    assert_eq!(bench.reason(at(12_000), &frame).map(|reason| reason.label()), Some("expired"));
}

#[test]
fn a_copy_that_does_not_count_leaves_the_name_to_one_that_does() {
    let mut bench = Bench::new();
    let content = bench.content(0, at(9_000), 1);
    let forged = seal(content.clone(), &bench.founding.sequencers[1]);
    let genuine = seal(content, &bench.founding.sequencers[0]);
    let opened = OpenedBlock::open(&bench.state, at(5_000), &[forged, genuine]);
    assert_eq!(opened.verdicts[0].as_ref().map_err(FrameRejection::label), Err("bad_signature"));
    assert_eq!((opened.verdicts[1].is_ok(), opened.block.frames.len()), (true, 1));
}

#[test]
fn only_sequencers_of_this_synchronizer_can_make_frames() {
    let mut bench = Bench::new();
    for (sequencer, kind) in [(0, "active"), (1, "active"), (2, "passive")] {
        let frame = bench.frame(sequencer, at(9_000), 1);
        assert_eq!(bench.reason(at(5_000), &frame), None, "{kind}");
    }
    let stranger = TestMember::new(synod_types::MemberKind::Sequencer, "stranger");
    let mut content = bench.content(0, at(9_000), 1);
    content.origin = SequencerId::try_from(stranger.member().clone()).expect("a sequencer");
    assert_eq!(
        bench.reason(at(5_000), &seal(content, &stranger)).map(|reason| reason.label()),
        Some("not_a_sequencer")
    );

    let mut content = bench.content(0, at(9_000), 1);
    content.synchronizer = PhysicalSynchronizerId::parse("other::1220ab::35-0").expect("valid");
    let frame = seal(content, &bench.founding.sequencers[0]);
    assert_eq!(bench.reason(at(5_000), &frame), Some(FrameRejection::OtherSynchronizer));

    let content = bench.content(0, at(9_000), 1);
    let rotated = bench.founding.sequencers[0].with_protocol_key("another key");
    assert_eq!(bench.reason(at(5_000), &seal(content, &rotated)).map(|reason| reason.label()), Some("bad_signature"));
}

#[test]
fn a_full_block_leaves_out_what_does_not_fit_and_takes_what_does() {
    let mut bench = Bench::new();
    let frames: Vec<Bytes> = [600, 500, 400, 1].map(|entries| bench.frame(0, at(9_000), entries)).to_vec();
    let opened = OpenedBlock::open(&bench.state, at(5_000), &frames);
    let labels: Vec<_> =
        opened.verdicts.iter().map(|verdict| verdict.as_ref().err().map(FrameRejection::label)).collect();
    assert_eq!(labels, [None, Some("block_full"), None, Some("block_full")]);
    assert_eq!(opened.block.events.len(), MAX_BLOCK_EVENTS);
    assert!(!opened.verdicts[1].as_ref().expect_err("full").is_final());
}

/// Mutations of frames of a block: whatever is accepted is a frame that its origin made.
#[test]
fn hostile_bytes_never_count() {
    let mut bench = Bench::new();
    let genuine = [bench.frame(0, at(9_000), 1), bench.frame(1, at(9_000), 3), bench.frame(2, at(1), 1)];
    let names: BTreeSet<[u8; 32]> =
        genuine.iter().map(|bytes| *OrderingFrame::parse(bytes).expect("a frame").id()).collect();
    let mut mutator = Mutator::new(0xf00d);
    for round in 0..20_000 {
        let block: Vec<Bytes> = (0..10).map(|index| mutator.mutate(&genuine[(round + index) % 3]).into()).collect();
        let opened = OpenedBlock::open(&bench.state, at(5_000), &block);
        assert_eq!(opened.verdicts.len(), block.len());
        assert!(opened.block.frames.iter().all(|stamp| names.contains(&stamp.id)), "round {round}");
    }
}

/// What a proposer may put at one place of a block.
#[derive(Debug, Clone, Copy)]
enum Place {
    Fresh { sequencer: usize, entries: usize, valid_micros: i64 },
    Again(usize),
    Junk(u8),
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        4 => (0_usize..3, 1_usize..5, 0_i64..9_000_000)
            .prop_map(|(sequencer, entries, valid_micros)| Place::Fresh { sequencer, entries, valid_micros }),
        2 => any::<usize>().prop_map(Place::Again),
        1 => any::<u8>().prop_map(Place::Junk),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn over_many_blocks_every_frame_counts_at_most_once_and_everybody_agrees(
        blocks in prop::collection::vec((-2_000_000_i64..3_000_000, prop::collection::vec(any_place(), 0..8)), 1..12),
    ) {
        let mut bench = Bench::new();
        let (mut made, mut counted, mut header) = (Vec::<Bytes>::new(), BTreeSet::new(), 0);
        for (step, places) in blocks {
            header += step;
            let mut block = Vec::new();
            for place in places {
                block.push(match place {
                    Place::Fresh { sequencer, entries, valid_micros } => {
                        bench.frame(sequencer, at(header + valid_micros), entries)
                    }
                    Place::Again(index) if !made.is_empty() => made[index % made.len()].clone(),
                    Place::Again(_) => Bytes::new(),
                    Place::Junk(byte) => vec![byte; 50].into(),
                });
            }
            let other = OpenedBlock::open(&bench.state.clone(), at(header), &block);
            let (base, last) = (bench.state.base_time(), bench.state.last_time());
            let opened = bench.apply(at(header), &block);
            prop_assert_eq!(&opened.block, &other.block);
            prop_assert_eq!(&opened.verdicts, &other.verdicts);
            prop_assert!(opened.block.base_time > base && opened.block.base_time > last);
            for (bytes, verdict) in block.iter().zip(&opened.verdicts) {
                if let Ok(stamp) = verdict {
                    prop_assert!(counted.insert(stamp.id), "twice");
                    prop_assert!(stamp.valid_until >= opened.block.base_time);
                    let frame = OrderingFrame::parse(bytes).expect("it counts");
                    let origin = frame.content().origin.member();
                    let is_sequencer = bench.founding.sequencers.iter().any(|one| *one.member() == origin);
                    prop_assert!(is_sequencer);
                }
            }
            let events: usize = opened.block.frames.len();
            prop_assert_eq!(events, opened.verdicts.iter().filter(|verdict| verdict.is_ok()).count());
            made.extend(block);
        }
    }
}
