//! The store: its pools of connections, and how it is opened.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, SqlitePool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::location::Location;
use crate::postgres_writer::PostgresWriter;
use crate::reachability::Reachability;
use crate::seal::Sealer;
use crate::sql::{Arg, Connection, Dialect, PooledConnection, PooledTransaction, SessionOf, Transaction};
use crate::{StoreConfig, StoreError, StoreFault, migrate, postgres, sqlite};

/// Durable state of one node. Cheap to clone; all clones share the connections.
///
/// One process at a time may write: on SQLite the file is locked while a store is open, on PostgreSQL the
/// [`Lease`](crate::Lease) fences a leader that was taken over.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pools: Pools,
    /// One for each connection for reading.
    reading_places: Arc<Semaphore>,
    pub(crate) sealer: Option<Sealer>,
    commit_timeout: Duration,
    pub(crate) reachability: Reachability,
    one_statement_rows: usize,
    pub(crate) allow_unsafe_durability: bool,
    /// Held as long as the store lives.
    _lock: Option<File>,
}

pub(crate) enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres { writer: PostgresWriter, side: PgPool, readers: PgPool },
}

impl Store {
    /// Opens the database, creates or upgrades its tables, and checks the key file against its private keys
    /// (which are encrypted now if they were not).
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the configuration is wrong, unsafe, or the database belongs to a newer
    /// program; [`StoreError::Fault`] when the database cannot be reached or fails.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let sealer = config.key_file.as_deref().map(Sealer::from_file).transpose()?;
        let (pools, lock) = match Location::parse(config)? {
            Location::File(path) => {
                let (pools, lock) = sqlite::open(&path, config).await?;
                (pools, Some(lock))
            }
            Location::Server(options) => (postgres::open(*options, config).await?, None),
        };
        let store = Self {
            inner: Arc::new(Inner {
                pools,
                reading_places: Arc::new(Semaphore::new(config.max_readers.max(1) as usize)),
                sealer,
                commit_timeout: Duration::from_millis(config.commit_timeout_ms),
                reachability: Reachability::new(Duration::from_millis(config.failed_to_fatal_delay_ms)),
                one_statement_rows: config.one_statement_rows,
                allow_unsafe_durability: config.allow_unsafe_durability,
                _lock: lock,
            }),
        };
        store.prepare().await.map_err(postgres::or_refused)?;
        store.check_key_file().await?;
        Ok(store)
    }

    /// Creates or upgrades the tables.
    async fn prepare(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin_write().await?;
        migrate::OWN.migrate(&mut transaction).await?;
        if self.dialect() == Dialect::Sqlite {
            // The lock on the file proves that no earlier holder lives.
            transaction.session().execute("UPDATE head SET lease_expires_at = $1", &[Arg::Int(0)]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// `sqlite` or `postgres`, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    /// Closes all connections, after what they are doing. Other clones fail from then on.
    pub async fn close(&self) {
        match &self.inner.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres { writer, side, readers } => {
                readers.close().await;
                side.close().await;
                writer.close().await;
            }
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.inner.pools {
            Pools::Sqlite { .. } => Dialect::Sqlite,
            Pools::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// A connection for one read. Waits for its turn as long as it takes: many readers that are behind are no fault.
    pub(crate) async fn reader(&self) -> Result<Connection, StoreFault> {
        let place = self.reading_place().await?;
        let of = match &self.inner.pools {
            Pools::Sqlite { readers, .. } => readers.acquire().await.map(PooledConnection::Sqlite),
            Pools::Postgres { readers, .. } => readers.acquire().await.map(PooledConnection::Postgres),
        };
        Ok(Connection { of: of.map_err(|source| self.not_connected("connect", source))?, _place: place })
    }

    /// A transaction whose reads all see the same state.
    pub(crate) async fn begin_read(&self) -> Result<Transaction, StoreFault> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let place = self.reading_place().await?;
        let of = match &self.inner.pools {
            Pools::Sqlite { readers, .. } => readers.begin().await.map(PooledTransaction::Sqlite),
            Pools::Postgres { readers, .. } => readers.begin_with(SNAPSHOT).await.map(PooledTransaction::Postgres),
        };
        self.begun(of, Some(place))
    }

    async fn reading_place(&self) -> Result<OwnedSemaphorePermit, StoreFault> {
        let places = Arc::clone(&self.inner.reading_places);
        places.acquire_owned().await.map_err(|_| StoreFault::database("connect", sqlx::Error::PoolClosed))
    }

    /// A transaction for the commit of blocks, on the connection kept for it.
    pub(crate) async fn begin_commit(&self) -> Result<Transaction, StoreFault> {
        let of = match &self.inner.pools {
            Pools::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(PooledTransaction::Sqlite),
            Pools::Postgres { writer, .. } => writer.begin().await.map(PooledTransaction::Postgres),
        };
        self.begun(of, None)
    }

    /// How many rows a commit in one statement may have; None where there is no such thing.
    pub(crate) fn one_statement_rows(&self) -> Option<usize> {
        (self.dialect() == Dialect::Postgres).then_some(self.inner.one_statement_rows)
    }

    /// On PostgreSQL, the connection kept for commits, outside of a transaction, and whose it is.
    pub(crate) async fn committing_connection(
        &self,
    ) -> Result<Option<(&PostgresWriter, PoolConnection<Postgres>)>, StoreFault> {
        let Pools::Postgres { writer, .. } = &self.inner.pools else { return Ok(None) };
        let connection = writer.take().await.map_err(|source| self.not_connected("connect", source))?;
        Ok(Some((writer, connection)))
    }

    /// A transaction for other writes, which on PostgreSQL wait neither for commits of blocks nor for readers.
    pub(crate) async fn begin_write(&self) -> Result<Transaction, StoreFault> {
        let of = match &self.inner.pools {
            Pools::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(PooledTransaction::Sqlite),
            Pools::Postgres { side, .. } => side.begin().await.map(PooledTransaction::Postgres),
        };
        self.begun(of, None)
    }

    /// Runs one statement in a transaction of its own; the number of rows it touched.
    pub(crate) async fn write(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, StoreFault> {
        let mut transaction = self.begin_write().await?;
        let rows = transaction.session().execute(sql, args).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Waits for a commit no longer than is configured.
    pub(crate) async fn within_commit_timeout<T, E: From<StoreFault>>(
        &self,
        commit: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let timeout = self.inner.commit_timeout;
        tokio::time::timeout(timeout, commit).await.unwrap_or_else(|_| {
            let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            Err(StoreFault::CommitTimeout { timeout_ms }.into())
        })
    }

    /// Fails when the server's settings have become unsafe since the store was opened.
    pub(crate) async fn check_durability(&self) -> Result<(), StoreFault> {
        if self.inner.allow_unsafe_durability || self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let mut transaction = self.begin_write().await?;
        let SessionOf::Postgres(session) = transaction.session().of else { return Ok(()) };
        match postgres::unsafe_settings(session).await {
            Ok(None) => Ok(()),
            Ok(Some(settings)) => Err(StoreFault::UnsafeDurability { settings }),
            Err(source) => Err(StoreFault::database("SHOW fsync", source)),
        }
    }

    fn begun(
        &self,
        of: Result<PooledTransaction, sqlx::Error>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Transaction, StoreFault> {
        Ok(Transaction { of: of.map_err(|source| self.not_connected("BEGIN", source))?, _place: place })
    }

    fn not_connected(&self, statement: &str, source: sqlx::Error) -> StoreFault {
        let fault = match self.dialect() {
            Dialect::Sqlite => StoreFault::database(statement, source),
            Dialect::Postgres => StoreFault::connecting(statement, source),
        };
        if fault.is_unreachable() {
            self.inner.reachability.doubt();
        }
        fault
    }
}
