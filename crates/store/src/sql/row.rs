//! One row of a result, of either database.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::StoreFault;

/// A row; columns are read by position.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<'r, T>(&'r self, index: usize) -> Result<T, StoreFault>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        let got = match self {
            Self::Sqlite(row) => row.try_get(index),
            Self::Postgres(row) => row.try_get(index),
        };
        got.map_err(|source| StoreFault::database("reading a column", source))
    }

    pub(crate) fn int(&self, index: usize) -> Result<i64, StoreFault> {
        self.get(index)
    }

    pub(crate) fn opt_int(&self, index: usize) -> Result<Option<i64>, StoreFault> {
        self.get(index)
    }

    pub(crate) fn text(&self, index: usize) -> Result<&str, StoreFault> {
        self.get(index)
    }

    pub(crate) fn opt_text(&self, index: usize) -> Result<Option<&str>, StoreFault> {
        self.get(index)
    }

    /// A text that is kept as bytes.
    pub(crate) fn free_text(&self, index: usize) -> Result<&str, StoreFault> {
        let bytes = self.slice(index)?;
        std::str::from_utf8(bytes).map_err(|error| StoreFault::corrupt("a column of text", error))
    }

    pub(crate) fn opt_free_text(&self, index: usize) -> Result<Option<&str>, StoreFault> {
        let bytes = self.opt_slice(index)?;
        let text = bytes.map(std::str::from_utf8).transpose();
        text.map_err(|error| StoreFault::corrupt("a column of text", error))
    }

    pub(crate) fn slice(&self, index: usize) -> Result<&[u8], StoreFault> {
        self.get(index)
    }

    pub(crate) fn bytes(&self, index: usize) -> Result<Bytes, StoreFault> {
        self.slice(index).map(Bytes::copy_from_slice)
    }

    pub(crate) fn opt_slice(&self, index: usize) -> Result<Option<&[u8]>, StoreFault> {
        self.get(index)
    }

    pub(crate) fn opt_bytes(&self, index: usize) -> Result<Option<Bytes>, StoreFault> {
        Ok(self.opt_slice(index)?.map(Bytes::copy_from_slice))
    }
}
