//! Which synchronizer the mediator serves, and through which sequencers.

use bytes::Bytes;
use synod_store::database::{Arg, Session, TopologyBatch};
use synod_store::{Lease, StoreError, StoreFault, StoreRefused};
use synod_topology::TopologyRow;
use synod_types::PhysicalSynchronizerId;

use super::MediatorStore;
use super::tables::CONFIGURATION;

/// What a mediator is initialized with (`InitializeMediator`, chapter 04 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediatorConfiguration {
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// Its versioned `StaticSynchronizerParameters`.
    pub static_parameters: Bytes,
    /// Versioned `SequencerConnections`; nothing here reads them.
    pub sequencer_connections: Bytes,
    /// Whether the topology that the synchronizer had before the first event of the mediator is stored.
    pub is_topology_initialized: bool,
}

impl MediatorStore {
    /// The configuration; `None` while the mediator is not initialized.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn configuration(&self) -> Result<Option<MediatorConfiguration>, StoreFault> {
        let mut connection = self.database.reader().await?;
        read_configuration(&mut connection.session()).await
    }

    /// Makes the node the mediator of a synchronizer, once and for all. Its topology comes with
    /// [`Self::store_initial_topology`].
    ///
    /// # Errors
    /// [`StoreRefused::AlreadyInitialized`] when it is one already, or the database has the state of a sequencer;
    /// [`StoreRefused::OtherOwner`] when it is set for another synchronizer; a fault when the lease is lost or the
    /// database fails.
    pub async fn initialize(
        &self,
        lease: &Lease,
        psid: &PhysicalSynchronizerId,
        static_parameters: &Bytes,
        sequencer_connections: &Bytes,
    ) -> Result<(), StoreError> {
        if self.store.head().await?.is_some() {
            return Err(StoreRefused::AlreadyInitialized { stored: "a sequencer".to_owned() }.into());
        }
        let mut transaction = self.database.begin_fenced(lease).await?;
        let mut session = transaction.session();
        if let Some(stored) = read_configuration(&mut session).await? {
            return Err(StoreRefused::AlreadyInitialized { stored: stored.psid.to_string() }.into());
        }
        session.set_synchronizer_configuration(psid, static_parameters).await?;
        let insert = "INSERT INTO mediator_configuration \
                      (id, psid, static_parameters, sequencer_connections, is_topology_initialized) \
                      VALUES (1, $1, $2, $3, 0)";
        let psid = psid.to_string();
        let args = [Arg::Text(&psid), Arg::Bytes(static_parameters), Arg::Bytes(sequencer_connections)];
        session.execute(insert, &args).await?;
        session.execute("INSERT INTO mediator_progress (id) VALUES (1)", &[]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Replaces the connections to sequencers.
    ///
    /// # Errors
    /// [`StoreFault`] when the mediator is not initialized, the lease is lost, or the database fails.
    pub async fn set_connections(&self, lease: &Lease, sequencer_connections: &Bytes) -> Result<(), StoreFault> {
        let mut transaction = self.database.begin_fenced_aside(lease).await?;
        let update = "UPDATE mediator_configuration SET sequencer_connections = $1 WHERE id = 1";
        if transaction.session().execute(update, &[Arg::Bytes(sequencer_connections)]).await? == 0 {
            return Err(not_initialized());
        }
        transaction.commit().await
    }

    /// Stores the rows of the topology state that was downloaded for the mediator, as they are, in one transaction that
    /// also sets [`MediatorConfiguration::is_topology_initialized`].
    ///
    /// # Errors
    /// [`StoreFault`] when the mediator is not initialized or has a topology already, the lease is lost, or the database
    /// fails.
    pub async fn store_initial_topology(&self, lease: &Lease, rows: &[TopologyRow]) -> Result<(), StoreFault> {
        let mut batch = TopologyBatch::of_synchronizer();
        for row in rows {
            batch.add_row(row)?;
        }
        let mut transaction = self.database.begin_fenced(lease).await?;
        let mut session = transaction.session();
        let update = "UPDATE mediator_configuration SET is_topology_initialized = 1 \
                      WHERE id = 1 AND is_topology_initialized = 0";
        if session.execute(update, &[]).await? == 0 {
            return Err(match read_configuration(&mut session).await? {
                Some(_) => StoreFault::Order("the mediator's initial topology is stored already"),
                None => not_initialized(),
            });
        }
        batch.run(&mut session).await?;
        transaction.commit().await
    }
}

pub(super) const fn not_initialized() -> StoreFault {
    StoreFault::Order("the mediator is not initialized")
}

pub(super) async fn read_configuration(session: &mut Session<'_>) -> Result<Option<MediatorConfiguration>, StoreFault> {
    let select = "SELECT psid, static_parameters, sequencer_connections, is_topology_initialized \
                  FROM mediator_configuration";
    let Some(row) = session.fetch_optional(select, &[]).await? else { return Ok(None) };
    let psid = PhysicalSynchronizerId::parse(row.text(0)?);
    Ok(Some(MediatorConfiguration {
        psid: psid.map_err(|error| StoreFault::corrupt(CONFIGURATION, error))?,
        static_parameters: row.bytes(1)?,
        sequencer_connections: row.bytes(2)?,
        is_topology_initialized: row.int(3)? != 0,
    }))
}
