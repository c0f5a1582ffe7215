//! Reads that are no whole state.

use bytes::Bytes;
use synod_machine::EventRecord;
use synod_store::{Store, TrafficAt};
use synod_testkit::databases::lease;
use synod_topology::MappingCode;
use synod_types::{CantonTimestamp, MemberIndex};

use crate::Database;
use crate::samples::{
    block, block_of, broadcast, consumed, event, genesis, member, namespace, purchased, registration, time,
    topology_row,
};

const FIRST: MemberIndex = MemberIndex(0);
const SECOND: MemberIndex = MemberIndex(1);

fn times(events: &[EventRecord]) -> Vec<i64> {
    events.iter().map(|event| event.time.as_micros()).collect()
}

async fn page(store: &Store, member: MemberIndex, since: i64, after: i64, limit: usize, bytes: usize) -> Vec<i64> {
    let page = store.events(member, time(since), time(after), limit, bytes).await.expect("a page");
    times(&page)
}

pub(crate) async fn pages_are_bounded(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let events = (1..=300).map(|at| {
        let mut event = event(at, &[0]);
        event.batch = Some(Bytes::from(vec![0; 1_000]));
        event
    });
    let events: Vec<_> = events.collect();
    store
        .commit(&held, &[block_of(0, events[..200].to_vec()), block_of(1, events[200..].to_vec())])
        .await
        .expect("commits");

    assert_eq!(page(&store, FIRST, 0, 0, 1_000, usize::MAX).await, (1..=300).collect::<Vec<_>>());
    assert_eq!(page(&store, FIRST, 0, 0, 7, usize::MAX).await, (1..=7).collect::<Vec<_>>());
    // In the middle of a packed row, and over its end.
    assert_eq!(page(&store, FIRST, 0, 127, 3, usize::MAX).await, [128, 129, 130]);
    assert_eq!(page(&store, FIRST, 0, 299, 3, usize::MAX).await, [300]);
    assert_eq!(page(&store, FIRST, 0, 300, 3, usize::MAX).await, [0_i64; 0]);
    let by_bytes = page(&store, FIRST, 0, 50, 1_000, 10_000).await;
    assert!((5..=10).contains(&by_bytes.len()) && by_bytes[0] == 51, "{by_bytes:?}");
    assert_eq!(page(&store, FIRST, 0, 50, 1_000, 1).await, [51], "at least one, however large");
    assert_eq!(page(&store, FIRST, 0, 50, 0, 1_000).await, [0_i64; 0]);
    assert_eq!(page(&store, SECOND, 0, 0, 10, 1_000).await, [0_i64; 0]);
}

pub(crate) async fn own_and_everybodys_events_are_one_stream(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let mut first = block_of(0, vec![event(10, &[0]), broadcast(20), event(30, &[0, 1]), broadcast(40)]);
    first.registrations = vec![registration(2, 40)];
    let second = block_of(1, vec![event(50, &[1, 2]), broadcast(60), event(70, &[0])]);
    store.commit(&held, &[first, second]).await.expect("commits");

    assert_eq!(page(&store, FIRST, 0, 0, 10, usize::MAX).await, [10, 20, 30, 40, 60, 70]);
    assert_eq!(page(&store, SECOND, 0, 0, 10, usize::MAX).await, [20, 30, 40, 50, 60]);
    assert_eq!(page(&store, SECOND, 0, 20, 2, usize::MAX).await, [30, 40]);
    // Registered at 40: that broadcast is not for it, whatever it asks for.
    assert_eq!(page(&store, MemberIndex(2), 40, 0, 10, usize::MAX).await, [50, 60]);
    assert_eq!(page(&store, MemberIndex(2), 40, 55, 10, usize::MAX).await, [60]);
}

pub(crate) async fn the_newest_event_before_a_time(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let first = block_of(0, vec![event(10, &[0]), broadcast(20), event(30, &[0])]);
    let second = block_of(1, vec![broadcast(40), event(50, &[0])]);
    store.commit(&held, &[first]).await.expect("commits");
    store.commit(&held, &[second]).await.expect("commits");
    let before = async |member, since, at| {
        let found = store.latest_event_before(member, time(since), time(at)).await.expect("reads");
        found.map(CantonTimestamp::as_micros)
    };
    for (at, newest) in
        [(10, None), (11, Some(10)), (20, Some(10)), (30, Some(20)), (31, Some(30)), (50, Some(40)), (99, Some(50))]
    {
        assert_eq!(before(FIRST, 0, at).await, newest, "of the first before {at}");
    }
    for (at, newest) in [(20, None), (21, Some(20)), (40, Some(20)), (41, Some(40)), (99, Some(40))] {
        assert_eq!(before(SECOND, 0, at).await, newest, "of the second before {at}");
    }
    assert_eq!(before(SECOND, 20, 40).await, None, "registered at the time of the broadcast");
    assert_eq!(before(SECOND, 20, 41).await, Some(40));
}

pub(crate) async fn topology_comes_in_pages(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    let state = genesis(1);
    store.initialize(&held, &state).await.expect("genesis");
    let rows: Vec<_> = (3..10).map(|id| topology_row(id, 10 * i64::try_from(id).expect("small"), 1_000)).collect();
    let mut outcome = block(0, 100);
    outcome.topology.inserted = rows.clone();
    outcome.topology.closed = vec![(1, time(77))];
    store.commit(&held, &[outcome]).await.expect("commits");

    let mut all = state.topology;
    all[1].valid_until = Some(time(77));
    all.extend(rows);
    let page = async |after, up_to, limit| store.topology_page(after, time(up_to), limit).await.expect("reads");
    assert_eq!(page(None, 1_000, 100).await, all);
    assert_eq!(page(None, 1_000, 4).await, all[..4]);
    assert_eq!(page(Some(3), 1_000, 4).await, all[4..8]);
    assert_eq!(page(Some(3), 60, 100).await, all[4..7], "sequenced at 60 is the last");
    assert_eq!(page(Some(9), 1_000, 4).await, []);
    let latest = async |up_to| store.topology_max_valid_from(time(up_to)).await.expect("reads");
    assert_eq!(latest(1_000).await, Some(time(1_000)));
    assert_eq!(latest(0).await, Some(time(-100)));
    assert_eq!(latest(-101).await, None);
}

