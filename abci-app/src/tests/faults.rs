//! What this node does when it cannot answer truthfully: nothing.

use bytes::Bytes;
use tendermint_proto::v0_38::abci::request::Value;
use tendermint_proto::v0_38::abci::{RequestCommit, RequestExtendVote, RequestFinalizeBlock, RequestInitChain};

use super::mock::{Block, CHAIN, MockConsensus, MockNode, at, junk};
use crate::{AbciFault, codes};

/// The call is not answered, its fault is reported, and the node takes nothing any more.
async fn assert_halts(consensus: &mut MockConsensus, call: impl FnOnce(&mut MockNode) -> bool) -> AbciFault {
    let frame = consensus.frame(0, at(10), vec![junk()]);
    let node = consensus.node(0);
    assert!(!call(node), "answered");
    let fault = node.faults.recv().await.expect("the fault is reported");
    assert_eq!(node.check_tx(&frame).code, codes::UNAVAILABLE);
    assert!(node.info().is_none());
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn another_height_than_the_next_one() {
    for height in [1, 3] {
        let mut consensus = MockConsensus::start(1).await;
        consensus.round(at(1), Vec::new());
        let block = Block { height, time: at(2), txs: Vec::new() };
        let fault = assert_halts(&mut consensus, |node| node.finalize(&block).is_some()).await;
        assert!(matches!(fault, AbciFault::Height { call: "FinalizeBlock", expected: 2, found } if found == height));

        let mut consensus = MockConsensus::start(1).await;
        consensus.round(at(1), Vec::new());
        let fault = assert_halts(&mut consensus, |node| node.process(height, at(2), Vec::new()).is_some()).await;
        assert!(matches!(fault, AbciFault::Height { call: "ProcessProposal", .. }));

        let mut consensus = MockConsensus::start(1).await;
        consensus.round(at(1), Vec::new());
        let fault = assert_halts(&mut consensus, |node| node.prepare(height, at(2), Vec::new()).is_some()).await;
        assert!(matches!(fault, AbciFault::Height { call: "PrepareProposal", .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_block_for_a_height() {
    let mut consensus = MockConsensus::start(1).await;
    let block = Block { height: 1, time: at(1), txs: Vec::new() };
    consensus.node(0).finalize(&block).expect("answered");
    let other = Block { txs: vec![Bytes::from_static(b"?")], ..block };
    let fault = assert_halts(&mut consensus, |node| node.finalize(&other).is_some()).await;
    assert!(matches!(fault, AbciFault::SecondBlock { height: 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_a_block() {
    let mut consensus = MockConsensus::start(1).await;
    let fault = assert_halts(&mut consensus, |node| node.commit().is_some()).await;
    assert!(matches!(fault, AbciFault::NothingStaged));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_a_time() {
    let mut consensus = MockConsensus::start(1).await;
    let request = RequestFinalizeBlock { height: 1, ..RequestFinalizeBlock::default() };
    let call = |node: &mut MockNode| node.consensus.call(Value::FinalizeBlock(request)).is_some();
    assert!(matches!(assert_halts(&mut consensus, call).await, AbciFault::HeaderTime { height: 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_read_or_written() {
    let mut consensus = MockConsensus::start(1).await;
    consensus.round(at(1), Vec::new());
    consensus.node(0).store.close().await;
    let fault = assert_halts(&mut consensus, |node| node.info().is_some()).await;
    assert!(matches!(fault, AbciFault::Store(_)), "never a default height");

    let mut consensus = MockConsensus::start(1).await;
    let block = Block { height: 1, time: at(1), txs: Vec::new() };
    consensus.node(0).finalize(&block).expect("answered");
    consensus.node(0).store.close().await;
    let fault = assert_halts(&mut consensus, |node| node.commit().is_some()).await;
    assert!(matches!(fault, AbciFault::Commit(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain() {
    for (chain_id, initial_height) in [("other", 1), (CHAIN, 2)] {
        let mut consensus = MockConsensus::start(1).await;
        let request = RequestInitChain { chain_id: chain_id.to_owned(), initial_height, ..RequestInitChain::default() };
        let call = |node: &mut MockNode| node.consensus.call(Value::InitChain(request)).is_some();
        let fault = assert_halts(&mut consensus, call).await;
        assert!(matches!(fault, AbciFault::OtherChain { expected, .. } if expected == CHAIN));
    }
}

/// CometBFT's data is gone, or never belonged to this database.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_begins_anew_under_a_state_that_did_not() {
    let mut consensus = MockConsensus::start(1).await;
    consensus.round(at(1), Vec::new());
    let fault = assert_halts(&mut consensus, |node| node.init_chain().is_some()).await;
    assert!(matches!(fault, AbciFault::Height { call: "InitChain", expected: 2, found: 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_this_chain_does_not_have() {
    let mut consensus = MockConsensus::start(1).await;
    let request = RequestExtendVote::default();
    let call = |node: &mut MockNode| node.consensus.call(Value::ExtendVote(request)).is_some();
    assert!(matches!(assert_halts(&mut consensus, call).await, AbciFault::VoteExtensions));
}

/// Answers that were not flushed yet are not sent either.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_gathered_before_a_fault_is_sent() {
    let mut consensus = MockConsensus::start(1).await;
    let block = Block { height: 1, time: at(1), txs: Vec::new() };
    let calls =
        vec![Value::FinalizeBlock(block.request()), Value::Commit(RequestCommit {}), Value::Commit(RequestCommit {})];
    let fault = assert_halts(&mut consensus, |node| node.consensus.call_all(calls).is_some()).await;
    assert!(matches!(fault, AbciFault::NothingStaged));
    // The block is committed all the same: a restart finds it.
    consensus.stop(0).await;
}
