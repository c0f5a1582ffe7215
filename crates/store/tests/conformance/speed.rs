//! What takes too long for every run: `cargo test --release -p synod-store -- --ignored --nocapture`.

use std::time::Instant;

use bytes::Bytes;
use synod_testkit::databases::{lease, run};
use synod_types::MemberIndex;

use crate::Database;
use crate::samples::{block_of, consumed, event, genesis, time, topology_row};

const MEMBERS: u32 = 20;
const EVENTS_PER_BLOCK: i64 = 250;
const BLOCKS: i64 = 4_000;
const ROWS_AT_GENESIS: u64 = 3;
const ROWS_PER_BLOCK: u64 = 2;
/// Blocks of one event after them.
const SINGLES: i64 = 500;

async fn a_million_events(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(MEMBERS)).await.expect("genesis");
    let payload =
        Bytes::from((0..3_000_u32).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>());
    let (started, mut syncs, mut commits) = (Instant::now(), std::time::Duration::ZERO, std::time::Duration::ZERO);
    for height in 0..BLOCKS {
        let events = (1..=EVENTS_PER_BLOCK).map(|number| {
            let at = height * EVENTS_PER_BLOCK + number;
            let member = u32::try_from(at % i64::from(MEMBERS)).expect("small");
            let mut event = event(at, &[member, (member + 1) % MEMBERS, (member + 2) % MEMBERS]);
            event.batch = Some(payload.clone());
            event
        });
        let number = u64::try_from(height).expect("positive");
        let mut outcome = block_of(number, events.collect());
        let since = outcome.last_time.as_micros();
        let row = |id| {
            let mut row = topology_row(id, since, since);
            (row.is_proposal, row.rejection, row.signed) = (false, None, payload.slice(..600));
            row
        };
        let first = ROWS_AT_GENESIS + number * ROWS_PER_BLOCK;
        outcome.topology.inserted = (first..first + ROWS_PER_BLOCK).map(row).collect();
        outcome.traffic_consumed = outcome
            .events
            .iter()
            .map(|event| consumed(event.sender.expect("a sender").0, event.time.as_micros(), 1))
            .collect();
        let report = store.commit(&held, &[outcome]).await.expect("commits");
        syncs += report.sync;
        commits += report.total;
    }
    let total = started.elapsed();
    println!(
        "{}: {} events of 3 kB in {total:.1?}: {:.0}/s; commit {:.2?} each, of which sync {:.2?}",
        store.kind(),
        BLOCKS * EVENTS_PER_BLOCK,
        (BLOCKS * EVENTS_PER_BLOCK) as f64 / total.as_secs_f64(),
        commits / u32::try_from(BLOCKS).expect("small"),
        syncs / u32::try_from(BLOCKS).expect("small"),
    );
    let (mut single, mut synced) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    for height in BLOCKS..BLOCKS + SINGLES {
        let at = BLOCKS * EVENTS_PER_BLOCK + height;
        let mut event = event(at, &[0, 1, 2]);
        event.batch = Some(payload.clone());
        let outcome = block_of(u64::try_from(height).expect("positive"), vec![event]);
        let report = store.commit(&held, &[outcome]).await.expect("commits");
        single += report.total;
        synced += report.sync;
    }
    let count = u32::try_from(SINGLES).expect("small");
    println!("{}: commit of one event {:.2?}, of which sync {:.2?}", store.kind(), single / count, synced / count);
    store.close().await;
    drop(store);

    let started = Instant::now();
    let store = database.open().await;
    lease(&store, "holder").await;
    let state = store.load_checkpoint().await.expect("loads").expect("a state");
    let opened = started.elapsed();
    let rows = state.topology.len();
    println!("{}: opened and loaded, with {rows} rows of topology, in {opened:.1?}", store.kind());
    assert_eq!(state.height, Some(u64::try_from(BLOCKS + SINGLES - 1).expect("positive")));
    assert!(opened.as_millis() < 1_000, "{opened:?}");

    let (started, mut after, mut read) = (Instant::now(), time(0), 0);
    while let Some(last) = {
        let page = store.events(MemberIndex(3), time(0), after, 500, 1 << 20).await.expect("reads");
        read += page.len();
        page.last().map(|event| event.time)
    } {
        after = last;
    }
    println!(
        "{}: one member's {read} events read at {:.0}/s",
        store.kind(),
        read as f64 / started.elapsed().as_secs_f64()
    );
}

#[test]
#[ignore = "2026-11-24: writes 3 GB, a measurement"]
fn a_million_events_on_sqlite() {
    run(Database::sqlite(), a_million_events);
}

#[test]
#[ignore = "2026-11-24: writes 3 GB, a measurement"]
fn a_million_events_on_postgres() {
    run(Database::postgres("a million"), a_million_events);
}
