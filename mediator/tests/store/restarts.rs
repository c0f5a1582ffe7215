//! Restarts in the middle of a stream.

use std::collections::{BTreeMap, BTreeSet};

use synod_mediator::store::MediatorCommit;
use synod_topology::TopologyChanges;
use synod_types::CantonTimestamp;

use crate::TestDatabase;
use crate::samples::{Node, commit, deduplication, finalized, message_id, submission, time, topology_row};

/// Events at 1, 2, …: a request comes at an odd time, is decided five events later, and its verdict is seen sequenced at
/// the even time after that. Every seventh event changes the topology.
const EVENTS: i64 = 24;
const UUID_MICROS: i64 = 12;

fn requests() -> impl Iterator<Item = i64> {
    (1..=EVENTS).step_by(2)
}

fn decided_at(request_id: i64) -> i64 {
    request_id + 5
}

fn sequenced_at(request_id: i64) -> i64 {
    request_id + 7
}

/// The newest event such that no request up to it is open.
fn prehead(head: i64) -> Option<i64> {
    let open = requests().find(|at| *at <= head && decided_at(*at) > head);
    Some(open.map_or(head, |at| at - 1)).filter(|at| *at > 0)
}

/// What a mediator commits for the events from `first` to `head`; `observed` are those that the topology knows.
fn group(first: i64, head: i64, observed: i64) -> MediatorCommit {
    let within = |at: i64| (first..=head).contains(&at);
    let changed = (first..=head).filter(|at| at % 7 == 0 && *at > observed);
    let row = |at: i64| topology_row(u64::try_from(at / 7 - 1).expect("positive"), at);
    let decided: Vec<i64> = requests().filter(|at| within(decided_at(*at))).collect();
    MediatorCommit {
        topology: TopologyChanges { inserted: changed.map(row).collect(), ..TopologyChanges::default() },
        deduplication: requests().filter(|at| within(*at)).map(|at| deduplication(at, UUID_MICROS)).collect(),
        finalized: decided.iter().map(|at| finalized(*at, decided_at(*at))).collect(),
        submissions: decided.iter().map(|at| submission(*at, 0)).collect(),
        receipts: requests().filter(|at| within(sequenced_at(*at))).map(|at| message_id(at, 0)).collect(),
        ..MediatorCommit::new(time(head), prehead(head).map(time))
    }
}

/// The process ends after every number of events; what was decided twice is the same, and each verdict is submitted once.
pub(crate) async fn each_point_of_a_stream(database: TestDatabase) {
    for size in [1, 3] {
        let database = database.another();
        let mut node = Node::initialized(&database).await;
        let mut submitted = BTreeMap::new();
        let (mut head, mut resumed) = (0, 0);
        while head < EVENTS {
            // Up to the head the events come again, and then some more.
            let observed = head;
            let mut first = resumed + 1;
            while first <= EVENTS && first <= observed + size {
                let last = (first + size - 1).min(EVENTS);
                let report = node.commit(&group(first, last, observed)).await;
                for id in report.new_submissions {
                    *submitted.entry(id).or_insert(0) += 1;
                }
                first = last + 1;
            }
            head = head.max(first - 1);
            node = node.restart(&database).await;
            let state = node.load().await;
            check(&state, head);
            resumed = state.prehead.map_or(0, CantonTimestamp::as_micros);
        }
        let decided: Vec<i64> = requests().filter(|at| decided_at(*at) <= EVENTS).collect();
        let once = decided.iter().map(|at| (message_id(*at, 0), 1)).collect();
        assert_eq!(submitted, once, "each verdict is submitted once");
        let stored = node.mediator.finalized_after(time(0), time(EVENTS), 100).await.expect("reads");
        assert_eq!(stored, decided.iter().map(|at| finalized(*at, decided_at(*at))).collect::<Vec<_>>());
    }
}

fn check(state: &synod_mediator::store::MediatorState, head: i64) {
    assert_eq!(state.head, Some(time(head)));
    let clean = prehead(head);
    assert_eq!(state.prehead, clean.map(time), "at {head}");
    let clean = clean.unwrap_or(0);
    let taken = requests().filter(|at| *at <= clean && at + UUID_MICROS > clean);
    assert_eq!(state.deduplication, taken.map(|at| deduplication(at, UUID_MICROS)).collect::<Vec<_>>(), "at {head}");
    let open = requests().filter(|at| decided_at(*at) <= head && sequenced_at(*at) > head);
    assert_eq!(state.submissions, open.map(|at| submission(at, 0)).collect::<Vec<_>>(), "at {head}");
    let rows: Vec<u64> = state.topology.iter().map(|row| row.id).collect();
    assert!(rows.iter().copied().eq(0..u64::try_from(head / 7).expect("positive")), "at {head}: {rows:?}");
}

pub(crate) async fn uuids_after_the_prehead_are_forgotten(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    // The first event is a request that stays open.
    let rows = vec![deduplication(1, 100), deduplication(2, 100)];
    node.commit(&MediatorCommit { deduplication: rows, ..MediatorCommit::new(time(2), None) }).await;
    let node = node.restart(&database).await;
    let state = node.load().await;
    assert_eq!((state.head, state.prehead, state.deduplication.len()), (Some(time(2)), None, 0));
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_deduplication").await, 0);

    // Two requests with one UUID at different times are two rows; the same again is none.
    let mut twice = deduplication(5, 100);
    twice.uuid = deduplication(3, 100).uuid;
    let rows = vec![deduplication(3, 2), twice, deduplication(6, 100), deduplication(6, 100)];
    node.commit(&MediatorCommit { deduplication: rows.clone(), ..commit(6, 4) }).await;
    node.commit(&MediatorCommit { deduplication: rows, ..commit(7, 5) }).await;
    let state = node.load().await;
    assert_eq!(state.deduplication, [twice], "3 ends with the prehead at 5, 6 comes again");
    assert_eq!(node.number("SELECT COUNT(*) FROM mediator_deduplication").await, 2);
    // A commit without a prehead leaves it where it is.
    node.commit(&MediatorCommit::new(time(9), None)).await;
    assert_eq!(node.mediator.progress().await.expect("reads"), (Some(time(9)), Some(time(5))));
}

pub(crate) async fn topology_goes_on_where_it_was(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    node.mediator.store_initial_topology(&node.lease, &[topology_row(0, 1), topology_row(1, 1)]).await.expect("stores");
    let mut rejected = topology_row(3, 10);
    (rejected.rejection, rejected.valid_until) = (Some("no \0 right".to_owned()), Some(rejected.valid_from));
    let changes = TopologyChanges {
        inserted: vec![topology_row(2, 10), rejected.clone(), topology_row(4, 10)],
        closed: vec![(0, time(15)), (2, time(15))],
        ..TopologyChanges::default()
    };
    node.commit(&MediatorCommit { topology: changes, ..commit(10, 10) }).await;
    let node = node.restart(&database).await;
    let state = node.load().await;
    let ends: BTreeSet<_> = state.topology.iter().map(|row| (row.id, row.valid_until)).collect();
    let expected = [(0, Some(time(15))), (1, None), (2, Some(time(15))), (4, None)];
    assert_eq!(ends, BTreeSet::from(expected), "the state does not need the rejected one");
    let all = node.store.topology_page(None, time(10), 10).await.expect("reads");
    assert_eq!(all.len(), 5, "those who look at the topology see it");
    assert_eq!(all[3], rejected);
}
