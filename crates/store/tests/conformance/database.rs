//! The databases that the cases run on.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use synod_store::{Acquired, Lease, Store, StoreConfig, StoreError};
use synod_testkit::postgres::TestServer;
use tempfile::TempDir;

/// The server of all cases.
pub(crate) fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("a private PostgreSQL server"))
}

/// An empty database for one case.
pub(crate) struct Database {
    pub(crate) config: StoreConfig,
    pub(crate) folder: TempDir,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = StoreConfig::new(format!("sqlite://{}", folder.path().join("store.db").display()));
        Self { config, folder }
    }

    pub(crate) fn postgres(schema: &str) -> Self {
        let mut config = StoreConfig::new(server().url("postgres"));
        config.schema = Some(schema.to_owned());
        Self { config, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.config.url.starts_with("sqlite")
    }

    /// Another empty database of the same kind.
    pub(crate) fn another(&self) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        match &self.config.schema {
            None => Self::sqlite(),
            Some(schema) => Self::postgres(&format!("{schema}_{}", COUNT.fetch_add(1, Ordering::Relaxed))),
        }
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.expect("the store opens")
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config).await
    }

    /// Closes a store and opens it again, as a restart does.
    pub(crate) async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        drop(store);
        self.open().await
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn sql(&self, sql: &'static str) {
        if self.is_sqlite() {
            let url = self.config.url.as_str();
            let mut connection =
                <sqlx::SqliteConnection as sqlx::Connection>::connect(url).await.expect("a connection");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
            sqlx::Connection::close(connection).await.expect("the connection closes");
        } else {
            let schema = self.config.schema.as_deref().expect("a schema");
            server().sql("postgres", &format!("SET search_path TO \"{schema}\"; {sql}")).expect("the statement runs");
        }
    }
}

/// Becomes the writer.
pub(crate) async fn lease(store: &Store, holder: &str) -> Lease {
    match store.acquire_lease(holder, 60_000).await.expect("the lease can be asked for") {
        Acquired::Lease(lease) => lease,
        Acquired::Held { by, .. } => panic!("{by} holds the lease"),
    }
}

pub(crate) fn run<F: Future<Output = ()>>(database: Database, case: impl FnOnce(Database) -> F) {
    runtime().block_on(case(database));
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
