//! Decided requests are read, and forgotten.

use synod_mediator::store::{MediatorCommit, PruningSchedule};

use crate::TestDatabase;
use crate::samples::{Node, commit, finalized, time};

async fn with_requests(database: &TestDatabase, ids: impl Iterator<Item = i64>, prehead: i64) -> Node {
    let node = Node::initialized(database).await;
    let rows = ids.map(|at| finalized(at, at + 5)).collect();
    node.commit(&MediatorCommit { finalized: rows, ..commit(1_000_000, prehead) }).await;
    node
}

pub(crate) async fn requests_come_in_pages(database: TestDatabase) {
    let node = with_requests(&database, (10..=100).step_by(10), 1_000_000).await;
    let page = async |after, up_to, limit| {
        let rows = node.mediator.finalized_after(time(after), time(up_to), limit).await.expect("reads");
        rows.iter().map(|row| row.request_id.as_micros()).collect::<Vec<_>>()
    };
    assert_eq!(page(20, 50, 10).await, [30, 40, 50]);
    assert_eq!(page(19, 49, 10).await, [20, 30, 40]);
    assert_eq!(page(0, 100, 2).await, [10, 20]);
    assert!(page(100, 1_000, 2).await.is_empty() && page(0, 100, 0).await.is_empty());
    assert_eq!(node.mediator.finalized(time(70)).await.expect("reads"), Some(finalized(70, 75)));
    assert_eq!(node.mediator.finalized(time(71)).await.expect("reads"), None);
    assert_eq!(node.mediator.oldest_finalized().await.expect("reads"), Some(time(10)));
    for (index, expected) in [(0, None), (1, Some(10)), (3, Some(30)), (10, Some(100)), (11, None), (u64::MAX, None)] {
        assert_eq!(node.mediator.nth_finalized(index).await.expect("reads"), expected.map(time), "{index}");
    }
}

pub(crate) async fn only_finished_requests_are_pruned(database: TestDatabase) {
    let node = with_requests(&database, 1..=6_000, 5_500).await;
    let prune = async |up_to, limit| node.mediator.prune(&node.lease, time(up_to), limit).await.expect("prunes");
    assert_eq!(prune(0, 100).await, 0);
    assert_eq!(prune(100, 0).await, 0);
    assert_eq!(prune(100, 30).await, 30);
    assert_eq!(node.mediator.oldest_finalized().await.expect("reads"), Some(time(31)), "the oldest go first");
    assert_eq!(prune(100, 1_000).await, 70);
    assert_eq!(prune(4_600, 4_400).await, 4_400, "in several transactions");
    assert_eq!(node.mediator.oldest_finalized().await.expect("reads"), Some(time(4_501)));
    assert_eq!(prune(6_000, u64::MAX).await, 1_000, "what comes again after a restart stays");
    assert_eq!(node.mediator.oldest_finalized().await.expect("reads"), Some(time(5_501)));

    let database = database.another();
    let node = Node::initialized(&database).await;
    let open = MediatorCommit { finalized: vec![finalized(3, 4)], ..MediatorCommit::new(time(5), None) };
    node.commit(&open).await;
    assert_eq!(node.mediator.prune(&node.lease, time(5), 10).await.expect("prunes"), 0, "nothing is finished");
}

pub(crate) async fn the_schedule_is_kept(database: TestDatabase) {
    let node = Node::start(&database).await;
    assert_eq!(node.mediator.pruning_schedule().await.expect("reads"), None);
    assert!(!node.mediator.clear_pruning_schedule().await.expect("clears"));
    let mut schedule =
        PruningSchedule { cron: "0 0 8 ? * SAT \0".to_owned(), max_duration_s: 3_600, retention_s: 86_400 };
    node.mediator.set_pruning_schedule(&schedule).await.expect("sets");
    schedule.retention_s = 3;
    node.mediator.set_pruning_schedule(&schedule).await.expect("replaces");
    let node = node.restart(&database).await;
    assert_eq!(node.mediator.pruning_schedule().await.expect("reads"), Some(schedule));
    assert!(node.mediator.clear_pruning_schedule().await.expect("clears"));
    assert_eq!(node.mediator.pruning_schedule().await.expect("reads"), None);
}
