//! Rows of topology stores: the synchronizer's, and the node's own ("authorized") one. Rows are only ever
//! inserted and closed.

use std::collections::BTreeMap;

use synod_crypto::Hash;
use synod_topology::{MappingCode, Operation, TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, Namespace};

use crate::codec::{column, hash_of, number_of, opt_time_of, time_of};
use crate::sql::{Arg, Column, Insert, Row, Session};
use crate::{Store, StoreFault};

/// The table of a topology store.
#[derive(Debug)]
pub(crate) struct TopologyTable(&'static str);

/// Rows of the synchronizer.
pub(crate) const SYNCHRONIZER: TopologyTable = TopologyTable("topology_rows");
/// Rows of the node's own store.
pub(crate) const AUTHORIZED: TopologyTable = TopologyTable("authorized_rows");

const COLUMNS: &str = "id, sequenced, valid_from, valid_until, batch_index, signed, is_proposal, rejection, tx_hash, \
                       code, namespace, identifier, unique_key, serial, operation";

impl TopologyTable {
    const fn insert(&self) -> Insert {
        let columns = &[
            Column::Int("id"),
            Column::Int("sequenced"),
            Column::Int("valid_from"),
            Column::Int("valid_until"),
            Column::Int("batch_index"),
            Column::Bytes("signed"),
            Column::Int("is_proposal"),
            Column::Bytes("rejection"),
            Column::Bytes("tx_hash"),
            Column::Text("code"),
            Column::Text("namespace"),
            Column::Text("identifier"),
            Column::Bytes("unique_key"),
            Column::Int("serial"),
            Column::Int("operation"),
        ];
        Insert::new(self.0, columns, "")
    }
}

/// Changes of a topology store: rows to insert and ends of rows, in few statements.
#[derive(Debug)]
pub struct TopologyBatch {
    table: TopologyTable,
    insert: Insert,
    /// The last end of each row that was closed.
    closed: BTreeMap<i64, i64>,
}

impl TopologyBatch {
    /// No changes yet of the synchronizer's topology: what [`Store::topology_page`] and its neighbours read, and
    /// [`Session::topology_state_rows`].
    #[must_use]
    pub const fn of_synchronizer() -> Self {
        Self::of(SYNCHRONIZER)
    }

    pub(crate) const fn of(table: TopologyTable) -> Self {
        Self { insert: table.insert(), table, closed: BTreeMap::new() }
    }

    /// Adds the changes of a later event.
    ///
    /// # Errors
    /// [`StoreFault::Range`] when the id of a row does not fit a column.
    pub fn add(&mut self, changes: &TopologyChanges) -> Result<(), StoreFault> {
        for row in &changes.inserted {
            self.add_row(row)?;
        }
        for (id, valid_until) in &changes.closed {
            self.closed.insert(column("id", *id)?, valid_until.as_micros());
        }
        Ok(())
    }

    /// Adds a row as it is.
    ///
    /// # Errors
    /// [`StoreFault::Range`] when its id does not fit a column.
    pub fn add_row(&mut self, row: &TopologyRow) -> Result<(), StoreFault> {
        self.insert.row([
            column("id", row.id)?.into(),
            row.sequenced.as_micros().into(),
            row.valid_from.as_micros().into(),
            row.valid_until.map(CantonTimestamp::as_micros).into(),
            i64::from(row.batch_index).into(),
            (&row.signed).into(),
            i64::from(row.is_proposal).into(),
            row.rejection.as_ref().map(|text| text.as_bytes()).into(),
            row.tx_hash.as_digest().as_slice().into(),
            row.code.code().into(),
            row.namespace.as_str().into(),
            row.identifier.as_deref().into(),
            row.unique_key.as_digest().as_slice().into(),
            i64::from(row.serial).into(),
            i64::from(row.operation.number()).into(),
        ]);
        Ok(())
    }

    /// How many rows are inserted.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.insert.rows()
    }

    /// The rows to insert, when no row is closed.
    pub(crate) fn only_inserts(&self) -> Option<&Insert> {
        self.closed.is_empty().then_some(&self.insert)
    }

    /// Writes all of it; nothing happens when there is nothing.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails, has a row with one of the ids, or lacks a row that is closed.
    pub async fn run(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        self.insert.run(session).await?;
        self.close(session).await
    }

    /// Sets the ends of rows.
    async fn close(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        if self.closed.is_empty() {
            return Ok(());
        }
        let closed: Vec<(i64, i64)> = self.closed.iter().map(|(id, valid_until)| (*id, *valid_until)).collect();
        let table = self.table.0;
        let pairs = session.dialect().pairs(1);
        let update = format!("UPDATE {table} SET valid_until = u.v FROM {pairs} WHERE id = u.k");
        let rows = session.execute(&update, &[Arg::Pairs(&closed)]).await?;
        if rows == closed.len() as u64 { Ok(()) } else { Err(StoreFault::corrupt(table, "closes unknown rows")) }
    }
}

impl Session<'_> {
    /// The rows of the synchronizer from which its topology state is loaded (`TopologyState::load`), in the order of
    /// insertion: all but those that it can miss (rejected ones and proposals that ended, which anybody can add), and the
    /// last one in any case, because the next id follows from it.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn topology_state_rows(&mut self) -> Result<Vec<TopologyRow>, StoreFault> {
        let select = format!(
            "SELECT {COLUMNS} FROM topology_rows \
             WHERE (rejection IS NULL AND (is_proposal = 0 OR valid_until IS NULL)) \
             OR id = (SELECT MAX(id) FROM topology_rows) ORDER BY id"
        );
        self.fetch(&select, &[]).await?.iter().map(read_row).collect()
    }
}

