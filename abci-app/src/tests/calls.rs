//! What each call says to good and to bad input.

use bytes::Bytes;
use synod_ordering::frame::MAX_BLOCK_EVENTS;
use synod_testkit::requests::TestMember;
use synod_types::{MemberKind, PhysicalSynchronizerId, SequencerId};

use super::mock::{MockConsensus, at, junk, seal};
use crate::codes;

/// Frames that do not count after a block at second 10, with the code that each gets.
fn bad_frames(consensus: &mut MockConsensus, ordered: &Bytes) -> Vec<(u32, Bytes)> {
    let mut other_chain = consensus.content(0, at(10), vec![junk()]);
    other_chain.synchronizer = PhysicalSynchronizerId::parse("other::1220ab::35-0").expect("valid");
    let mut expired = consensus.content(0, at(10), vec![junk()]);
    expired.valid_until = at(10);
    let mut endless = consensus.content(0, at(10), vec![junk()]);
    endless.valid_until = at(11 + 301);
    let stranger = TestMember::new(MemberKind::Sequencer, "stranger");
    let mut strange = consensus.content(0, at(10), vec![junk()]);
    strange.origin = SequencerId::try_from(stranger.member().clone()).expect("a sequencer");
    let forged = consensus.content(0, at(10), vec![junk()]);
    let [own, other] = [0, 1].map(|index| consensus.founding.sequencers[index].clone());
    vec![
        (1, Bytes::from_static(b"no frame")),
        (1, Bytes::new()),
        (2, seal(other_chain, &own)),
        (3, seal(expired, &own)),
        (4, seal(endless, &own)),
        (5, ordered.clone()),
        (8, seal(strange, &stranger)),
        (9, seal(forged, &other)),
    ]
}

async fn after_a_block(nodes: usize) -> (MockConsensus, Bytes) {
    let mut consensus = MockConsensus::start(nodes).await;
    let frame = consensus.frame(0, at(10), vec![junk()]);
    consensus.round(at(10), vec![frame.clone()]);
    (consensus, frame)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tx_says_why_a_frame_cannot_wait() {
    let (mut consensus, ordered) = after_a_block(1).await;
    for (code, frame) in bad_frames(&mut consensus, &ordered) {
        let answer = consensus.node(0).check_tx(&frame);
        assert_eq!((answer.code, answer.log.is_empty()), (code, false), "{}", answer.log);
    }
    for sequencer in [0, 1] {
        let frame = consensus.frame(sequencer, at(10), vec![junk()]);
        assert_eq!(consensus.node(0).check_tx(&frame).code, codes::OK, "active and passive sequencers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_leaves_out_what_may_count_later_and_carries_out_what_never_will() {
    let (mut consensus, ordered) = after_a_block(2).await;
    let good = consensus.frame(1, at(10), vec![junk()]);
    let bad = bad_frames(&mut consensus, &ordered);
    let mempool: Vec<Bytes> = bad.iter().map(|(_, frame)| frame.clone()).chain([good.clone()]).collect();
    let proposed = consensus.node(0).prepare(2, at(11), mempool.clone()).expect("answered");
    let carried: Vec<Bytes> =
        bad.iter().filter(|(code, _)| matches!(code, 3 | 5)).map(|(_, frame)| frame.clone()).collect();
    assert_eq!(proposed, [carried, vec![good]].concat());
    let decided = consensus.round(at(11), mempool);
    assert_eq!(decided.tx_results.iter().map(|result| result.code).collect::<Vec<_>>(), [3, 5, codes::OK]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_with_anything_else_is_rejected() {
    let (mut consensus, ordered) = after_a_block(1).await;
    let good = consensus.frame(0, at(10), vec![junk()]);
    for (code, frame) in bad_frames(&mut consensus, &ordered) {
        let accepted = consensus.node(0).process(2, at(11), vec![good.clone(), frame]).expect("answered");
        assert_eq!(accepted, matches!(code, 3 | 5), "code {code}");
    }
    let twice = consensus.node(0).process(2, at(11), vec![good.clone(), good.clone()]).expect("answered");
    assert!(!twice, "the same frame twice");
    let large = consensus.frame(0, at(10), vec![junk(); MAX_BLOCK_EVENTS]);
    let too_many = consensus.node(0).process(2, at(11), vec![good.clone(), large.clone()]).expect("answered");
    assert!(!too_many, "more events than a block has");
    assert!(consensus.node(0).process(2, at(11), vec![large]).expect("answered"));
    assert!(consensus.node(0).process(2, at(11), vec![]).expect("answered"), "an empty block");
    assert!(consensus.node(0).process(2, at(11), vec![good]).expect("answered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_has_a_result_for_each_of_its_transactions() {
    let (mut consensus, ordered) = after_a_block(2).await;
    let good = consensus.frame(0, at(10), vec![junk()]);
    let large = consensus.frame(0, at(10), vec![junk(); MAX_BLOCK_EVENTS]);
    let bad = bad_frames(&mut consensus, &ordered);
    let mut block: Vec<Bytes> = bad.iter().map(|(_, frame)| frame.clone()).collect();
    block.extend([good.clone(), good, large]);
    let decided = consensus.decide(at(11), block);
    let results: Vec<u32> = decided.tx_results.iter().map(|result| result.code).collect();
    let expected: Vec<u32> = bad.iter().map(|(code, _)| *code).chain([codes::OK, 6, 7]).collect();
    assert_eq!(results, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_takes_frames_in_order_until_it_is_full() {
    let mut consensus = MockConsensus::start(1).await;
    let frames: Vec<Bytes> = (0..6)
        .map(|_| {
            let mut entry = junk();
            entry.bytes = vec![0; 1_000_000].into();
            consensus.frame(0, at(1), vec![entry])
        })
        .collect();
    let proposed = consensus.node(0).prepare(1, at(1), frames.clone()).expect("answered");
    assert_eq!(proposed, frames[..4], "four megabytes");
    let mut entry = junk();
    entry.bytes = vec![0; 10 * 1024 * 1024].into();
    let largest = consensus.frame(0, at(1), vec![entry]);
    let proposed = consensus.node(0).prepare(1, at(1), vec![largest.clone(), frames[0].clone()]).expect("answered");
    assert_eq!(proposed, [largest], "a large frame has a block of its own");
}
