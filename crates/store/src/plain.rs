//! Plain rows in a table of their own: how fast the database is without everything else.

use bytes::Bytes;

use crate::sql::{Column, Insert};
use crate::{Store, StoreConfig, StoreError, StoreFault};

const CREATE: &str = "CREATE TABLE plain_rows (id BIGINT PRIMARY KEY, content BYTEA NOT NULL)";
const CREATE_SQLITE: &str = "CREATE TABLE plain_rows (id INTEGER PRIMARY KEY, content BLOB NOT NULL)";
const DROP: &str = "DROP TABLE plain_rows";

/// A table of numbered byte strings, for measurements: what commits of blocks are compared with. It goes the way that
/// they go: the same statement for many rows, one transaction, one sync.
#[derive(Debug, Clone)]
pub struct PlainRows(Store);

impl PlainRows {
    /// Opens the database as a [`Store`] and makes the table.
    ///
    /// # Errors
    /// As [`Store::open`]; also when the table is there already.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let store = Store::open(config).await?;
        let create = if store.kind() == "sqlite" { CREATE_SQLITE } else { CREATE };
        store.write(create, &[]).await?;
        Ok(Self(store))
    }

    /// Inserts rows in one transaction. They are durable when this returns.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails, or has a row with one of the numbers.
    pub async fn insert(&self, rows: impl IntoIterator<Item = (i64, &Bytes)>) -> Result<(), StoreFault> {
        let mut insert = Insert::new("plain_rows", &[Column::Int("id"), Column::Bytes("content")], "");
        for (id, content) in rows {
            insert.row([id.into(), content.into()]);
        }
        let mut transaction = self.0.begin_commit().await?;
        insert.run(&mut transaction.session()).await?;
        transaction.commit().await
    }

    /// Removes the table and closes the database.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn remove(self) -> Result<(), StoreFault> {
        self.0.write(DROP, &[]).await?;
        self.0.close().await;
        Ok(())
    }
}
