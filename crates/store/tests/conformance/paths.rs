//! On PostgreSQL a commit may be one statement or a transaction of several: both do the same. (On SQLite there is one way,
//! and these cases compare it with itself.)

use bytes::Bytes;
use synod_machine::{AggregationChange, BlockOutcome, Contribution, FrameStamp};
use synod_store::database::Dialect;
use synod_store::{CommitReport, Lease, Store, StoreFault};
use synod_testkit::databases::{lease, lease_for};
use synod_types::{CantonTimestamp, MemberIndex};

use crate::Database;
use crate::samples::{
    aggregation_id, block, block_of, broadcast, consumed, event, genesis, purchased, registration, time, topology_row,
};

const TABLES: [&str; 12] = [
    "acknowledgements",
    "aggregations",
    "blocks",
    "contributions",
    "events",
    "frames",
    "member_events",
    "members",
    "outbox",
    "topology_rows",
    "traffic_consumed",
    "traffic_purchased",
];
const HEAD: &str = "SELECT CAST(lease_epoch AS TEXT) || ' ' || lease_holder || ' ' || COALESCE(CAST(height AS TEXT), '-') \
                    || ' ' || COALESCE(CAST(base_time AS TEXT), '-') || ' ' || COALESCE(CAST(last_time AS TEXT), '-') \
                    || ' ' || COALESCE(CAST(latest_sequencer_event AS TEXT), '-') || ' ' \
                    || COALESCE(CAST(latest_pending_topology AS TEXT), '-') FROM head";

/// A store that commits in one statement when it can, and one that never does; and the database of the latter.
async fn both(database: &Database) -> ([(Store, Lease); 2], Database) {
    let mut other = database.another();
    other.config.one_statement_rows = 0;
    let mut both = Vec::new();
    for database in [database, &other] {
        let store = database.open().await;
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(3)).await.expect("genesis");
        both.push((store, held));
    }
    (both.try_into().expect("two stores"), other)
}

/// Everything that commits write.
async fn dump(store: &Store) -> Vec<String> {
    let mut connection = store.database().reader().await.expect("a connection");
    let mut session = connection.session();
    let mut all = Vec::new();
    for table in TABLES {
        let row = match session.dialect() {
            Dialect::Postgres => "CAST(t AS TEXT)".to_owned(),
            Dialect::Sqlite => {
                let names = format!("SELECT name FROM pragma_table_info('{table}')");
                let names = session.fetch(&names, &[]).await.expect("columns");
                let quoted = names.iter().map(|row| format!("quote({})", row.text(0).expect("a name")));
                quoted.collect::<Vec<_>>().join(" || ',' || ")
            }
        };
        let select = format!("SELECT {row} FROM {table} t ORDER BY 1");
        let rows = session.fetch(&select, &[]).await.expect("rows");
        all.extend(rows.iter().map(|row| format!("{table}: {}", row.text(0).expect("a text"))));
    }
    let head = session.fetch_one(HEAD, &[]).await.expect("a head");
    all.push(format!("head: {}", head.text(0).expect("a text")));
    all
}

/// What a caller sees of a commit, without times.
fn outcome(result: Result<CommitReport, StoreFault>) -> String {
    match result {
        Ok(report) => format!("{} blocks, {} events, {} rows", report.blocks, report.events, report.rows),
        Err(fault) => format!("{fault:?}"),
    }
}

/// Commits in both, compares what they say and what they hold then, and returns what they say.
async fn commit(both: &[(Store, Lease); 2], outcomes: &[BlockOutcome]) -> String {
    let [one, other] = both;
    let said = outcome(one.0.commit(&one.1, outcomes).await);
    assert_eq!(said, outcome(other.0.commit(&other.1, outcomes).await));
    assert_eq!(dump(&one.0).await, dump(&other.0).await, "after: {said}");
    said
}

/// A block with rows in some tables, by the bits of `what`: events, traffic, acknowledgements, the others.
fn block_with(height: u64, what: u32) -> BlockOutcome {
    let at = i64::try_from(height).expect("small") * 10 + 10;
    let number = u32::try_from(height).expect("small");
    let mut outcome = block(height, at);
    if what & 1 != 0 {
        outcome.events = vec![event(at - 2, &[0, 2]), broadcast(at - 1), event(at, &[])];
        outcome.latest_sequencer_event = Some(time(at));
    }
    if what & 2 != 0 {
        outcome.traffic_consumed = vec![consumed(0, at, 7), consumed(1, at, 8)];
    }
    if what & 4 != 0 {
        outcome.acknowledgements = vec![(MemberIndex(1), time(at)), (MemberIndex(0), time(500 - at))];
    }
    if what & 8 != 0 {
        outcome.registrations = vec![registration(100 + number, at)];
        outcome.latest_pending_topology = Some(time(at));
        // The same time in several blocks: the later purchase holds.
        outcome.traffic_purchased = vec![purchased(1, 5, number + 1), purchased(2, at, 1)];
        outcome.topology.inserted = (0..2).map(|row| topology_row(1_000 + height * 2 + row, at, at)).collect();
    }
    outcome
}