impl Store {
    /// Rows of the synchronizer with an id after `after` (from the first when `None`) that were sequenced at or
    /// before `sequenced_up_to`, in order of their id, which is the order of insertion. At most `limit`.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn topology_page(
        &self,
        after: Option<u64>,
        sequenced_up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<Vec<TopologyRow>, StoreFault> {
        let select =
            format!("SELECT {COLUMNS} FROM topology_rows WHERE id > $1 AND sequenced <= $2 ORDER BY id LIMIT $3");
        let after = after.map_or(Ok(-1), |id| column("id", id))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args = [Arg::Int(after), Arg::Int(sequenced_up_to.as_micros()), Arg::Int(limit)];
        let mut connection = self.reader().await?;
        connection.session().fetch(&select, &args).await?.iter().map(read_row).collect()
    }

    /// The largest `valid_from` among the rows of the synchronizer that were sequenced at or before
    /// `sequenced_up_to`: ends later than it are not part of a member's initial state (ch. 02 §6.1).
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn topology_max_valid_from(
        &self,
        sequenced_up_to: CantonTimestamp,
    ) -> Result<Option<CantonTimestamp>, StoreFault> {
        let select = "SELECT MAX(valid_from) FROM topology_rows WHERE sequenced <= $1";
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_one(select, &[Arg::Int(sequenced_up_to.as_micros())]).await?;
        opt_time_of(SYNCHRONIZER.0, row.opt_int(0)?)
    }

    /// All rows of the synchronizer for one kind of mapping that were accepted (no proposals, no rejected ones),
    /// whatever their end, by serial and then by beginning: the first that fits is what ch. 02 §6.1 calls "first".
    /// With `namespace` and `identifier` only those of one identifier.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn accepted_topology_rows(
        &self,
        code: MappingCode,
        of: Option<(&Namespace, &str)>,
    ) -> Result<Vec<TopologyRow>, StoreFault> {
        let (condition, namespace, identifier) = match of {
            Some((namespace, identifier)) => {
                (" AND namespace = $2 AND identifier = $3", namespace.as_str(), identifier)
            }
            None => (" AND $2 = $3", "", ""),
        };
        let select = format!(
            "SELECT {COLUMNS} FROM topology_rows WHERE code = $1 AND is_proposal = 0 AND rejection IS NULL{condition} \
             ORDER BY serial, valid_from, id"
        );
        let args = [Arg::Text(code.code()), Arg::Text(namespace), Arg::Text(identifier)];
        let mut connection = self.reader().await?;
        connection.session().fetch(&select, &args).await?.iter().map(read_row).collect()
    }

    /// All accepted rows of the synchronizer for one kind of mapping, whatever their end, in the order of insertion: the
    /// proposals, or the others.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn topology_rows_of(&self, code: MappingCode, proposals: bool) -> Result<Vec<TopologyRow>, StoreFault> {
        let select = format!(
            "SELECT {COLUMNS} FROM topology_rows WHERE code = $1 AND is_proposal = $2 AND rejection IS NULL ORDER BY id"
        );
        let args = [Arg::Text(code.code()), Arg::Int(i64::from(proposals))];
        let mut connection = self.reader().await?;
        connection.session().fetch(&select, &args).await?.iter().map(read_row).collect()
    }

    /// All rows of the node's own store, in the order of insertion.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn authorized_rows(&self) -> Result<Vec<TopologyRow>, StoreFault> {
        let select = format!("SELECT {COLUMNS} FROM authorized_rows ORDER BY id");
        let mut connection = self.reader().await?;
        connection.session().fetch(&select, &[]).await?.iter().map(read_row).collect()
    }

    /// Writes a change of the node's own store, in one transaction.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn change_authorized(&self, changes: &TopologyChanges) -> Result<(), StoreFault> {
        let mut batch = TopologyBatch::of(AUTHORIZED);
        batch.add(changes)?;
        let mut transaction = self.begin_write().await?;
        batch.run(&mut transaction.session()).await?;
        transaction.commit().await
    }
}

fn read_row(row: &Row) -> Result<TopologyRow, StoreFault> {
    const TABLE: &str = "topology_rows";
    let corrupt = |error: &dyn std::fmt::Display| StoreFault::corrupt(TABLE, error);
    Ok(TopologyRow {
        id: number_of(TABLE, row.int(0)?)?,
        sequenced: time_of(TABLE, row.int(1)?)?,
        valid_from: time_of(TABLE, row.int(2)?)?,
        valid_until: opt_time_of(TABLE, row.opt_int(3)?)?,
        batch_index: u32::try_from(row.int(4)?).map_err(|error| corrupt(&error))?,
        signed: row.bytes(5)?,
        is_proposal: row.int(6)? != 0,
        rejection: row.opt_free_text(7)?.map(ToOwned::to_owned),
        tx_hash: Hash::from_digest(hash_of(TABLE, row.slice(8)?)?),
        code: MappingCode::parse(row.text(9)?).map_err(|error| corrupt(&error))?,
        namespace: Namespace::parse(row.text(10)?).map_err(|error| corrupt(&error))?,
        identifier: row.opt_text(11)?.map(ToOwned::to_owned),
        unique_key: Hash::from_digest(hash_of(TABLE, row.slice(12)?)?),
        serial: u32::try_from(row.int(13)?).map_err(|error| corrupt(&error))?,
        operation: i32::try_from(row.int(14)?)
            .map_err(|error| corrupt(&error))
            .and_then(|number| Operation::from_number(number).map_err(|error| corrupt(&error)))?,
    })
}
