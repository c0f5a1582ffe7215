//! Nodes agree, and restart anywhere.

use bytes::Bytes;
use synod_testkit::Mutator;

use super::mock::{Block, MockConsensus, at, junk};
use crate::codes;

/// Traffic of several blocks, with things in it that must not count.
fn traffic(consensus: &mut MockConsensus, step: i64) -> Vec<Bytes> {
    let time = at(step);
    let name = |index: usize| format!("m-{step}-{index}");
    let entries: Vec<_> = (0..3).map(|index| consensus.send(index, (index + 1) % 3, &name(index))).collect();
    let first = consensus.frame(0, time, entries);
    let again = vec![consensus.send(0, 2, &name(9)), junk()];
    let second = consensus.frame(1, time, again);
    vec![first, Bytes::from_static(b"no frame"), second.clone(), second]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_blocks_give_the_same_hash_and_events_on_all_nodes() {
    let mut consensus = MockConsensus::start(4).await;
    for step in 1..=6 {
        let mempool = traffic(&mut consensus, step);
        let decided = consensus.round(at(step), mempool);
        // What is no frame, or twice in the block, is left out by the proposer.
        assert_eq!(decided.tx_results.iter().map(|result| result.code).collect::<Vec<_>>(), [codes::OK; 2]);
    }
    let mut distinct = consensus.app_hashes.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 6, "every block changed something");
    for participant in 0..3 {
        let mut read = Vec::new();
        for node in consensus.nodes.iter().flatten() {
            read.push(node.events(&consensus.founding, participant).await);
        }
        // Each sends one and receives one request per block, two of them one more.
        assert_eq!(read[0].len(), if participant == 1 { 12 } else { 18 });
        assert!(read.iter().all(|events| *events == read[0]), "participant {participant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_block_leaves_the_hash_as_it_is() {
    let mut consensus = MockConsensus::start(1).await;
    let mempool = traffic(&mut consensus, 1);
    let hash = consensus.round(at(1), mempool).app_hash;
    for step in 2..5 {
        assert_eq!(consensus.round(at(step), Vec::new()).app_hash, hash);
    }
    assert_eq!(consensus.node(0).info().expect("answered").last_block_height, 4);
}

/// The process dies between FinalizeBlock and Commit: nothing of the block is left, and it comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_not_committed_is_applied_again() {
    let mut consensus = MockConsensus::start(2).await;
    let mempool = traffic(&mut consensus, 1);
    consensus.round(at(1), mempool);
    let frame = {
        let entries = vec![consensus.send(0, 1, "again")];
        consensus.frame(0, at(2), entries)
    };
    let block = Block { height: 2, time: at(2), txs: vec![frame] };
    let before = consensus.node(0).finalize(&block).expect("answered");
    assert_eq!(consensus.node(0).finalize(&block).expect("answered"), before, "asked again before the commit");
    consensus.stop(0).await;
    let decided = consensus.decide(at(2), block.txs.clone());
    assert_eq!(decided, before);
    assert_eq!(consensus.restart(0).await, 1);
    let mempool = traffic(&mut consensus, 3);
    consensus.round(at(3), mempool);
}

/// The process dies after Commit, before CometBFT knows: Info has the height, and the block does not come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_committed_is_not_asked_for_again() {
    let mut consensus = MockConsensus::start(2).await;
    for step in 1..=3 {
        let mempool = traffic(&mut consensus, step);
        consensus.round(at(step), mempool);
    }
    consensus.stop(1).await;
    assert_eq!(consensus.restart(1).await, 3);
    let mempool = traffic(&mut consensus, 4);
    consensus.round(at(4), mempool);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_replays_what_it_missed_and_agrees() {
    let mut consensus = MockConsensus::start(3).await;
    for step in 1..=9 {
        match step {
            3 => consensus.stop(2).await,
            6 => assert_eq!(consensus.restart(2).await, 2),
            7 => consensus.stop(0).await,
            9 => assert_eq!(consensus.restart(0).await, 6),
            _ => {}
        }
        let mempool = traffic(&mut consensus, step);
        consensus.round(at(step), mempool);
    }
    let mut read = Vec::new();
    for node in consensus.nodes.iter().flatten() {
        read.push(node.events(&consensus.founding, 0).await);
    }
    assert_eq!(read[0].len(), 27);
    assert!(read.iter().all(|events| *events == read[0]));
}

/// A joining operator replays all blocks from the first one.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_begins_with_the_genesis_replays_everything() {
    let mut consensus = MockConsensus::start(2).await;
    consensus.stop(1).await;
    for step in 1..=4 {
        let mempool = traffic(&mut consensus, step);
        consensus.round(at(step), mempool);
    }
    assert_eq!(consensus.restart(1).await, 0);
    let mempool = traffic(&mut consensus, 5);
    consensus.round(at(5), mempool);
}

/// A faulty proposer decides anything: nodes agree on what it does, and the chain goes on.
#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_in_a_block_give_the_same_on_all_nodes() {
    let mut consensus = MockConsensus::start(2).await;
    let mut mutator = Mutator::new(0xbad);
    for step in 1..=12 {
        let genuine = traffic(&mut consensus, step);
        let mut block = genuine.clone();
        for index in 0..60 {
            block.push(mutator.mutate(&genuine[index % genuine.len()]).into());
        }
        let decided = consensus.decide(at(step), block);
        let accepted = decided.tx_results.iter().filter(|result| result.code == codes::OK).count();
        assert_eq!(accepted, 2, "step {step}");
    }
    let mempool = traffic(&mut consensus, 13);
    consensus.round(at(13), mempool);
}
