//! Forgetting old events.

use synod_store::{EventsError, Store, StoreError, StoreRefused};
use synod_testkit::databases::lease;
use synod_types::{CantonTimestamp, MemberIndex};

use crate::Database;
use crate::samples::{block, block_of, broadcast, consumed, event, genesis, member, purchased, registration, time};

const FIRST: MemberIndex = MemberIndex(0);
const SECOND: MemberIndex = MemberIndex(1);
const NOW: i64 = 1_000_000;

async fn acknowledge(store: &Store, held: &synod_store::Lease, height: u64, acknowledged: &[(MemberIndex, i64)]) {
    let mut outcome = block(height, NOW);
    outcome.acknowledgements = acknowledged.iter().map(|(member, at)| (*member, time(*at))).collect();
    store.commit(held, &[outcome]).await.expect("commits");
}

pub(crate) async fn only_what_all_acknowledged_may_go(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    let safe = async |now| store.safe_pruning_point(time(now)).await.expect("reads").as_micros();
    assert_eq!(safe(7).await, 7, "nobody is there");
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    assert_eq!(safe(NOW).await, 0, "nobody acknowledged: since when they are registered");
    acknowledge(&store, &held, 0, &[(FIRST, 50)]).await;
    assert_eq!(safe(NOW).await, 0);
    store.set_member_enabled(SECOND, false).await.expect("is set");
    assert_eq!(safe(NOW).await, 50, "a disabled member does not count");
    store.set_member_enabled(SECOND, true).await.expect("is set");
    acknowledge(&store, &held, 1, &[(SECOND, 40)]).await;
    assert_eq!(safe(NOW).await, 40);

    let refused = store.prune(time(41), time(NOW)).await;
    let Err(StoreError::Refused(StoreRefused::UnsafePruningPoint { requested, safe })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((requested, safe), (time(41), time(40)));
    assert_eq!(store.lower_bound().await.expect("reads"), None);
    store.prune(time(40), time(NOW)).await.expect("prunes");
    assert_eq!(store.lower_bound().await.expect("reads"), Some(time(40)));
}

pub(crate) async fn pruned_events_leave_no_gap_unnoticed(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    // 5,000 events in packed rows of 128, every tenth for everybody.
    let events: Vec<_> = (1..=5_000).map(|at| if at % 10 == 0 { broadcast(at) } else { event(at, &[0]) }).collect();
    let mut outcome = block_of(0, events);
    outcome.registrations = vec![registration(2, 4_000)];
    store.commit(&held, &[outcome]).await.expect("commits");
    acknowledge(&store, &held, 1, &[(FIRST, 4_500), (SECOND, 4_500), (MemberIndex(2), 4_500)]).await;
    let report = store.prune(time(3_005), time(NOW)).await.expect("prunes");
    assert_eq!(report.events, 3_004);
    assert_eq!(store.prune(time(3_005), time(NOW)).await.expect("prunes").events, 0, "again is a no-op");

    let read = async |member, since, after| store.events(member, time(since), time(after), 5_000, usize::MAX).await;
    let rest = read(FIRST, 0, 3_005).await.expect("reads");
    assert_eq!((rest.len(), rest[0].time), (1_995, time(3_006)));
    let behind = read(FIRST, 0, 3_003).await;
    assert!(matches!(behind, Err(EventsError::Pruned { lower_bound }) if lower_bound == time(3_005)), "{behind:?}");
    let from_the_beginning = read(FIRST, 0, CantonTimestamp::MIN.as_micros()).await;
    assert!(matches!(from_the_beginning, Err(EventsError::Pruned { .. })));
    // Registered after the cut: nothing is missing.
    let late = read(MemberIndex(2), 4_000, CantonTimestamp::MIN.as_micros()).await.expect("reads");
    assert_eq!((late.len(), late[0].time), (100, time(4_010)));

    let before =
        async |member, since, at| store.latest_event_before(member, time(since), time(at)).await.expect("reads");
    assert_eq!(before(FIRST, 0, 3_005).await, Some(time(3_004)), "the chain of previous times goes on");
    assert_eq!(before(SECOND, 0, 3_005).await, Some(time(3_000)));
    assert_eq!(before(MemberIndex(2), 4_000, 4_010).await, None);
    let members = store.members().await.expect("reads");
    let previous: Vec<_> = members.iter().map(|row| row.pruned_previous).collect();
    assert_eq!(previous, [Some(time(3_004)), Some(time(3_000)), None]);

    // A second cut without events of the second member in between, and one below the first.
    store.prune(time(3_008), time(NOW)).await.expect("prunes");
    assert_eq!(before(SECOND, 0, 3_009).await, Some(time(3_000)));
    store.prune(time(100), time(NOW)).await.expect("is a no-op");
    assert_eq!(store.lower_bound().await.expect("reads"), Some(time(3_008)));
    store.set_lower_bound(time(3_500)).await.expect("is set");
    assert_eq!(store.lower_bound().await.expect("reads"), Some(time(3_500)));
}

pub(crate) async fn the_state_survives_pruning(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let blocks: Vec<_> = (0..100)
        .map(|height| {
            let at = i64::try_from(height).expect("small") * 10 + 10;
            let mut outcome = block_of(height, vec![event(at, &[0, 1])]);
            outcome.traffic_consumed = vec![consumed(0, at, at)];
            outcome.traffic_purchased = vec![purchased(1, at, u32::try_from(height).expect("small") + 1)];
            outcome
        })
        .collect();
    store.commit(&held, &blocks).await.expect("commits");
    acknowledge(&store, &held, 100, &[(FIRST, 900), (SECOND, 900)]).await;
    let before = store.load_checkpoint().await.expect("loads");
    let report = store.prune(time(505), time(NOW)).await.expect("prunes");
    assert_eq!((report.events, report.blocks), (50, 49));
    assert_eq!(report.traffic, 49 + 49);
    assert_eq!(store.load_checkpoint().await.expect("loads"), before);

    assert_eq!(store.block(48).await.expect("reads"), None);
    assert_eq!(store.block(49).await.expect("reads").map(|block| block.last_time), Some(time(500)));
    let at = store.traffic_state_at(&member(0), FIRST, time(505)).await.expect("reads");
    assert_eq!(at.consumed, Some(consumed(0, 500, 500)), "the state at the cut is still known");
    let at = store.traffic_state_at(&member(1), SECOND, time(505)).await.expect("reads");
    assert_eq!(at.purchased, Some(purchased(1, 500, 50)));
}
