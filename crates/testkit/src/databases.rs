//! Empty databases of both kinds, for suites that run every case on SQLite and on PostgreSQL.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use synod_store::{Acquired, Lease, Store, StoreConfig, StoreError};
use tempfile::TempDir;

use crate::postgres::TestServer;

/// For each case, an `async fn(TestDatabase)` of a module of this crate, a test on each kind of database: in a module
/// `sqlite`, and in a module `postgres`.
///
/// All cases share one server ([`server`](crate::databases::server)); their schemas have the names of the cases, so
/// no two cases of a test program may have the same.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the cases are those of the suite, not of this crate")]
macro_rules! on_both_databases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $case() {
                $crate::databases::run($crate::databases::TestDatabase::sqlite(), crate::$module::$case);
            })*
        }

        mod postgres {
            $(#[test]
            fn $case() {
                let database = $crate::databases::TestDatabase::postgres(stringify!($case));
                $crate::databases::run(database, crate::$module::$case);
            })*
        }
    };
}

/// The PostgreSQL server of all cases of this process; it ends with it.
///
/// # Panics
/// When PostgreSQL is not installed or does not start.
pub fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("a private PostgreSQL server"))
}

/// An empty database for one case.
#[derive(Debug)]
pub struct TestDatabase {
    /// How it is opened.
    pub config: StoreConfig,
    /// A folder of the case, which goes with this value; the file of SQLite is in it.
    pub folder: TempDir,
}

impl TestDatabase {
    /// A file.
    ///
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = StoreConfig::new(format!("sqlite://{}", folder.path().join("store.db").display()));
        Self { config, folder }
    }

    /// A schema of this name on the shared server.
    ///
    /// # Panics
    /// As [`server`], and when there is no temporary folder.
    #[must_use]
    pub fn postgres(schema: &str) -> Self {
        let mut config = StoreConfig::new(server().url("postgres"));
        config.schema = Some(schema.to_owned());
        Self { config, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Whether it is a file.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.config.url.starts_with("sqlite")
    }

    /// Another empty database of the same kind.
    ///
    /// # Panics
    /// As [`Self::sqlite`] and [`Self::postgres`].
    #[must_use]
    pub fn another(&self) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        match &self.config.schema {
            None => Self::sqlite(),
            Some(schema) => Self::postgres(&format!("{schema}_{}", COUNT.fetch_add(1, Ordering::Relaxed))),
        }
    }

    /// Opens it.
    ///
    /// # Panics
    /// When that fails.
    pub async fn open(&self) -> Store {
        self.try_open().await.expect("the store opens")
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config).await
    }

    /// Closes a store and opens it again, as a restart does.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        drop(store);
        self.open().await
    }

    /// A second store on the database, as another process has it. (On SQLite the file is locked against others, so there
    /// the same store plays both.)
    ///
    /// # Panics
    /// When it does not open.
    pub async fn other_process(&self, store: &Store) -> Store {
        if self.is_sqlite() { store.clone() } else { self.open().await }
    }

    /// Runs SQL statements while no store is open.
    ///
    /// # Panics
    /// When they fail.
    pub async fn sql(&self, sql: &str) {
        let store = self.open().await;
        let mut transaction = store.database().begin_write().await.expect("a transaction");
        transaction.session().script(sql).await.expect("the statements run");
        transaction.commit().await.expect("commits");
        store.close().await;
    }
}

/// Becomes the writer for a minute.
///
/// # Panics
/// When somebody else is, or the database fails.
pub async fn lease(store: &Store, holder: &str) -> Lease {
    lease_for(store, holder, 60_000).await
}

/// Becomes the writer for so many milliseconds; with 0 the lease is over as soon as it is given.
///
/// # Panics
/// As [`lease`].
pub async fn lease_for(store: &Store, holder: &str, duration_ms: u32) -> Lease {
    match store.acquire_lease(holder, duration_ms).await.expect("the lease can be asked for") {
        Acquired::Lease(lease) => lease,
        Acquired::Held { by, .. } => panic!("{by} holds the lease"),
    }
}

/// Runs a case to its end.
///
/// # Panics
/// As the case.
pub fn run<F: Future<Output = ()>>(database: TestDatabase, case: impl FnOnce(TestDatabase) -> F) {
    runtime().block_on(case(database));
}

/// A runtime with two threads.
///
/// # Panics
/// When the system gives no threads.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
