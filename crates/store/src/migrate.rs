//! The tables: created, brought up to date, and checked when a store is opened.

use aws_lc_rs::digest;

use crate::sql::{Arg, Dialect, Session, Transaction};
use crate::{StoreError, StoreRefused};

/// The tables of this crate.
pub(crate) const OWN: TableSet = TableSet::new("synod", &[include_str!("../schema/001_initial.sql")]);

/// Advisory lock of PostgreSQL while a schema and its tables are created: "synod" in ASCII.
pub(crate) const OPENING_LOCK: i64 = 0x73_796e_6f64;

/// A set of tables that belong together, with versions of its own. A database can hold several sets, so the names of their
/// tables must differ: they begin with the name of the set.
///
/// Each version is a script that changes the tables of the version before. It is portable: `INT64`, `SERIAL64` (numbered by
/// the database), `BYTES`, `ASCII` (a text ordered by its bytes) and `CLUSTERED` (rows kept in the order of the primary
/// key, where that exists) are replaced by what each database calls them, and lines that begin with `postgres:` or
/// `sqlite:` are for that one alone. **A published version never changes**, not even a comment: its hash is kept in the
/// database.
#[derive(Debug, Clone, Copy)]
pub struct TableSet {
    name: &'static str,
    versions: &'static [&'static str],
}

impl TableSet {
    /// A set of this name, and its scripts, version 1 first. Meant for constants.
    ///
    /// # Panics
    /// When the name is not 1 to 32 letters from `a` to `z` and `_`.
    #[must_use]
    pub const fn new(name: &'static str, versions: &'static [&'static str]) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= 32, "the name of a set of tables has 1 to 32 letters");
        let mut index = 0;
        while index < bytes.len() {
            let is_letter = bytes[index].is_ascii_lowercase() || bytes[index] == b'_';
            assert!(is_letter, "the name of a set of tables has letters from a to z and _ only");
            index += 1;
        }
        Self { name, versions }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The table that says which versions a database has.
    fn version_table(&self) -> String {
        format!("{}_schema", self.name)
    }

    /// Brings the tables to the newest version within the transaction, which the caller commits.
    ///
    /// # Errors
    /// [`StoreRefused::NewerSchema`], [`StoreRefused::ForeignSchema`], or a fault.
    pub(crate) async fn migrate(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut session = transaction.session();
        let dialect = session.dialect();
        if dialect == Dialect::Postgres {
            // Two processes may open a new database at the same time.
            session.execute("SELECT pg_advisory_xact_lock($1)", &[Arg::Int(OPENING_LOCK)]).await?;
        }
        let known = self.stored_versions(&mut session).await?;
        let table = self.version_table();
        for (version, text) in (1..).zip(self.versions).skip(known) {
            session.script(&dialect.schema(text)).await?;
            let hash = checksum(text);
            let insert = format!("INSERT INTO {table} (version, checksum) VALUES ($1, $2)");
            session.execute(&insert, &[Arg::Int(version), Arg::Bytes(hash.as_ref())]).await?;
            tracing::info!(tables = self.name, version, "database schema created or upgraded");
        }
        Ok(())
    }

    /// How many versions the database has, after comparing them with ours. Makes the table of versions.
    async fn stored_versions(&self, session: &mut Session<'_>) -> Result<usize, StoreError> {
        let table = self.version_table();
        if !has_table(session, &table).await? {
            let create = format!("CREATE TABLE {table} (version INT64 PRIMARY KEY, checksum BYTES NOT NULL)");
            session.script(&session.dialect().schema(&create)).await?;
        }
        let select = format!("SELECT version, checksum FROM {table} ORDER BY version");
        let rows = session.fetch(&select, &[]).await?;
        let supported = i64::try_from(self.versions.len()).unwrap_or(i64::MAX);
        for (next, row) in (1_i64..).zip(&rows) {
            let version = row.int(0)?;
            if version > supported {
                let found = rows.last().map_or(Ok(version), |last| last.int(0))?;
                return Err(StoreRefused::NewerSchema { tables: self.name, found, supported }.into());
            }
            let index = usize::try_from(version - 1).ok().filter(|_| version == next);
            let known = index.and_then(|index| self.versions.get(index)).map(|text| checksum(text));
            if known.as_ref().map(AsRef::as_ref) != Some(row.slice(1)?) {
                return Err(StoreRefused::ForeignSchema { tables: self.name, version }.into());
            }
        }
        Ok(rows.len())
    }
}

/// Whether this schema (not another one of the search path) has a table.
async fn has_table(session: &mut Session<'_>, table: &str) -> Result<bool, StoreError> {
    let query = match session.dialect() {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
        Dialect::Postgres => {
            "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1"
        }
    };
    Ok(session.fetch_one(query, &[Arg::Text(table)]).await?.int(0)? > 0)
}

fn checksum(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}
