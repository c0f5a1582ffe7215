//! Servers, roles, schemas and TLS.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use synod_machine::FrameStamp;
use synod_store::{Store, StoreConfig, StoreError, StoreFault, StoreRefused};
use synod_testkit::databases::{lease, run, runtime, server};
use synod_testkit::postgres::TestServer;
use synod_types::MemberIndex;

use crate::Database;
use crate::samples::{block, block_of, consumed, event, genesis, time};

async fn refused(config: &StoreConfig) -> StoreRefused {
    match Store::open(config).await {
        Err(StoreError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn sql(text: &str) {
    server().sql("postgres", text).expect("the statement runs");
}

/// URL of a role that may do nothing but what a test grants it.
fn url_of(role: &str, database: &str) -> String {
    format!("postgres://{role}@127.0.0.1:{}/{database}", server().port())
}

#[test]
fn a_role_needs_few_rights() {
    sql("CREATE ROLE poor LOGIN");
    sql("CREATE DATABASE \"odd \"\"name\"");
    server()
        .sql("odd \"name", "CREATE SCHEMA \"My Schema\"; GRANT USAGE ON SCHEMA \"My Schema\" TO poor")
        .expect("runs");
    let mut config = StoreConfig::new(url_of("poor", "odd%20%22name"));
    config.schema = Some("My Schema".to_owned());
    runtime().block_on(async {
        // It may not create tables there, nor a schema of its own.
        assert!(matches!(refused(&config).await, StoreRefused::Login(_)));
        let mut own = config.clone();
        own.schema = Some("its own".to_owned());
        assert!(matches!(refused(&own).await, StoreRefused::Login(_)));

        server().sql("odd \"name", "GRANT CREATE ON SCHEMA \"My Schema\" TO poor").expect("runs");
        let store = Store::open(&config).await.expect("opens");
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(1)).await.expect("genesis");
        store.commit(&held, &[block(0, 1)]).await.expect("commits");
        store.close().await;

        server().sql("odd \"name", "GRANT CREATE ON DATABASE \"odd \"\"name\" TO poor").expect("runs");
        let store = Store::open(&own).await.expect("creates its schema");
        assert_eq!(store.head().await.expect("reads"), None, "another schema is another node");
    });
}

#[test]
fn the_search_path_of_the_role_holds_without_a_schema() {
    sql("CREATE ROLE pathy LOGIN; CREATE SCHEMA pathy AUTHORIZATION pathy");
    runtime().block_on(async {
        let store = Store::open(&StoreConfig::new(url_of("pathy", "postgres"))).await.expect("opens");
        assert_eq!(store.head().await.expect("reads"), None);
    });
    let tables = server().sql("postgres", "SELECT count(*) FROM pg_tables WHERE schemaname = 'pathy'").expect("runs");
    assert!(tables.parse::<u32>().expect("a number") > 10);
}

#[test]
fn mistakes_of_the_operator_are_told_apart() {
    sql("CREATE ROLE locked NOLOGIN");
    runtime().block_on(async {
        assert!(matches!(refused(&StoreConfig::new(server().url("missing"))).await, StoreRefused::Login(_)));
        assert!(matches!(refused(&StoreConfig::new(url_of("nobody_here", "postgres"))).await, StoreRefused::Login(_)));
        assert!(matches!(refused(&StoreConfig::new(url_of("locked", "postgres"))).await, StoreRefused::Login(_)));
        for name in ["", "pg_mine", &"x".repeat(64)] {
            let mut config = StoreConfig::new(server().url("postgres"));
            config.schema = Some(name.to_owned());
            assert!(matches!(refused(&config).await, StoreRefused::SchemaName { .. }), "{name}");
        }
        // Nobody listens there: not a mistake in the configuration, so trying again is of use.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let down = Store::open(&StoreConfig::new(format!("postgres://x@{free}/x"))).await;
        assert!(matches!(down, Err(StoreError::Fault(StoreFault::Unreachable { .. }))), "{down:?}");
    });
}

#[test]
fn a_socket_works_too() {
    let folder = server().socket_folder().display().to_string().replace('/', "%2F");
    let url = format!("postgres://postgres@{folder}:{}/postgres", server().port());
    let mut config = StoreConfig::new(url);
    config.schema = Some("over a socket".to_owned());
    runtime().block_on(async { Store::open(&config).await.expect("opens").close().await });
}

#[test]
fn a_role_that_does_not_wait_for_the_disk_is_refused() {
    sql(
        "CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET synchronous_commit = off; CREATE SCHEMA hasty AUTHORIZATION hasty",
    );
    let mut config = StoreConfig::new(url_of("hasty", "postgres"));
    runtime().block_on(async {
        let error = refused(&config).await.to_string();
        assert!(error.contains("synchronous_commit=off") && error.contains("allow_unsafe_durability"), "{error}");
        config.allow_unsafe_durability = true;
        let store = Store::open(&config).await.expect("opens");
        lease(&store, "holder").await;
        store.close().await;
        // With `local` a commit still waits for this server's disk.
        config.allow_unsafe_durability = false;
        sql("ALTER ROLE hasty SET synchronous_commit = local");
        Store::open(&config).await.expect("opens").close().await;
    });
}

/// The second server of this suite: with TLS, and unsafe from some point on.
#[test]
fn an_unsafe_server_and_tls() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let read = |name: &str| std::fs::read(data.join(name)).expect("test data");
    let unsafe_server = TestServer::builder()
        .setting("ssl", "on")
        .setting("ssl_cert_file", "server.pem")
        .setting("ssl_key_file", "server.key")
        .file("server.pem", read("server.pem"))
        .file("server.key", read("server.key"))
        .start()
        .expect("a server");
    runtime().block_on(async {
        let url = unsafe_server.url("postgres");
        let store = Store::open(&StoreConfig::new(&url)).await.expect("it is safe as yet");
        let run = |text: &str| unsafe_server.sql("postgres", text).expect("the statement runs");
        for setting in ["fsync", "full_page_writes"] {
            run(&format!("ALTER SYSTEM SET {setting} = off"));
        }
        run("SELECT pg_reload_conf()");
        // The server reads its configuration a little later. A new session has it, and then so have the others.
        let reloaded = (0..1_000).any(|_| run("SHOW fsync") == "off");
        assert!(reloaded, "the server does not read its configuration again");
        let acquired = store.acquire_lease("holder", 1_000).await;
        assert!(matches!(acquired, Err(StoreFault::UnsafeDurability { .. })), "{acquired:?}");
        store.close().await;
        let error = refused(&StoreConfig::new(&url)).await.to_string();
        assert!(error.contains("fsync=off, full_page_writes=off"), "{error}");

        let with = |parameters: &str| {
            let mut config = StoreConfig::new(format!("{url}?{parameters}"));
            config.allow_unsafe_durability = true;
            config
        };
        let root = |name: &str| data.join(name).display().to_string();
        let encrypted = |applications: &str| {
            let query = format!(
                "SELECT bool_and(s.ssl)::TEXT FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                 WHERE a.application_name = '{applications}'"
            );
            unsafe_server.sql("postgres", &query).expect("runs")
        };
        for (name, parameters, is_encrypted) in [
            ("disable", "sslmode=disable".to_owned(), "false"),
            ("prefer", "sslmode=prefer".to_owned(), "true"),
            ("require", "sslmode=require".to_owned(), "true"),
            ("verify-ca", format!("sslmode=verify-ca&sslrootcert={}", root("ca.pem")), "true"),
            ("verify-full", format!("sslmode=verify-full&sslrootcert={}", root("ca.pem")), "true"),
        ] {
            let store = Store::open(&with(&format!("{parameters}&application_name={name}"))).await.expect(name);
            assert_eq!(encrypted(name), is_encrypted, "{name}");
            store.close().await;
        }
        let stranger = with(&format!("sslmode=verify-full&sslrootcert={}", root("other-ca.pem")));
        assert!(matches!(refused(&stranger).await, StoreRefused::Tls(_)));
        let plain = StoreConfig::new(format!("{}?sslmode=require", server().url("postgres")));
        assert!(matches!(refused(&plain).await, StoreRefused::Tls(_)));
    });
}

/// Rows of one statement all have the number of the first command of their transaction.
#[test]
fn simple_commits_are_one_statement() {
    run(Database::postgres("one statement"), async |mut database| {
        database.config.one_statement_rows = 12;
        let store = database.open().await;
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(1)).await.expect("genesis");
        let mut simple = block_of(0, vec![event(5, &[0])]);
        simple.traffic_consumed = vec![consumed(0, 5, 1)];
        simple.acknowledgements = vec![(MemberIndex(0), time(5))];
        let mut with_frame = block_of(1, vec![event(15, &[0])]);
        with_frame.frames = vec![FrameStamp { id: [1; 32], valid_until: time(99) }];
        // A block, ten events and a row of deliveries are twelve rows.
        let full = block_of(2, (21..31).map(|at| event(at, &[0])).collect());
        let large = block_of(3, (41..52).map(|at| event(at, &[0])).collect());
        let mut heavy = event(61, &[0]);
        heavy.batch = Some(Bytes::from(vec![0; 1 << 20]));
        for block in [simple, with_frame, full, large, block_of(4, vec![heavy])] {
            store.commit(&held, &[block]).await.expect("commits");
        }
        let mut connection = store.database().reader().await.expect("a connection");
        let select = "SELECT CAST(CAST(CAST(cmin AS TEXT) AS INT) AS BIGINT) FROM events WHERE time IN (5, 15, 21, 41, 61) \
                      ORDER BY time";
        let rows = connection.session().fetch(select, &[]).await.expect("rows");
        let first: Vec<bool> = rows.iter().map(|row| row.int(0).expect("a number") == 0).collect();
        assert_eq!(first, [true, false, true, false, false]);
    });
}

