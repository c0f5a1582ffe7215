//! What one commit does.

use std::collections::BTreeSet;

use synod_mediator::store::MediatorCommit;
use synod_store::StoreFault;
use synod_testkit::databases::lease_for;
use synod_topology::TopologyChanges;
use synod_types::MessageId;

use crate::TestDatabase;
use crate::samples::{
    DECISION_MICROS, Node, commit, decided, deduplication, finalized, message_id, submission, time, topology_row,
};

fn ids(numbers: impl IntoIterator<Item = (i64, u32)>) -> BTreeSet<MessageId> {
    numbers.into_iter().map(|(request_id, number)| message_id(request_id, number)).collect()
}

pub(crate) async fn everything_is_stored_at_once(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let whole = MediatorCommit {
        topology: TopologyChanges { inserted: vec![topology_row(0, 12)], ..TopologyChanges::default() },
        deduplication: vec![deduplication(10, 500), deduplication(11, 500)],
        finalized: vec![finalized(10, 13)],
        submissions: vec![submission(10, 1), submission(10, 0)],
        ..commit(13, 10)
    };
    let report = node.commit(&whole).await;
    assert_eq!(report.new_requests, BTreeSet::from([time(10)]));
    assert_eq!(report.new_submissions, ids([(10, 0), (10, 1)]));
    assert!(report.sync <= report.total);
    assert_eq!(node.mediator.progress().await.expect("reads"), (Some(time(13)), Some(time(10))));

    // A commit that fails in the middle leaves nothing behind: this row of topology is there.
    let broken = MediatorCommit {
        topology: whole.topology.clone(),
        deduplication: vec![deduplication(14, 500)],
        ..decided(11, 15, 15)
    };
    let failed = node.mediator.commit(&node.lease, &broken).await;
    assert!(matches!(failed, Err(StoreFault::Database { .. })), "{failed:?}");
    let backwards = node.mediator.commit(&node.lease, &commit(20, 21)).await;
    assert!(matches!(backwards, Err(StoreFault::Order(_))), "{backwards:?}");

    let node = node.restart(&database).await;
    let state = node.load().await;
    assert_eq!((state.head, state.prehead), (Some(time(13)), Some(time(10))));
    assert_eq!(state.topology, whole.topology.inserted);
    assert_eq!(state.deduplication, [deduplication(10, 500)]);
    assert_eq!(state.submissions, [submission(10, 0), submission(10, 1)], "by the time when they are sent");
    assert_eq!(node.mediator.finalized(time(10)).await.expect("reads"), Some(finalized(10, 13)));
    assert_eq!(node.mediator.finalized(time(11)).await.expect("reads"), None);
}

pub(crate) async fn a_request_that_is_finalized_again_changes_nothing(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    node.commit(&decided(10, 12, 9)).await;
    node.commit(&MediatorCommit { receipts: vec![message_id(10, 0)], ..commit(14, 9) }).await;

    // After a crash the events from the prehead on come again, in other groups.
    let node = node.restart(&database).await;
    let mut replay = decided(10, 13, 12);
    replay.finalized[0] = finalized(10, 77);
    replay.finalized.push(finalized(11, 13));
    replay.submissions.push(submission(11, 0));
    let report = node.commit(&replay).await;
    assert_eq!(report.new_requests, BTreeSet::from([time(11)]));
    assert_eq!(report.new_submissions, ids([(11, 0)]), "no second submission");
    assert_eq!(node.mediator.finalized(time(10)).await.expect("reads"), Some(finalized(10, 12)), "the first one holds");
    let state = node.load().await;
    assert_eq!(state.submissions, [submission(11, 0)]);
    assert_eq!((state.head, state.prehead), (Some(time(14)), Some(time(12))), "the head does not go back");

    // The same commit, once more.
    let report = node.commit(&replay).await;
    assert!(report.new_requests.is_empty() && report.new_submissions.is_empty(), "{report:?}");
    assert_eq!(node.load().await, state);
}

/// Duplicates and envelopes that cannot be opened are rejected, but there is no request to store.
pub(crate) async fn rejects_without_a_stored_request_are_submitted_once(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let reject = |at: i64, head: i64| MediatorCommit { submissions: vec![submission(at, 0)], ..commit(head, head) };
    let first = node.commit(&reject(10, 10)).await;
    assert_eq!(first.new_submissions, ids([(10, 0)]), "there was no event before");
    node.commit(&MediatorCommit { receipts: vec![message_id(10, 0)], ..commit(12, 12) }).await;
    let node = node.restart(&database).await;
    let mut replay = reject(10, 20);
    replay.submissions.extend([submission(13, 0), submission(13, 1)]);
    let report = node.commit(&replay).await;
    assert!(report.new_requests.is_empty());
    assert_eq!(report.new_submissions, ids([(13, 0), (13, 1)]), "the event at 10 was committed before");
}

