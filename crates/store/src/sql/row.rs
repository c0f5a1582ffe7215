//! One row of a result, of either database.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use synod_types::CantonTimestamp;

use crate::StoreFault;
use crate::codec::{opt_time_of, time_of};

/// A row of a result. Columns are read by position, from 0.
///
/// Every method fails with [`StoreFault::Database`] when there is no such column or it has another type, those without
/// `opt` also when it is NULL.
pub struct Row(pub(super) RowOf);

pub(super) enum RowOf {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<'r, T>(&'r self, index: usize) -> Result<T, StoreFault>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        let got = match &self.0 {
            RowOf::Sqlite(row) => row.try_get(index),
            RowOf::Postgres(row) => row.try_get(index),
        };
        got.map_err(|source| StoreFault::database("reading a column", source))
    }

    /// A number.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn int(&self, index: usize) -> Result<i64, StoreFault> {
        self.get(index)
    }

    /// A number or NULL.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>, StoreFault> {
        self.get(index)
    }

    /// A time, kept as microseconds; `table` is for the error.
    ///
    /// # Errors
    /// As all of [`Row`]'s; [`StoreFault::Corrupt`] when it is out of range.
    pub fn time(&self, table: &'static str, index: usize) -> Result<CantonTimestamp, StoreFault> {
        time_of(table, self.int(index)?)
    }

    /// A time or NULL.
    ///
    /// # Errors
    /// As [`Self::time`].
    pub fn opt_time(&self, table: &'static str, index: usize) -> Result<Option<CantonTimestamp>, StoreFault> {
        opt_time_of(table, self.opt_int(index)?)
    }

    /// A text.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn text(&self, index: usize) -> Result<&str, StoreFault> {
        self.get(index)
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn opt_text(&self, index: usize) -> Result<Option<&str>, StoreFault> {
        self.get(index)
    }

    /// A text that is kept as bytes.
    ///
    /// # Errors
    /// As all of [`Row`]'s; [`StoreFault::Corrupt`] when it is not UTF-8.
    pub fn free_text(&self, index: usize) -> Result<&str, StoreFault> {
        let bytes = self.slice(index)?;
        std::str::from_utf8(bytes).map_err(|error| StoreFault::corrupt("a column of text", error))
    }

    /// A text that is kept as bytes, or NULL.
    ///
    /// # Errors
    /// As [`Self::free_text`].
    pub fn opt_free_text(&self, index: usize) -> Result<Option<&str>, StoreFault> {
        let bytes = self.opt_slice(index)?;
        let text = bytes.map(std::str::from_utf8).transpose();
        text.map_err(|error| StoreFault::corrupt("a column of text", error))
    }

    /// Bytes, where the driver has them.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn slice(&self, index: usize) -> Result<&[u8], StoreFault> {
        self.get(index)
    }

    /// Bytes, copied.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn bytes(&self, index: usize) -> Result<Bytes, StoreFault> {
        self.slice(index).map(Bytes::copy_from_slice)
    }

    /// Bytes where the driver has them, or NULL.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn opt_slice(&self, index: usize) -> Result<Option<&[u8]>, StoreFault> {
        self.get(index)
    }

    /// Bytes, copied, or NULL.
    ///
    /// # Errors
    /// As all of [`Row`]'s.
    pub fn opt_bytes(&self, index: usize) -> Result<Option<Bytes>, StoreFault> {
        Ok(self.opt_slice(index)?.map(Bytes::copy_from_slice))
    }
}