pub(crate) async fn both_ways_write_the_same_rows(database: Database) {
    let (both, _other) = both(&database).await;
    assert_eq!(dump(&both[0].0).await, dump(&both[1].0).await);
    // Every combination of tables, alone and several blocks at once.
    for what in 0..16 {
        let said = commit(&both, &[block_with(u64::from(what), what)]).await;
        assert!(said.starts_with("1 blocks"), "{said}");
    }
    let several: Vec<_> =
        (16..32).map(|height| block_with(height, u32::try_from(height % 16).expect("small"))).collect();
    assert!(commit(&both, &several).await.starts_with("16 blocks"));
    // What one statement does not do goes the other way, and again back.
    let mut closes = block_with(32, 15);
    closes.topology.closed = vec![(1, time(330))];
    let mut frames = block_with(33, 15);
    frames.frames = vec![FrameStamp { id: [3; 32], valid_until: time(10_000) }];
    let contribution = |index, at| Contribution { sender: MemberIndex(index), time: time(at), signatures: Vec::new() };
    let mut aggregates = block_with(34, 15);
    aggregates.aggregations = vec![AggregationChange::Contributed {
        id: aggregation_id("first"),
        max_sequencing_time: time(400),
        rule: Bytes::from_static(b"rule"),
        contribution: contribution(1, 350),
        delivered_at: None,
    }];
    // An end alone inserts no row of aggregations.
    let mut expires = block_with(35, 15);
    expires.aggregations = vec![AggregationChange::Expired { id: aggregation_id("first") }];
    for special in [closes, frames, aggregates, expires] {
        assert!(commit(&both, &[special]).await.starts_with("1 blocks"));
    }
    assert!(commit(&both, &[block_with(36, 15)]).await.starts_with("1 blocks"));
    // More events for one member than one packed row holds, and a payload of every kind of size.
    let events = (0..300_u16).map(|number| {
        let mut event = event(1_000 + i64::from(number), &[0, u32::from(number) % 3]);
        event.batch = (number % 7 != 0).then(|| Bytes::from(vec![1; usize::from(number) * 5]));
        event
    });
    assert!(commit(&both, &[block_of(37, events.collect())]).await.starts_with("1 blocks, 300 events"));
}

pub(crate) async fn both_ways_find_what_is_stored(database: Database) {
    let (mut both, _other) = both(&database).await;
    let blocks: Vec<_> = (0..6).map(|height| block_with(height, 15)).collect();
    let gap = commit(&both, &blocks[1..2]).await;
    assert!(gap.starts_with("Height"), "{gap}");
    assert!(commit(&both, &blocks[..3]).await.starts_with("3 blocks"));
    assert!(commit(&both, &blocks[..3]).await.starts_with("0 blocks, 0 events, 0 rows"));
    assert!(commit(&both, &blocks[1..2]).await.starts_with("0 blocks"));
    assert!(commit(&both, &blocks[1..5]).await.starts_with("2 blocks"), "the rest is new");
    let gap = commit(&both, &[block_with(6, 15)]).await;
    assert!(gap.starts_with("Height { stored: 4, given: 6 }"), "{gap}");

    // A block that differs, alone, and before one that would follow: nothing is written.
    let mut other = block_with(4, 15);
    other.app_hash = [0; 32];
    for outcomes in [vec![other.clone()], vec![other, block_with(5, 15)]] {
        let diverges = commit(&both, &outcomes).await;
        assert!(diverges.starts_with("Divergence { height: 4"), "{diverges}");
    }

    // The lease is lost: for what is new, and for what is stored.
    for (store, _) in &both {
        lease(store, "holder").await;
    }
    for outcomes in [&blocks[5..], &blocks[..1]] {
        let lost = commit(&both, outcomes).await;
        assert!(lost.starts_with("LeaseLost"), "{lost}");
    }
    for (store, held) in &mut both {
        *held = lease_for(store, "holder", 0).await;
    }
    assert!(commit(&both, &blocks[5..]).await.starts_with("1 blocks"));
}

pub(crate) async fn a_commit_extends_the_lease(database: Database) {
    let (both, _other) = both(&database).await;
    for (store, held) in &both {
        let ends = async || {
            let mut connection = store.database().reader().await.expect("a connection");
            let row = connection.session().fetch_one("SELECT lease_expires_at FROM head", &[]).await;
            row.expect("a row").int(0).expect("a number")
        };
        let mut transaction = store.database().begin_write().await.expect("a transaction");
        transaction.session().execute("UPDATE head SET lease_expires_at = 5", &[]).await.expect("runs");
        transaction.commit().await.expect("commits");
        store.commit(held, &[block(0, 10)]).await.expect("nobody took over");
        let now = CantonTimestamp::from_micros(ends().await).expect("a time");
        assert!(now > time(1_700_000_000_000_000), "{now:?}");
    }
}

/// A row that the database refuses, in each table: nothing of its commit is there, and the next commit succeeds.
pub(crate) async fn a_refused_row_leaves_nothing(database: Database) {
    let (both, _other) = both(&database).await;
    let there = block_with(0, 15);
    assert!(commit(&both, std::slice::from_ref(&there)).await.starts_with("1 blocks"));
    let before = dump(&both[0].0).await;
    let good = block_with(1, 15);
    let spoilt = |spoil: &dyn Fn(&mut BlockOutcome)| {
        let mut outcome = good.clone();
        spoil(&mut outcome);
        outcome
    };
    let refused = [
        // For another member, so that no row of deliveries is in the way.
        ("events", spoilt(&|outcome| outcome.events[0] = event(there.events[0].time.as_micros(), &[1]))),
        ("traffic_consumed", spoilt(&|outcome| outcome.traffic_consumed = there.traffic_consumed.clone())),
        ("members", spoilt(&|outcome| outcome.registrations = there.registrations.clone())),
        ("topology_rows", spoilt(&|outcome| outcome.topology.inserted = there.topology.inserted.clone())),
    ];
    for (table, outcome) in refused {
        for (store, held) in &both {
            let fault = store.commit(held, &[block_with(1, 0), BlockOutcome { height: 2, ..outcome.clone() }]).await;
            let Err(StoreFault::Database { statement, .. }) = fault else { panic!("{table}: {fault:?}") };
            assert_eq!(statement, table);
            assert_eq!(dump(store).await, before, "{table}");
        }
    }
    assert!(commit(&both, &[good]).await.starts_with("1 blocks"));
}
