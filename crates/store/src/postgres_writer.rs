//! PostgreSQL: the one connection for commits of blocks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Error, PgPool, Postgres};

/// A connection that was not used for so long is asked whether it lives: a commit that is sent on a dead one would have an
/// unknown fate.
const TRUSTED: Duration = Duration::from_millis(500);

/// A pool of one connection. Between commits of one statement the connection stays out of the pool: the pool asks each
/// connection that comes back whether it lives, which is a round trip for nothing.
pub(crate) struct PostgresWriter {
    pool: PgPool,
    kept: Mutex<Kept>,
}

struct Kept {
    connection: Option<PoolConnection<Postgres>>,
    used: Instant,
}

impl PostgresWriter {
    /// `pool` has at most one connection.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, kept: Mutex::new(Kept { connection: None, used: Instant::now() }) }
    }

    /// The connection, outside of a transaction. Waits until it is free.
    pub(crate) async fn take(&self) -> Result<PoolConnection<Postgres>, Error> {
        let (kept, used) = self.take_kept();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        if used.elapsed() < TRUSTED {
            return Ok(connection);
        }
        match self.within_limit(connection.ping()).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // The pool may open another one.
                drop(connection.detach());
                Err(error)
            }
        }
    }

    /// Takes back a connection whose last statement was read to its end. One that is dropped instead goes to the pool,
    /// which closes it when it is in the middle of something.
    pub(crate) fn keep(&self, connection: PoolConnection<Postgres>) {
        let kept = Kept { connection: Some(connection), used: Instant::now() };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// A transaction on the connection. Waits until it is free.
    pub(crate) async fn begin(&self) -> Result<sqlx::Transaction<'static, Postgres>, Error> {
        drop(self.take_kept());
        self.within_limit(self.pool.begin()).await
    }

    /// Closes the connection, after what it is doing.
    pub(crate) async fn close(&self) {
        drop(self.take_kept());
        self.pool.close().await;
    }

    /// As long as the pool would wait for a connection.
    async fn within_limit<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let limit = self.pool.options().get_acquire_timeout();
        tokio::time::timeout(limit, asked).await.unwrap_or(Err(Error::PoolTimedOut))
    }

    /// The connection, if it is here, and when it was last used.
    fn take_kept(&self) -> (Option<PoolConnection<Postgres>>, Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.connection.take(), std::mem::replace(&mut kept.used, Instant::now()))
    }
}
