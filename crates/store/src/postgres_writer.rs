//! PostgreSQL: the one connection for commits of blocks.

use std::sync::{Mutex, PoisonError};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

/// A pool of one connection. Between commits of one statement the connection stays out of the pool: the pool asks each
/// connection that comes back whether it lives, which is a round trip for nothing.
pub(crate) struct PostgresWriter {
    pool: PgPool,
    kept: Mutex<Option<PoolConnection<Postgres>>>,
}

impl PostgresWriter {
    /// `pool` has at most one connection.
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool, kept: Mutex::new(None) }
    }

    /// The connection, outside of a transaction. Waits until it is free.
    pub(crate) async fn take(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        match self.take_kept() {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    /// Takes back a connection whose last statement was read to its end. One that is dropped instead goes to the pool,
    /// which closes it when it is in the middle of something.
    pub(crate) fn keep(&self, connection: PoolConnection<Postgres>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    /// A transaction on the connection. Waits until it is free.
    pub(crate) async fn begin(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        drop(self.take_kept());
        self.pool.begin().await
    }

    /// Closes the connection, after what it is doing.
    pub(crate) async fn close(&self) {
        drop(self.take_kept());
        self.pool.close().await;
    }

    fn take_kept(&self) -> Option<PoolConnection<Postgres>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