pub(crate) async fn first_rows_of_a_mapping(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    let mut state = genesis(1);
    state.topology = (0..5).map(|id| topology_row(id, -100, -100 + i64::try_from(id).expect("small"))).collect();
    for (row, serial) in state.topology.iter_mut().zip([3, 1, 1, 1, 1]) {
        // The fourth is a proposal, the fifth was rejected.
        (row.serial, row.namespace, row.identifier) = (serial, namespace(1), Some("x".to_owned()));
    }
    state.topology[2].identifier = Some("y".to_owned());
    store.initialize(&held, &state).await.expect("genesis");

    let (one, two) = (namespace(1), namespace(2));
    let code = || MappingCode::parse("stc").expect("a code");
    let ids = async |code, of| {
        let rows = store.accepted_topology_rows(code, of).await.expect("reads");
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(code(), None).await, [1, 2, 0], "by serial, then by time");
    assert_eq!(ids(code(), Some((&one, "x"))).await, [1, 0]);
    assert_eq!(ids(code(), Some((&two, "x"))).await, [0_u64; 0]);
    assert_eq!(ids(MappingCode::parse("mds").expect("a code"), None).await, [0_u64; 0]);
    let all = async |proposals| {
        let rows = store.topology_rows_of(code(), proposals).await.expect("reads");
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(all(false).await, [0, 1, 2], "in the order of insertion");
    assert_eq!(all(true).await, [3]);
}

pub(crate) async fn traffic_at_a_time(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let mut outcome = block(0, 100);
    outcome.traffic_consumed = vec![consumed(0, 10, 1), consumed(1, 15, 9), consumed(0, 20, 2)];
    outcome.traffic_purchased = vec![purchased(0, 10, 1), purchased(0, 20, 2), purchased(5, 20, 1)];
    store.commit(&held, &[outcome]).await.expect("commits");

    let at = async |micros| store.traffic_state_at(&member(0), FIRST, time(micros)).await.expect("reads");
    assert_eq!(at(9).await, TrafficAt::default());
    // A state counts from its own time on, a purchase only after it.
    assert_eq!(at(10).await, TrafficAt { consumed: Some(consumed(0, 10, 1)), purchased: None });
    let between = TrafficAt { consumed: Some(consumed(0, 10, 1)), purchased: Some(purchased(0, 10, 1)) };
    assert_eq!(at(19).await, between);
    let last = TrafficAt { consumed: Some(consumed(0, 20, 2)), purchased: Some(purchased(0, 20, 2)) };
    assert_eq!(at(21).await, last);
    let journal = store.traffic_journal(FIRST, time(0), 10).await.expect("reads");
    assert_eq!(journal, [consumed(0, 10, 1), consumed(0, 20, 2)]);
    assert_eq!(store.traffic_journal(FIRST, time(10), 10).await.expect("reads"), [consumed(0, 20, 2)]);
}

pub(crate) async fn members_and_their_acknowledgements(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let mut outcome = block(0, 100);
    outcome.registrations = vec![registration(2, 500)];
    outcome.acknowledgements = vec![(FIRST, time(50))];
    store.commit(&held, &[outcome]).await.expect("commits");
    let mut older = block(1, 200);
    older.acknowledgements = vec![(FIRST, time(40)), (SECOND, time(90))];
    store.commit(&held, &[older]).await.expect("commits");

    assert_eq!(store.acknowledgements().await.expect("reads"), [(FIRST, time(50)), (SECOND, time(90))]);
    assert!(store.set_member_enabled(SECOND, false).await.expect("is set"));
    assert!(!store.set_member_enabled(MemberIndex(9), false).await.expect("is nobody"));
    let store = database.reopen(store).await;
    assert_eq!(store.disabled_members().await.expect("reads"), [SECOND]);
    let members = store.members().await.expect("reads");
    assert_eq!(members.iter().map(|row| row.enabled).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(members[2].registration, registration(2, 500));
    assert_eq!((members[0].acknowledged, members[2].acknowledged), (Some(time(50)), None));
    // What a node decides for itself is no part of the state.
    let loaded = store.load_checkpoint().await.expect("loads").expect("a state");
    assert_eq!(loaded.members.len(), 3);
    assert!(store.set_member_enabled(SECOND, true).await.expect("is set"));
    assert_eq!(store.disabled_members().await.expect("reads"), []);
}

/// Many readers that are behind wait for each other, longer than a connection may take, and nobody fails.
pub(crate) async fn many_readers_wait_their_turn(mut database: Database) {
    database.config.max_readers = 1;
    database.config.connect_timeout_ms = 1_000;
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    let events = (1..=300).map(|at| {
        let mut event = event(at, &[0]);
        event.batch = Some(Bytes::from(vec![0; 10_000]));
        event
    });
    store.commit(&held, &[block_of(0, events.collect())]).await.expect("commits");
    let readers: Vec<_> = (0..200)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.events(FIRST, time(0), time(0), 1_000, usize::MAX).await })
        })
        .collect();
    // The lease does not wait for them.
    store.renew_lease(&held).await.expect("is renewed");
    for reader in readers {
        assert_eq!(reader.await.expect("ends").expect("reads").len(), 300);
    }
}
