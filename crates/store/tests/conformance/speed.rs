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

/// Commits of one block each, of so many events, in both ways of committing in turns.
async fn compare_ways(database: Database, events: i64, rounds: u64, commits: u64) {
    let mut other = database.another();
    other.config.one_statement_rows = 0;
    let payload = Bytes::from(vec![5; 1_000]);
    let mut ways = Vec::new();
    for database in [&database, &other] {
        let store = database.open().await;
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(MEMBERS)).await.expect("genesis");
        ways.push((store, held, Vec::new(), 0.0));
    }
    for turn in 0..rounds * 2 {
        let round = turn / 2;
        // Each is first as often as second.
        let (store, held, took, cpu) = &mut ways[usize::from((turn + round) % 2 == 1)];
        let outcomes: Vec<_> = (round * commits..(round + 1) * commits)
            .map(|height| {
                let first = i64::try_from(height).expect("small") * events;
                let events = (first..first + events).map(|at| {
                    let mut event = event(at, &[0, 1, u32::try_from(at % 18).expect("small") + 2]);
                    event.batch = Some(payload.clone());
                    event
                });
                let mut outcome = block_of(height, events.collect());
                let traffic = |event: &synod_machine::EventRecord| consumed(0, event.time.as_micros(), 1);
                outcome.traffic_consumed = outcome.events.iter().map(traffic).collect();
                outcome
            })
            .collect();
        let used = cpu_seconds();
        for outcome in &outcomes {
            took.push(store.commit(held, std::slice::from_ref(outcome)).await.expect("commits").total);
        }
        *cpu += cpu_seconds() - used;
    }
    let [one, several] = [0, 1].map(|way| {
        let (_, _, took, cpu) = &mut ways[way];
        took.sort_unstable();
        (took[took.len() / 2].as_secs_f64() * 1e6, *cpu / took.len() as f64 * 1e6)
    });
    println!(
        "{events} events: one statement {:.0} µs (median), {:.0} µs of them our CPU; several {:.0} µs and {:.0} µs; \
         ratio {:.2} of speed, {:.2} of CPU",
        one.0,
        one.1,
        several.0,
        several.1,
        several.0 / one.0,
        one.1 / several.1,
    );
}

/// What this process has used, in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
#[ignore = "2026-11-24: half a minute of commits, a measurement"]
fn one_statement_against_several() {
    for (events, rounds, commits) in [(1, 20, 100), (128, 20, 20), (512, 40, 8)] {
        run(Database::postgres(&format!("ways {events}")), async |mut database| {
            database.config.one_statement_rows = usize::MAX;
            compare_ways(database, events, rounds, commits).await;
        });
    }
}