pub(crate) async fn large_commits_are_whole(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let count = 10_007;
    let group = MediatorCommit {
        deduplication: (1..=count).map(|at| deduplication(at, 1_000_000)).collect(),
        finalized: (1..=count).map(|at| finalized(at, count)).collect(),
        submissions: (1..=count).map(|at| submission(at, 0)).collect(),
        ..commit(count, count)
    };
    let report = node.commit(&group).await;
    assert_eq!(report.new_requests.len(), 10_007);
    assert_eq!(report.new_submissions, ids((1..=count).map(|at| (at, 0))));
    assert_eq!(node.load().await.deduplication, group.deduplication);
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_finalized_requests").await, count);

    let receipts = group.submissions.iter().rev().skip(2).map(|row| row.message_id.clone()).collect();
    node.commit(&MediatorCommit { receipts, ..commit(count, count) }).await;
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_submissions").await, 2);
}

pub(crate) async fn receipts_and_time_empty_the_outbox(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    node.commit(&decided(10, 12, 12)).await;
    node.commit(&decided(20, 22, 22)).await;
    node.commit(&decided(30, 32, 32)).await;
    let unknown = message_id(99, 0);
    node.commit(&MediatorCommit { receipts: vec![message_id(20, 0), unknown], ..commit(40, 40) }).await;
    assert_eq!(node.load().await.submissions, [submission(10, 0), submission(30, 0)]);

    // Its decision time is that of an event: every later one comes too late.
    node.commit(&commit(9 + DECISION_MICROS, 40)).await;
    assert_eq!(node.load().await.submissions.len(), 2);
    node.commit(&commit(10 + DECISION_MICROS, 40)).await;
    assert_eq!(node.load().await.submissions, [submission(30, 0)]);
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_submissions").await, 2, "rows are removed later");
    node.commit(&commit(20_000_000, 40)).await;
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_submissions").await, 0);
}

pub(crate) async fn used_up_uuids_go_every_ten_seconds(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let count = async || node.number("SELECT COUNT(*) FROM mediator_deduplication").await;
    let second = 1_000_000;
    let group = MediatorCommit {
        deduplication: (1..=9_000).map(|at| deduplication(at, second)).collect(),
        ..commit(9_000, 9_000)
    };
    node.commit(&group).await;
    node.commit(&commit(9 * second, 9_000)).await;
    assert_eq!(count().await, 9_000, "the last removal is not ten seconds ago");
    // From here on it goes on with every commit until all are gone, and nothing goes that holds after the prehead.
    node.commit(&commit(11 * second, 9_000)).await;
    assert_eq!(count().await, 9_000, "after the prehead they are still taken");
    node.commit(&commit(20 * second, second + 8_500)).await;
    assert_eq!(count().await, 9_000);
    node.commit(&commit(21 * second, second + 8_500)).await;
    assert_eq!(count().await, 5_000);
    node.commit(&commit(21 * second + 1, second + 8_500)).await;
    assert_eq!(count().await, 1_000);
    node.commit(&commit(21 * second + 2, second + 8_500)).await;
    assert_eq!(count().await, 500);
    let state = node.load().await;
    assert_eq!(state.deduplication.first(), Some(&deduplication(8_501, second)), "the rest is what holds");
}

pub(crate) async fn a_lost_lease_cannot_write(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let other = database.other_process(&node.store).await;
    let old = lease_for(&node.store, "holder", 0).await;
    node.mediator.commit(&old, &decided(10, 12, 12)).await.expect("nobody took over yet");
    let new = lease_for(&other, "other", 60_000).await;

    let connections = bytes::Bytes::new();
    let late = [
        node.mediator.commit(&old, &decided(11, 13, 13)).await.map(|_| ()),
        node.mediator.load(&old).await.map(|_| ()),
        node.mediator.prune(&old, time(100), 10).await.map(|_| ()),
        node.mediator.set_connections(&old, &connections).await,
        node.mediator.store_initial_topology(&old, &[topology_row(0, 1)]).await,
    ];
    for late in late {
        assert!(matches!(late, Err(StoreFault::LeaseLost { ref holder, .. }) if holder == "holder"), "{late:?}");
    }
    let mediator = synod_mediator::store::MediatorStore::open(&other).await.expect("opens");
    let state = mediator.load(&new).await.expect("loads").expect("is initialized");
    assert_eq!(state.head, Some(time(12)), "what was committed before is there, and nothing else");
    assert!(!state.configuration.is_topology_initialized && state.topology.is_empty());
    assert_eq!(mediator.oldest_finalized().await.expect("reads"), Some(time(10)));
    mediator.commit(&new, &decided(11, 13, 13)).await.expect("commits");
}
