//! Tables of other crates in the same database.

use bytes::Bytes;
use synod_store::database::{Arg, Column, Insert, TableSet, TopologyBatch};
use synod_store::{Acquired, Store, StoreError, StoreFault, StoreRefused};
use synod_testkit::databases::{lease, lease_for};
use synod_topology::TopologyChanges;
use synod_types::CantonTimestamp;

use crate::Database;
use crate::samples::{block, genesis, time, topology_row};

const FIRST: &str = "CREATE TABLE fruit_kinds (id INT64 PRIMARY KEY, name ASCII NOT NULL, taste BYTES);";
const SECOND: &str = "ALTER TABLE fruit_kinds ADD COLUMN weight INT64;";
const FRUIT: TableSet = TableSet::new("fruit", &[FIRST]);
const MORE_FRUIT: TableSet = TableSet::new("fruit", &[FIRST, SECOND]);
const OTHER_FRUIT: TableSet = TableSet::new("fruit", &["CREATE TABLE fruit_kinds (id INT64 PRIMARY KEY);"]);
const ROOTS: TableSet = TableSet::new("roots", &["CREATE TABLE roots_kinds (id INT64 PRIMARY KEY);"]);

const COLUMNS: &[Column] = &[Column::Int("id"), Column::Text("name"), Column::Bytes("taste")];

async fn count(store: &Store, select: &str) -> i64 {
    let mut connection = store.database().reader().await.expect("a connection");
    connection.session().fetch_one(select, &[]).await.expect("a row").int(0).expect("a number")
}

async fn write(store: &Store, sql: &str) {
    let mut transaction = store.database().begin_write().await.expect("a transaction");
    assert_eq!(transaction.session().execute(sql, &[]).await.expect("runs"), 1);
    transaction.commit().await.expect("commits");
}

pub(crate) async fn sets_of_tables_live_side_by_side(database: Database) {
    let store = database.open().await;
    for tables in [&FRUIT, &ROOTS, &FRUIT] {
        store.database().migrate(tables).await.expect("the tables are there");
    }
    write(&store, "INSERT INTO fruit_kinds (id, name) VALUES (1, 'apple')").await;
    write(&store, "INSERT INTO roots_kinds (id) VALUES (1)").await;
    let store = database.reopen(store).await;
    store.database().migrate(&FRUIT).await.expect("is up to date");
    assert_eq!(count(&store, "SELECT COUNT(*) FROM fruit_kinds").await, 1);
    assert_eq!(count(&store, "SELECT MAX(version) FROM fruit_schema").await, 1);
    assert_eq!(count(&store, "SELECT MAX(version) FROM roots_schema").await, 1);
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("the store's own tables are what they were");
}

pub(crate) async fn a_newer_set_is_refused(database: Database) {
    let store = database.open().await;
    store.database().migrate(&MORE_FRUIT).await.expect("the tables are there");
    let older = store.database().migrate(&FRUIT).await;
    let Err(StoreError::Refused(StoreRefused::NewerSchema { tables: "fruit", found: 2, supported: 1 })) = older else {
        panic!("{older:?}");
    };
    // The store itself opens: the set is not its own.
    let store = database.reopen(store).await;
    store.database().migrate(&MORE_FRUIT).await.expect("is up to date");
}

pub(crate) async fn a_set_is_upgraded(database: Database) {
    let store = database.open().await;
    store.database().migrate(&FRUIT).await.expect("the tables are there");
    let other = store.database().migrate(&OTHER_FRUIT).await;
    let Err(StoreError::Refused(StoreRefused::ForeignSchema { tables: "fruit", version: 1 })) = other else {
        panic!("{other:?}");
    };
    write(&store, "INSERT INTO fruit_kinds (id, name) VALUES (1, 'apple')").await;
    store.database().migrate(&MORE_FRUIT).await.expect("is upgraded");
    write(&store, "UPDATE fruit_kinds SET weight = 150 WHERE id = 1").await;
    assert_eq!(count(&store, "SELECT weight FROM fruit_kinds WHERE name = 'apple'").await, 150);
}

