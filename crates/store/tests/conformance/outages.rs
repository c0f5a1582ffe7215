//! A database that goes away and comes back.

use std::time::Duration;

use synod_store::{Store, StoreConfig, StoreFault};
use synod_testkit::databases::{lease, runtime};
use synod_testkit::postgres::TestServer;

use crate::samples::{block, genesis};

/// More than a server takes to start, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

async fn stop(server: TestServer) -> TestServer {
    let mut server = server;
    let stop = move || server.stop().map(|()| server).expect("it stops");
    tokio::task::spawn_blocking(stop).await.expect("no panic")
}

async fn start(server: TestServer) -> TestServer {
    let mut server = server;
    let start = move || server.start_again().map(|()| server).expect("it starts");
    tokio::task::spawn_blocking(start).await.expect("no panic")
}

#[test]
fn a_commit_waits_for_a_database_that_is_away_and_happens_once() {
    let one_statement = StoreConfig::new("").one_statement_rows;
    for one_statement_rows in [one_statement, 0] {
        waits_and_happens_once(one_statement_rows);
    }
}

fn waits_and_happens_once(one_statement_rows: usize) {
    runtime().block_on(async {
        let server = TestServer::start().expect("a server");
        let mut config = StoreConfig::new(server.url("postgres"));
        // Two calls that fail take longer than the connection for commits is trusted without being asked.
        (config.connect_timeout_ms, config.one_statement_rows) = (400, one_statement_rows);
        let store = Store::open(&config).await.expect("opens");
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(1)).await.expect("genesis");
        store.commit(&held, &[block(0, 1)]).await.expect("commits");
        let server = stop(server).await;
        let read = store.head().await;
        assert!(matches!(read, Err(StoreFault::Unreachable { .. })), "{read:?}");
        let renewed = store.renew_lease(&held).await;
        assert!(renewed.as_ref().is_err_and(StoreFault::is_unreachable), "{renewed:?}");
        let committing = {
            let (store, held) = (store.clone(), held.clone());
            tokio::spawn(async move { store.commit(&held, &[block(1, 1)]).await })
        };
        // Of the calls above, and then of the attempt to commit.
        for _ in 0..3 {
            tokio::time::timeout(LIMIT, store.doubted()).await.expect("somebody found no database");
        }
        assert!(!committing.is_finished());
        let _server = start(server).await;
        let report = tokio::time::timeout(LIMIT, committing).await.expect("in time").expect("no panic");
        assert_eq!(report.expect("commits").blocks, 1);
        assert_eq!(store.head().await.expect("reads").and_then(|head| head.height), Some(1));
        store.renew_lease(&held).await.expect("nobody has taken over");
        store.commit(&held, &[block(2, 2_000)]).await.expect("commits");
        store.close().await;
    });
}

#[test]
fn a_commit_gives_up_when_the_delay_is_over() {
    runtime().block_on(async {
        let server = TestServer::start().expect("a server");
        let mut config = StoreConfig::new(server.url("postgres"));
        (config.connect_timeout_ms, config.failed_to_fatal_delay_ms) = (600, 300);
        let store = Store::open(&config).await.expect("opens");
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(1)).await.expect("genesis");
        let _server = stop(server).await;
        // The connection for commits is asked whether it lives after that.
        assert!(store.head().await.is_err());
        let failed = tokio::time::timeout(LIMIT, store.commit(&held, &[block(0, 1)])).await.expect("in time");
        assert!(failed.as_ref().is_err_and(StoreFault::is_unreachable), "{failed:?}");
    });
}
