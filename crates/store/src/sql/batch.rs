//! Insertion of many rows in few round trips.
//!
//! PostgreSQL gets one array per column (`UNNEST`), SQLite prepared statements of 64, 8 and 1 rows, so that
//! both reuse a handful of statements whatever the number of rows.

use std::ops::Range;

use bytes::Bytes;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

use super::row::{Row, RowOf};
use super::session::{Session, SessionOf};
use crate::StoreFault;

/// Rows of one statement at most, and bytes after which it is not made longer.
const POSTGRES_ROWS: usize = 8_192;
const POSTGRES_BYTES: usize = 16 << 20;
const SQLITE_ROWS: [usize; 3] = [64, 8, 1];

/// Name of a column, and its type.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// `INT64`.
    Int(&'static str),
    /// `ASCII`.
    Text(&'static str),
    /// `BYTES`.
    Bytes(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Int(name) | Self::Text(name) | Self::Bytes(name) => name,
        }
    }

    const fn array(self) -> &'static str {
        match self {
            Self::Int(_) => "BIGINT[]",
            Self::Text(_) => "TEXT[]",
            Self::Bytes(_) => "BYTEA[]",
        }
    }
}

/// Value of a column in a row.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Bytes(value)
    }
}

impl From<&Bytes> for Value {
    fn from(value: &Bytes) -> Self {
        Self::Bytes(value.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value.into())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(value))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    const fn size(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Rows to insert into one table.
#[derive(Debug)]
pub struct Insert {
    table: &'static str,
    columns: &'static [Column],
    suffix: &'static str,
    values: Vec<Value>,
}

impl Insert {
    /// No rows yet. `suffix` is empty or ends the statement: `ON CONFLICT …`, `RETURNING …`. With `DO UPDATE` no two rows
    /// may have the same key.
    #[must_use]
    pub const fn new(table: &'static str, columns: &'static [Column], suffix: &'static str) -> Self {
        Self { table, columns, suffix, values: Vec::new() }
    }

    /// Adds a row, its values in the order of the columns, as many as there are.
    pub fn row<const N: usize>(&mut self, values: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "values of a row of {}", self.table);
        self.values.extend(values);
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// What the values take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.values.iter().map(Value::size).sum()
    }

    pub(super) const fn table(&self) -> &'static str {
        self.table
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Inserts all rows; nothing happens when there are none.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn run(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        let mut next = 0;
        while next < self.rows() {
            let rows = self.chunk(next, session);
            next = rows.end;
            let failed = |source| StoreFault::database(self.table, source);
            match &mut session.of {
                SessionOf::Sqlite(connection) => {
                    let (sql, arguments) = self.sqlite(rows)?;
                    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut **connection).await.map_err(failed)?;
                }
                SessionOf::Postgres(connection) => {
                    let (sql, arguments) = self.postgres(rows)?;
                    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut **connection).await.map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Inserts all rows, and gives what a suffix with `RETURNING` asks for, in no particular order.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn fetch(&self, session: &mut Session<'_>) -> Result<Vec<Row>, StoreFault> {
        let mut fetched = Vec::new();
        let mut next = 0;
        while next < self.rows() {
            let rows = self.chunk(next, session);
            next = rows.end;
            let failed = |source| StoreFault::database(self.table, source);
            match &mut session.of {
                SessionOf::Sqlite(connection) => {
                    let (sql, arguments) = self.sqlite(rows)?;
                    let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
                    let rows = query.fetch_all(&mut **connection).await.map_err(failed)?;
                    fetched.extend(rows.into_iter().map(|row| Row(RowOf::Sqlite(row))));
                }
                SessionOf::Postgres(connection) => {
                    let (sql, arguments) = self.postgres(rows)?;
                    let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
                    let rows = query.fetch_all(&mut **connection).await.map_err(failed)?;
                    fetched.extend(rows.into_iter().map(|row| Row(RowOf::Postgres(row))));
                }
            }
        }
        Ok(fetched)
    }

    /// The rows of the next statement.
    fn chunk(&self, first: usize, session: &Session<'_>) -> Range<usize> {
        let left = self.rows() - first;
        if matches!(session.of, SessionOf::Sqlite(_)) {
            let size = SQLITE_ROWS.into_iter().find(|size| *size <= left).unwrap_or(1);
            return first..first + size;
        }
        let mut bytes = 0;
        let mut end = first;
        while end < first + left.min(POSTGRES_ROWS) && bytes < POSTGRES_BYTES {
            bytes += self.cells(end..end + 1).iter().map(Value::size).sum::<usize>();
            end += 1;
        }
        first..end
    }

    fn cells(&self, rows: Range<usize>) -> &[Value] {
        &self.values[rows.start * self.columns.len()..rows.end * self.columns.len()]
    }

    fn names(&self) -> String {
        self.columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
    }

    /// Statement and values for some rows.
    fn sqlite(&self, rows: Range<usize>) -> Result<(String, SqliteArguments), StoreFault> {
        let group = format!("({})", vec!["?"; self.columns.len()].join(","));
        let groups = vec![group; rows.len()].join(",");
        let sql = format!("INSERT INTO {} ({}) VALUES {groups} {}", self.table, self.names(), self.suffix);
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows.len() * self.columns.len(), 0);
        for value in self.cells(rows) {
            match value {
                Value::Null => arguments.add(None::<i64>),
                Value::Int(value) => arguments.add(*value),
                Value::Text(text) => arguments.add(text.as_str()),
                Value::Bytes(bytes) => arguments.add(bytes.as_ref()),
            }
            .map_err(|error| StoreFault::database(&sql, sqlx::Error::Encode(error)))?;
        }
        Ok((sql, arguments))
    }

    /// Statement and values for some rows.
    fn postgres(&self, rows: Range<usize>) -> Result<(String, PgArguments), StoreFault> {
        let sql = self.postgres_sql(1, "");
        let mut arguments = PgArguments::default();
        self.add_postgres(rows, &sql, &mut arguments)?;
        Ok((sql, arguments))
    }

    /// Statement whose parameters are numbered from `first` on, one for each column. `condition` is empty, or holds for all
    /// rows or for none.
    pub(super) fn postgres_sql(&self, first: usize, condition: &str) -> String {
        let arrays: Vec<String> =
            (first..).zip(self.columns).map(|(number, column)| format!("${number}::{}", column.array())).collect();
        format!(
            "INSERT INTO {} ({}) SELECT * FROM UNNEST({}) {condition} {}",
            self.table,
            self.names(),
            arrays.join(", "),
            self.suffix
        )
    }

    /// Adds the values of some rows, `sql` being their statement.
    pub(super) fn add_postgres(
        &self,
        rows: Range<usize>,
        sql: &str,
        arguments: &mut PgArguments,
    ) -> Result<(), StoreFault> {
        let cells = self.cells(rows);
        for (index, column) in self.columns.iter().enumerate() {
            let values = cells.iter().skip(index).step_by(self.columns.len());
            match column {
                Column::Int(_) => arguments.add(values.map(Value::int).collect::<Vec<_>>()),
                Column::Text(_) => arguments.add(values.map(Value::text).collect::<Vec<_>>()),
                Column::Bytes(_) => arguments.add(values.map(Value::bytes).collect::<Vec<_>>()),
            }
            .map_err(|error| StoreFault::database(sql, sqlx::Error::Encode(error)))?;
        }
        Ok(())
    }
}
