//! Commits: their order, repetition and size.

use bytes::Bytes;
use synod_machine::FrameStamp;
use synod_store::{StoreError, StoreFault, StoreRefused};
use synod_testkit::databases::lease;
use synod_types::MessageId;

use crate::Database;
use crate::samples::{block, block_of, event, genesis, psid, time};

pub(crate) async fn a_new_database_is_empty(database: Database) {
    let store = database.open().await;
    assert_eq!(store.head().await.expect("reads"), None);
    assert_eq!(store.load_checkpoint().await.expect("reads"), None);
    assert_eq!(store.lower_bound().await.expect("reads"), None);
    assert_eq!(store.node_identity().await.expect("reads"), None);
    assert_eq!(store.members().await.expect("reads"), []);
    let store = database.reopen(store).await;
    assert_eq!(store.head().await.expect("reads"), None);
}

pub(crate) async fn blocks_follow_each_other(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let head = store.head().await.expect("reads").expect("a head");
    assert_eq!((head.height, head.app_hash), (None, [9; 32]));

    let gap = store.commit(&held, &[block(1, 10)]).await;
    assert!(matches!(gap, Err(StoreFault::Height { given: 1, .. })), "{gap:?}");
    let report = store.commit(&held, &[block_of(0, vec![event(5, &[0])]), block(1, 10)]).await.expect("commits");
    assert_eq!((report.blocks, report.events), (2, 1));
    assert!(report.rows >= 4 && report.total >= report.sync);
    let gap = store.commit(&held, &[block(3, 30)]).await;
    assert!(matches!(gap, Err(StoreFault::Height { stored: 1, given: 3 })), "{gap:?}");
    let gap = store.commit(&held, &[block(2, 20), block(4, 40)]).await;
    assert!(matches!(gap, Err(StoreFault::Height { stored: 2, given: 4 })), "{gap:?}");
    assert_eq!(store.commit(&held, &[]).await.expect("commits").blocks, 0);

    let head = store.head().await.expect("reads").expect("a head");
    assert_eq!((head.height, head.last_time), (Some(1), time(10)));
    assert_eq!(store.block(1).await.expect("reads"), Some(head));
    assert_eq!(store.block(2).await.expect("reads"), None);
}

pub(crate) async fn a_replay_is_compared(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    let blocks = [block_of(0, vec![event(5, &[0])]), block(1, 10), block_of(2, vec![event(25, &[0])])];
    store.commit(&held, &blocks[..2]).await.expect("commits");

    assert_eq!(store.commit(&held, &blocks[..1]).await.expect("is compared").blocks, 0);
    assert_eq!(store.commit(&held, &blocks).await.expect("commits the rest").blocks, 1);
    assert_eq!(store.head().await.expect("reads").expect("a head").height, Some(2));

    let mut other = block(1, 10);
    other.app_hash = [0; 32];
    let diverges = store.commit(&held, &[other]).await;
    assert!(matches!(diverges, Err(StoreFault::Divergence { height: 1, .. })), "{diverges:?}");
}

pub(crate) async fn genesis_comes_first_and_once(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    let early = store.commit(&held, &[block(0, 10)]).await;
    assert!(matches!(early, Err(StoreFault::Order(_))), "{early:?}");
    store.initialize(&held, &genesis(2)).await.expect("genesis");
    let again = store.initialize(&held, &genesis(2)).await;
    assert!(matches!(again, Err(StoreError::Fault(StoreFault::Order(_)))), "{again:?}");
    let mut other = genesis(2);
    other.psid = psid("other");
    let foreign = store.initialize(&held, &other).await;
    assert!(matches!(foreign, Err(StoreError::Refused(StoreRefused::OtherOwner { .. }))), "{foreign:?}");
    assert_eq!(store.load_checkpoint().await.expect("loads"), Some(genesis(2)));
}

/// More than one statement's worth of rows and bytes.
pub(crate) async fn a_large_commit_is_whole(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(3)).await.expect("genesis");
    let events = (1..=9_001).map(|at| {
        let mut event = event(at, &[0, u32::try_from(at % 2).expect("small") + 1]);
        event.batch = Some(Bytes::from(vec![0; 3_000]));
        event
    });
    let events: Vec<_> = events.collect();
    let report = store.commit(&held, &[block_of(0, events.clone())]).await.expect("commits");
    assert_eq!(report.events, 9_001);
    let since = time(0);
    let all = store.events(crate::samples::registration(0, 0).index, since, since, 10_000, usize::MAX).await;
    assert!(all.expect("reads") == events, "all events come back in order");
}

pub(crate) async fn odd_texts_come_back(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    let texts = ["", "nul \0 inside", "ümläut \u{1f600}", "'; DROP TABLE events; --"];
    let events: Vec<_> = (1..)
        .zip(texts)
        .map(|(at, text)| {
            let mut event = event(at, &[0]);
            event.message_id = MessageId::parse(text).expect("a message id");
            event
        })
        .collect();
    store.commit(&held, &[block_of(0, events.clone())]).await.expect("commits");
    for event in events {
        assert_eq!(store.event(event.time).await.expect("reads"), Some(event));
    }
    assert_eq!(store.event(time(99)).await.expect("reads"), None);
}

pub(crate) async fn a_block_is_found_by_time(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    // An empty block repeats the last time.
    store.commit(&held, &[block(0, 10), block(1, 10), block(2, 20)]).await.expect("commits");
    for (at, height) in [(5, Some(0)), (10, Some(0)), (11, Some(2)), (20, Some(2)), (21, None)] {
        let found = store.first_block_reaching(time(at)).await.expect("reads");
        assert_eq!(found.and_then(|block| block.height), height, "at {at}");
    }
}

/// A frame is remembered as long as it could be repeated: up to its validity, inclusive.
pub(crate) async fn frames_are_remembered_while_valid(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    let frame = |number: u8, valid_until| FrameStamp { id: [number; 32], valid_until: time(valid_until) };
    let mut outcome = block(0, 10);
    outcome.frames = vec![frame(2, 20), frame(1, 19), frame(3, 21)];
    store.commit(&held, &[outcome]).await.expect("commits");
    // With a new frame the rows of the old ones are deleted, without one they are only passed over.
    for (height, frames) in [(1, vec![]), (2, vec![frame(4, 99)])] {
        let mut outcome = block(height, 20);
        outcome.frames = frames;
        store.commit(&held, &[outcome]).await.expect("commits");
        let state = store.load_checkpoint().await.expect("loads").expect("a state");
        let known: Vec<u8> = state.frames.iter().map(|frame| frame.id[0]).collect();
        assert_eq!(known, if height == 1 { vec![2, 3] } else { vec![2, 3, 4] });
    }
}