/// One statement that waits for the row of the lease sees who has it then, not who had it when the statement began.
#[test]
fn a_take_over_while_a_commit_waits_refuses_it() {
    run(Database::postgres("waiting commit"), async |database| {
        let store = database.open().await;
        let held = lease(&store, "holder").await;
        store.initialize(&held, &genesis(1)).await.expect("genesis");
        let mut takes_over = store.database().begin_write().await.expect("a transaction");
        let mut session = takes_over.session();
        let update = "UPDATE head SET lease_epoch = lease_epoch + 1, lease_holder = 'other'";
        assert_eq!(session.execute(update, &[]).await.expect("runs"), 1);
        let of_us = session.fetch_one("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).await.expect("a row");
        let of_us = of_us.int(0).expect("a number");
        let committer = store.clone();
        let commit = tokio::spawn(async move { committer.commit(&held, &[block_of(0, vec![event(5, &[0])])]).await });
        let mut connection = store.database().reader().await.expect("a connection");
        let waits = format!("SELECT COUNT(*) FROM pg_stat_activity WHERE {of_us} = ANY(pg_blocking_pids(pid))");
        while connection.session().fetch_one(&waits, &[]).await.expect("a row").int(0).expect("a number") == 0 {
            assert!(!commit.is_finished(), "the commit does not wait");
        }
        takes_over.commit().await.expect("commits");
        let late = commit.await.expect("ends");
        assert!(matches!(late, Err(StoreFault::LeaseLost { .. })), "{late:?}");
        for table in ["blocks", "events", "member_events"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            let row = connection.session().fetch_one(&count, &[]).await.expect("a row");
            assert_eq!(row.int(0).expect("a number"), 0, "{table}");
        }
    });
}

/// Several processes that open an empty database at once.
#[test]
fn openings_at_once_create_one_schema() {
    let database = Arc::new(Database::postgres("opened at once"));
    runtime().block_on(async {
        let open = |database: Arc<Database>| async move { database.try_open().await };
        let openings: Vec<_> = (0..8).map(|_| tokio::spawn(open(Arc::clone(&database)))).collect();
        for opening in openings {
            opening.await.expect("ends").expect("opens").close().await;
        }
    });
}
