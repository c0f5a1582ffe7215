//! The database of a node, for tables that other crates define: the same connections, lock and lease as those of a
//! [`Store`].
//!
//! A crate with tables of its own describes them by a [`TableSet`], has them made by [`Database::migrate`] when it starts,
//! and reads and writes them by statements that both databases understand: `$1` for parameters ([`Arg`]), columns that are
//! 64-bit numbers, texts or bytes ([`Row`]), many rows at once by [`Insert`], [`Dialect`] where the databases differ.
//!
//! What must not be written by a leader that was taken over is written in a transaction of [`Database::begin_fenced`].

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use synod_types::PhysicalSynchronizerId;

use crate::node::write_configuration;
use crate::{Lease, Store, StoreError, StoreFault, postgres};

pub use crate::migrate::TableSet;
pub use crate::sql::{Arg, Column, Connection, Dialect, Insert, Row, Session, Transaction, Value};
pub use crate::topology::TopologyBatch;

/// The database of a [`Store`]. Cheap to clone; it shares the connections, and is closed with the store.
#[derive(Clone)]
pub struct Database {
    store: Store,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("kind", &self.store.kind()).finish_non_exhaustive()
    }
}

impl Store {
    /// The database, for tables of another crate.
    #[must_use]
    pub fn database(&self) -> Database {
        Database { store: self.clone() }
    }
}

impl Database {
    /// Creates the tables of a set, or brings them up to date.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when they belong to a newer program or are not ours; [`StoreError::Fault`] when the
    /// database fails.
    pub async fn migrate(&self, tables: &TableSet) -> Result<(), StoreError> {
        let mut transaction = self.store.begin_write().await?;
        tables.migrate(&mut transaction).await.map_err(postgres::or_refused)?;
        transaction.commit().await?;
        Ok(())
    }

    /// A connection for one read. Waits for its turn as long as it takes.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn reader(&self) -> Result<Connection, StoreFault> {
        self.store.reader().await
    }

    /// A transaction whose reads all see the same state. It cannot write.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn begin_read(&self) -> Result<Transaction, StoreFault> {
        self.store.begin_read().await
    }

    /// A transaction for writes that do not depend on who leads, such as an operator's settings. On PostgreSQL it waits
    /// neither for the commits of the leader nor for readers.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn begin_write(&self) -> Result<Transaction, StoreFault> {
        self.store.begin_write().await
    }

    /// A transaction of the leader, on the connection that is kept for commits. It has compared, held and extended the
    /// lease before this returns: nobody takes over before it ends.
    ///
    /// # Errors
    /// [`StoreFault::LeaseLost`] when somebody has taken over; other faults when the database fails.
    pub async fn begin_fenced(&self, lease: &Lease) -> Result<Transaction, StoreFault> {
        fence(self.store.begin_commit().await?, lease).await
    }

    /// As [`Self::begin_fenced`], but on PostgreSQL with a connection of other writes: a commit of the leader waits for the
    /// lease that this one holds, so it should end soon.
    ///
    /// # Errors
    /// As [`Self::begin_fenced`].
    pub async fn begin_fenced_aside(&self, lease: &Lease) -> Result<Transaction, StoreFault> {
        fence(self.store.begin_write().await?, lease).await
    }

    /// As [`Store::while_unreachable`].
    ///
    /// # Errors
    /// As [`Store::while_unreachable`].
    pub async fn while_unreachable<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, StoreFault>
    where
        F: Future<Output = Result<T, StoreFault>>,
    {
        self.store.while_unreachable(attempt).await
    }

    /// Gives up waiting for a commit after the configured time.
    ///
    /// # Errors
    /// [`StoreFault::CommitTimeout`]: then it is not known what was committed; and those of `commit`.
    pub async fn within_commit_timeout<T, E: From<StoreFault>>(
        &self,
        commit: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.store.within_commit_timeout(commit).await
    }
}

async fn fence(mut transaction: Transaction, lease: &Lease) -> Result<Transaction, StoreFault> {
    if lease.extend(&mut transaction.session()).await? { Ok(transaction) } else { Err(lease.lost()) }
}

impl Session<'_> {
    /// Sets the synchronizer of the node, which [`Store::synchronizer_configuration`] reads. Setting the same again changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreRefused::OtherOwner`](crate::StoreRefused::OtherOwner) when another one is set; a fault when the database
    /// fails.
    pub async fn set_synchronizer_configuration(
        &mut self,
        psid: &PhysicalSynchronizerId,
        static_parameters: &Bytes,
    ) -> Result<(), StoreError> {
        write_configuration(self, psid, static_parameters).await
    }
}
