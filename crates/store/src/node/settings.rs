//! Named values of the node that survive a restart.

use bytes::Bytes;

use crate::sql::Arg;
use crate::{Store, StoreFault};

impl Store {
    /// The value of a setting.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<Bytes>, StoreFault> {
        let mut connection = self.reader().await?;
        let select = "SELECT value FROM node_settings WHERE name = $1";
        let row = connection.session().fetch_optional(select, &[Arg::Text(name)]).await?;
        row.map(|row| row.bytes(0)).transpose()
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn set_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreFault> {
        let set = "INSERT INTO node_settings (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.write(set, &[Arg::Text(name), Arg::Bytes(value)]).await.map(|_| ())
    }

    /// Removes a setting; true when there was one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn remove_setting(&self, name: &str) -> Result<bool, StoreFault> {
        let rows = self.write("DELETE FROM node_settings WHERE name = $1", &[Arg::Text(name)]).await?;
        Ok(rows > 0)
    }
}
