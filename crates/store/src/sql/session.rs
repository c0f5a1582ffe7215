//! A connection on which statements run, of either database.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, Postgres, Sqlite, SqliteConnection};

use tokio::sync::OwnedSemaphorePermit;

use super::Dialect;
use super::row::{Row, RowOf};
use crate::StoreFault;

/// Value of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// A number.
    Int(i64),
    /// A number or NULL.
    OptInt(Option<i64>),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Bytes or NULL.
    OptBytes(Option<&'a [u8]>),
    /// For [`Dialect::among_ints`].
    Ints(&'a [i64]),
    /// For [`Dialect::among_bytes`].
    ByteList(&'a [&'a [u8]]),
    /// For [`Dialect::pairs`].
    Pairs(&'a [(i64, i64)]),
}

type EncodeResult = Result<(), sqlx::error::BoxDynError>;

impl Arg<'_> {
    fn add_sqlite(self, arguments: &mut SqliteArguments) -> EncodeResult {
        match self {
            Self::Int(value) => arguments.add(value),
            Self::OptInt(value) => arguments.add(value),
            Self::Text(value) => arguments.add(value),
            Self::Bytes(value) => arguments.add(value),
            Self::OptBytes(value) => arguments.add(value),
            Self::Ints(values) => arguments.add(json_list(values.iter().map(ToString::to_string))),
            Self::ByteList(values) => arguments.add(json_list(values.iter().map(|value| hex_text(value)))),
            Self::Pairs(values) => arguments.add(json_list(values.iter().map(|(k, v)| format!("[{k},{v}]")))),
        }
    }

    fn add_postgres(self, arguments: &mut PgArguments) -> EncodeResult {
        match self {
            Self::Int(value) => arguments.add(value),
            Self::OptInt(value) => arguments.add(value),
            Self::Text(value) => arguments.add(value),
            Self::Bytes(value) => arguments.add(value),
            Self::OptBytes(value) => arguments.add(value),
            Self::Ints(values) => arguments.add(values),
            Self::ByteList(values) => arguments.add(values),
            Self::Pairs(values) => {
                arguments.add(values.iter().map(|(k, _)| *k).collect::<Vec<i64>>())?;
                arguments.add(values.iter().map(|(_, v)| *v).collect::<Vec<i64>>())
            }
        }
    }
}

fn json_list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn hex_text(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(bytes))
}

/// A connection out of the pool, outside of a transaction.
pub struct Connection {
    pub(crate) of: PooledConnection,
    /// The place among the readers, given back with the connection.
    pub(crate) _place: OwnedSemaphorePermit,
}

pub(crate) enum PooledConnection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    /// To run statements on it.
    pub fn session(&mut self) -> Session<'_> {
        let of = match &mut self.of {
            PooledConnection::Sqlite(connection) => SessionOf::Sqlite(connection),
            PooledConnection::Postgres(connection) => SessionOf::Postgres(connection),
        };
        Session { of }
    }
}

/// A transaction; rolled back when dropped.
pub struct Transaction {
    pub(crate) of: PooledTransaction,
    /// Of a reader, its place among them.
    pub(crate) _place: Option<OwnedSemaphorePermit>,
}

pub(crate) enum PooledTransaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// To run statements in it.
    pub fn session(&mut self) -> Session<'_> {
        let of = match &mut self.of {
            PooledTransaction::Sqlite(transaction) => SessionOf::Sqlite(transaction),
            PooledTransaction::Postgres(transaction) => SessionOf::Postgres(transaction),
        };
        Session { of }
    }

    /// Commits. When this returns, what was written survives the loss of power, and reads see it.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails: then it is not known whether it is committed; [`StoreFault::CommitUnknown`]
    /// when the connection was lost.
    pub async fn commit(self) -> Result<(), StoreFault> {
        match self.of {
            PooledTransaction::Sqlite(transaction) => transaction.commit().await,
            PooledTransaction::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(|source| StoreFault::committing("COMMIT", source))
    }
}

/// What runs statements. Their texts hold names of tables and columns only, never values; parameters are `$1`, `$2`, ….
pub struct Session<'c> {
    pub(crate) of: SessionOf<'c>,
}

pub(crate) enum SessionOf<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Session<'_> {
    /// The kind of database.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match &self.of {
            SessionOf::Sqlite(_) => Dialect::Sqlite,
            SessionOf::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement, and returns how many rows it touched.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, StoreFault> {
        let done = match &mut self.of {
            SessionOf::Sqlite(connection) => {
                let arguments = sqlite_arguments(sql, args)?;
                sqlx::query_with(AssertSqlSafe(sql), arguments)
                    .execute(&mut **connection)
                    .await
                    .map(|done| done.rows_affected())
            }
            SessionOf::Postgres(connection) => {
                let arguments = postgres_arguments(sql, args)?;
                sqlx::query_with(AssertSqlSafe(sql), arguments)
                    .execute(&mut **connection)
                    .await
                    .map(|done| done.rows_affected())
            }
        };
        done.map_err(|source| StoreFault::database(sql, source))
    }

    /// Runs several statements without parameters.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn script(&mut self, sql: &str) -> Result<(), StoreFault> {
        let done = match &mut self.of {
            SessionOf::Sqlite(connection) => {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **connection).await.map(|_| ())
            }
            SessionOf::Postgres(connection) => {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **connection).await.map(|_| ())
            }
        };
        done.map_err(|source| StoreFault::database(sql, source))
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn fetch(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreFault> {
        let rows = match &mut self.of {
            SessionOf::Sqlite(connection) => {
                let arguments = sqlite_arguments(sql, args)?;
                sqlx::query_with(AssertSqlSafe(sql), arguments)
                    .fetch_all(&mut **connection)
                    .await
                    .map(|rows| rows.into_iter().map(|row| Row(RowOf::Sqlite(row))).collect())
            }
            SessionOf::Postgres(connection) => {
                let arguments = postgres_arguments(sql, args)?;
                sqlx::query_with(AssertSqlSafe(sql), arguments)
                    .fetch_all(&mut **connection)
                    .await
                    .map(|rows| rows.into_iter().map(|row| Row(RowOf::Postgres(row))).collect())
            }
        };
        rows.map_err(|source| StoreFault::database(sql, source))
    }

    /// The first row of a query that gives at most one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn fetch_optional(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, StoreFault> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// The row of a query that always gives one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or there is no row.
    pub async fn fetch_one(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Row, StoreFault> {
        self.fetch_optional(sql, args).await?.ok_or_else(|| StoreFault::database(sql, sqlx::Error::RowNotFound))
    }
}

fn sqlite_arguments(sql: &str, args: &[Arg<'_>]) -> Result<SqliteArguments, StoreFault> {
    let mut arguments = SqliteArguments::default();
    for arg in args {
        arg.add_sqlite(&mut arguments).map_err(|error| StoreFault::database(sql, sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

pub(super) fn postgres_arguments(sql: &str, args: &[Arg<'_>]) -> Result<PgArguments, StoreFault> {
    let mut arguments = PgArguments::default();
    for arg in args {
        arg.add_postgres(&mut arguments).map_err(|error| StoreFault::database(sql, sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}
