//! Streams of several sequencers in many orders.

use std::time::Duration;

use synod_testkit::requests::{Network, TestMember};
use synod_types::{MemberKind, MessageId, ProtocolVersion};
use synod_wire::{Batch, SequencedEventContent};

use super::*;
use crate::EventKeys;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// The stream of a member as one sequencer has it.
struct Source {
    network: Network,
    sequencers: Vec<TestMember>,
}

impl Source {
    fn new(count: usize) -> Self {
        let member = |number| TestMember::new(MemberKind::Sequencer, &format!("sequencer{number}"));
        let sequencers: Vec<_> = (0..count).map(member).collect();
        Self { network: Network::new(sequencers[0].clone()), sequencers }
    }

    fn id(&self, sequencer: usize) -> SequencerId {
        SequencerId::try_from(self.sequencers[sequencer].member().clone()).unwrap()
    }

    fn time(number: u64) -> CantonTimestamp {
        CantonTimestamp::EPOCH.saturating_add(Duration::from_secs(number))
    }

    /// Event `number`, from 1, as the sequencer signs it.
    fn event(&self, number: u64, text: &str, sequencer: usize) -> Bytes {
        let event = SequencedEvent {
            previous_timestamp: (number > 1).then(|| Self::time(number - 1)),
            timestamp: Self::time(number),
            psid: self.network.psid().clone(),
            message_id: Some(MessageId::parse(text).unwrap()),
            content: SequencedEventContent::Deliver { batch: Batch::new(VERSION, Vec::new()) },
            topology_timestamp: None,
            traffic_receipt: None,
        };
        let content = event.to_versioned_bytes();
        let signature = self.sequencers[sequencer].sign(&sequenced_event_hash(&content));
        SignedContent::new(content, signature, None).to_versioned_bytes(VERSION)
    }

    fn merge(&self, threshold: usize) -> Merge {
        let mut merge =
            Merge::new(StreamChecker::new(self.network.psid().clone(), EventKeys::Unknown, None), threshold);
        for sequencer in 0..self.sequencers.len() {
            assert_eq!(merge.open(self.id(sequencer)), None);
        }
        merge
    }
}

fn number_of(decided: &Decided) -> u64 {
    let micros = decided.event.event.timestamp.as_micros();
    u64::try_from(micros).unwrap() / 1_000_000
}

/// A sequence that looks random and is the same every time.
fn shuffled(seed: u64) -> impl Iterator<Item = usize> {
    let step =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), step).map(|state| usize::try_from(state >> 33).unwrap())
}

#[test]
fn each_event_comes_once_and_in_order_whoever_is_faster() {
    const EVENTS: u64 = 40;
    let source = Source::new(4);
    for seed in 0..50 {
        let threshold = usize::try_from(seed % 4).unwrap() + 1;
        let mut merge = source.merge(threshold);
        let (mut next, mut decided) = ([1; 4], Vec::new());
        for choice in shuffled(seed) {
            let (sequencer, loses) = (choice % 4, choice % 64 < 4);
            let id = source.id(sequencer);
            if loses {
                merge.close(&id);
                let from = merge.open(id.clone());
                next[sequencer] = from.map_or(1, |time| u64::try_from(time.as_micros()).unwrap() / 1_000_000);
            }
            if merge.wants(&id) && next[sequencer] <= EVENTS {
                let number = next[sequencer];
                merge.receive(&id, &source.event(number, &format!("m{number}"), sequencer)).unwrap();
                next[sequencer] += 1;
                // One event beyond the last that was decided, at most.
                assert!(number <= u64::try_from(decided.len()).unwrap() + 1);
            }
            while let Some(event) = merge.decide() {
                assert!(event.others.is_empty());
                decided.push(number_of(&event));
            }
            if decided.len() == 40 && next == [EVENTS + 1; 4] {
                break;
            }
        }
        assert!(decided.iter().copied().eq(1..=EVENTS), "{decided:?}");
        assert!(merge.passed.is_empty(), "nobody is behind");
    }
}

#[test]
fn who_delivers_something_else_is_named_early_and_late() {
    let source = Source::new(4);
    let mut merge = source.merge(2);
    merge.receive(&source.id(0), &source.event(1, "other", 0)).unwrap();
    merge.receive(&source.id(1), &source.event(1, "m1", 1)).unwrap();
    assert!(merge.is_disputed() && merge.decide().is_none());
    merge.receive(&source.id(2), &source.event(1, "m1", 2)).unwrap();
    let decided = merge.decide().unwrap();
    let [(liar, error)] = &decided.others[..] else { panic!("{decided:?}") };
    assert_eq!(*liar, source.id(0));
    let EventError::Disagreement { sequencer, others, .. } = error else { panic!("{error:?}") };
    assert_eq!((sequencer, &others[..]), (&source.id(0), &[source.id(1), source.id(2)][..]));

    // The last event, then one before it.
    let error = merge.receive(&source.id(3), &source.event(1, "other", 3)).unwrap_err();
    assert!(matches!(&error, EventError::Disagreement { others, .. } if others.len() == 2), "{error:?}");
    for sequencer in [1, 2] {
        merge.receive(&source.id(sequencer), &source.event(2, "m2", sequencer)).unwrap();
    }
    assert_eq!(number_of(&merge.decide().unwrap()), 2);
    let error = merge.receive(&source.id(3), &source.event(1, "other", 3)).unwrap_err();
    assert!(matches!(&error, EventError::Disagreement { others, .. } if others.len() == 2), "{error:?}");
    // What is right still counts.
    merge.receive(&source.id(3), &source.event(1, "m1", 3)).unwrap();
}

#[test]
fn a_vote_that_was_taken_back_does_not_count() {
    let source = Source::new(3);
    let mut merge = source.merge(2);
    for (sequencer, text) in [(0, "m1"), (1, "other")] {
        merge.receive(&source.id(sequencer), &source.event(1, text, sequencer)).unwrap();
    }
    merge.forget(&source.id(0));
    merge.receive(&source.id(2), &source.event(1, "m1", 2)).unwrap();
    assert!(merge.decide().is_none());
    // What was delivered before a loss counts.
    merge.close(&source.id(2));
    merge.open(source.id(0));
    merge.receive(&source.id(0), &source.event(1, "m1", 0)).unwrap();
    assert_eq!(number_of(&merge.decide().unwrap()), 1);
}

#[test]
fn who_is_far_behind_is_given_up() {
    let source = Source::new(2);
    let mut merge = source.merge(1);
    let (fast, slow) = (source.id(0), source.id(1));
    let mut number = 0;
    while merge.too_slow().is_empty() {
        number += 1;
        merge.receive(&fast, &source.event(number, "m", 0)).unwrap();
        merge.decide().unwrap();
    }
    assert_eq!(usize::try_from(number).unwrap(), MAX_BEHIND + 2);
    assert_eq!(merge.too_slow(), std::slice::from_ref(&slow));
    merge.close(&slow);
    assert!(merge.passed.is_empty());
    assert_eq!(merge.open(slow.clone()), Some(Source::time(number)));
    merge.receive(&slow, &source.event(number, "m", 1)).unwrap();
    merge.receive(&slow, &source.event(number + 1, "m", 1)).unwrap();
    assert_eq!(number_of(&merge.decide().unwrap()), number + 1);
}