pub(crate) async fn what_a_transaction_appends_is_read(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    let mut batch = TopologyBatch::of_synchronizer();
    for id in 0..3 {
        batch.add_row(&topology_row(id, 10, 20)).expect("fits");
    }
    let changes = |id, closed: &[(u64, i64)]| TopologyChanges {
        inserted: vec![topology_row(id, 30, 40)],
        closed: closed.iter().map(|(id, at)| (*id, time(*at))).collect(),
        ..TopologyChanges::default()
    };
    batch.add(&changes(3, &[(0, 40)])).expect("fits");
    // A row may end in the transaction that inserts it, and the last word holds.
    batch.add(&changes(4, &[(0, 50), (3, 50)])).expect("fits");
    assert_eq!(batch.rows(), 5);
    let mut transaction = store.database().begin_fenced(&held).await.expect("the lease holds");
    batch.run(&mut transaction.session()).await.expect("runs");
    transaction.commit().await.expect("commits");

    let page = store.topology_page(None, CantonTimestamp::MAX, 10).await.expect("reads");
    let ends: Vec<_> = page.iter().map(|row| (row.id, row.valid_until.map(CantonTimestamp::as_micros))).collect();
    assert_eq!(ends, [(0, Some(50)), (1, None), (2, None), (3, Some(50)), (4, None)]);
    let mut transaction = store.database().begin_read().await.expect("a transaction");
    let rows = transaction.session().topology_state_rows().await.expect("reads");
    // 3 is a proposal that ended; 4 was rejected, but it is the last.
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [0, 1, 2, 4]);
    drop(transaction);

    let mut unknown = TopologyBatch::of_synchronizer();
    let end = TopologyChanges { closed: vec![(77, time(60))], ..TopologyChanges::default() };
    unknown.add(&end).expect("fits");
    let mut transaction = store.database().begin_fenced(&held).await.expect("the lease holds");
    let corrupt = unknown.run(&mut transaction.session()).await;
    assert!(matches!(corrupt, Err(StoreFault::Corrupt { .. })), "{corrupt:?}");
}

pub(crate) async fn a_fenced_transaction_holds_the_lease(database: Database) {
    let first = database.open().await;
    first.database().migrate(&FRUIT).await.expect("the tables are there");
    let second = database.other_process(&first).await;
    let old = lease_for(&first, "first", 0).await;
    let insert = "INSERT INTO fruit_kinds (id, name) VALUES (1, 'apple')";
    let mut transaction = first.database().begin_fenced(&old).await.expect("nobody took over yet");
    // Somebody wants to take over in the middle of it, and has to wait for its end.
    let taking = tokio::spawn({
        let second = second.clone();
        async move { lease(&second, "second").await }
    });
    transaction.session().execute(insert, &[]).await.expect("runs");
    assert!(!taking.is_finished(), "nobody takes over in the middle of a transaction");
    transaction.commit().await.expect("commits");
    let new = taking.await.expect("takes over");
    assert!(new.epoch() > old.epoch());

    for late in [first.database().begin_fenced(&old).await, first.database().begin_fenced_aside(&old).await] {
        assert!(matches!(late.map(|_| ()), Err(StoreFault::LeaseLost { ref holder, .. }) if holder == "first"));
    }
    // A transaction extends the lease.
    write(&second, "UPDATE head SET lease_expires_at = 0").await;
    second.database().begin_fenced_aside(&new).await.expect("it holds").commit().await.expect("commits");
    let other = first.acquire_lease("third", 1).await.expect("can be asked for");
    assert!(matches!(other, Acquired::Held { .. }), "{other:?}");
    // What sequencers do is fenced by the same lease.
    second.initialize(&new, &genesis(1)).await.expect("genesis");
    second.commit(&new, &[block(0, 1)]).await.expect("commits");
}

pub(crate) async fn insertion_tells_what_was_new(database: Database) {
    let store = database.open().await;
    store.database().migrate(&FRUIT).await.expect("the tables are there");
    let rows = |ids: std::ops::Range<i64>| {
        let mut insert = Insert::new("fruit_kinds", COLUMNS, "ON CONFLICT (id) DO NOTHING RETURNING id");
        for id in ids {
            let taste = (id % 2 == 0).then(|| Bytes::from(vec![7, 0, 255]));
            insert.row([id.into(), format!("fruit {id}").into(), taste.into()]);
        }
        insert
    };
    for (ids, expected) in [(0..150, 0..150), (100..400, 150..400), (0..400, 0..0)] {
        let mut transaction = store.database().begin_write().await.expect("a transaction");
        let new = rows(ids).fetch(&mut transaction.session()).await.expect("runs");
        transaction.commit().await.expect("commits");
        let mut new: Vec<i64> = new.iter().map(|row| row.int(0).expect("a number")).collect();
        new.sort_unstable();
        assert!(new.iter().copied().eq(expected.clone()), "{expected:?}");
    }
    let mut connection = store.database().reader().await.expect("a connection");
    let select = "SELECT name, taste FROM fruit_kinds WHERE id >= $1 ORDER BY id LIMIT $2";
    let found = connection.session().fetch(select, &[Arg::Int(200), Arg::Int(2)]).await.expect("reads");
    assert_eq!(found[0].text(0).expect("a text"), "fruit 200");
    assert_eq!(found[0].opt_slice(1).expect("bytes"), Some([7, 0, 255].as_slice()));
    assert_eq!(found[1].opt_bytes(1).expect("bytes"), None);
}
