//! Who the node is, and which synchronizer it serves. Both are set once.

use bytes::Bytes;
use synod_types::{PhysicalSynchronizerId, UniqueIdentifier};

use crate::sql::{Arg, Session};
use crate::{Store, StoreError, StoreFault, StoreRefused};

impl Store {
    /// The node's identifier, once it has one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn node_identity(&self) -> Result<Option<UniqueIdentifier>, StoreFault> {
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_optional("SELECT unique_identifier FROM node_identity", &[]).await?;
        row.map(|row| {
            UniqueIdentifier::parse(row.text(0)?).map_err(|error| StoreFault::corrupt("node_identity", error))
        })
        .transpose()
    }

    /// Gives the node its identifier. Giving it the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreRefused::OtherOwner`] when it already has another; a fault when the database fails.
    pub async fn set_node_identity(&self, identifier: &UniqueIdentifier) -> Result<(), StoreError> {
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        let insert = "INSERT INTO node_identity (id, unique_identifier) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
        session.execute(insert, &[Arg::Text(identifier.as_str())]).await?;
        let row = session.fetch_one("SELECT unique_identifier FROM node_identity", &[]).await?;
        check_owner(row.text(0)?, identifier.as_str())?;
        transaction.commit().await?;
        Ok(())
    }

    /// The synchronizer and its static parameters (versioned bytes as given), once they are set.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn synchronizer_configuration(&self) -> Result<Option<(PhysicalSynchronizerId, Bytes)>, StoreFault> {
        let mut connection = self.reader().await?;
        read_configuration(&mut connection.session()).await
    }

    /// Sets the synchronizer. (A sequencer's is set with its genesis.) Setting the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreRefused::OtherOwner`] when another one is set; a fault when the database fails.
    pub async fn set_synchronizer_configuration(
        &self,
        psid: &PhysicalSynchronizerId,
        static_parameters: &Bytes,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin_write().await?;
        write_configuration(&mut transaction.session(), psid, static_parameters).await?;
        transaction.commit().await?;
        Ok(())
    }
}

pub(crate) async fn read_configuration(
    session: &mut Session<'_>,
) -> Result<Option<(PhysicalSynchronizerId, Bytes)>, StoreFault> {
    const TABLE: &str = "synchronizer_configuration";
    let select = "SELECT psid, static_parameters FROM synchronizer_configuration";
    let row = session.fetch_optional(select, &[]).await?;
    row.map(|row| {
        let psid = PhysicalSynchronizerId::parse(row.text(0)?);
        Ok((psid.map_err(|error| StoreFault::corrupt(TABLE, error))?, row.bytes(1)?))
    })
    .transpose()
}

pub(crate) async fn write_configuration(
    session: &mut Session<'_>,
    psid: &PhysicalSynchronizerId,
    static_parameters: &Bytes,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO synchronizer_configuration (id, psid, static_parameters) VALUES (1, $1, $2) \
                  ON CONFLICT (id) DO NOTHING";
    let psid = psid.to_string();
    session.execute(insert, &[Arg::Text(&psid), Arg::Bytes(static_parameters)]).await?;
    let select = "SELECT psid, static_parameters FROM synchronizer_configuration";
    let row = session.fetch_one(select, &[]).await?;
    check_owner(row.text(0)?, &psid)?;
    if row.slice(1)? != static_parameters.as_ref() {
        let stored = format!("{psid} with other static parameters");
        return Err(StoreRefused::OtherOwner { stored, given: psid }.into());
    }
    Ok(())
}

fn check_owner(stored: &str, given: &str) -> Result<(), StoreRefused> {
    if stored == given {
        return Ok(());
    }
    Err(StoreRefused::OtherOwner { stored: stored.to_owned(), given: given.to_owned() })
}
