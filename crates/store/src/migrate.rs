//! The tables: created, brought up to date, and checked when a store is opened.

use aws_lc_rs::digest;

use crate::sql::{Arg, Dialect, Session, Transaction};
use crate::{StoreError, StoreRefused};

/// Statements of each version of the schema, in order, version 1 first. A published one never changes.
const VERSIONS: [&str; 1] = [include_str!("../schema/001_initial.sql")];

/// Advisory lock of PostgreSQL while a schema and its tables are created: "synod" in ASCII.
pub(crate) const OPENING_LOCK: i64 = 0x73_796e_6f64;

const TABLE: &str = "CREATE TABLE synod_schema (version INT64 PRIMARY KEY, checksum BYTES NOT NULL)";

/// Brings the schema to the newest version within the transaction, which the caller commits.
///
/// # Errors
/// [`StoreRefused::NewerSchema`], [`StoreRefused::ForeignSchema`], or a fault.
pub(crate) async fn migrate(transaction: &mut Transaction) -> Result<(), StoreError> {
    let mut session = transaction.session();
    let dialect = session.dialect();
    if dialect == Dialect::Postgres {
        // Two processes may open a new database at the same time.
        session.execute("SELECT pg_advisory_xact_lock($1)", &[Arg::Int(OPENING_LOCK)]).await?;
    }
    if !has_version_table(&mut session).await? {
        session.script(&dialect.schema(TABLE)).await?;
    }
    let rows = session.fetch("SELECT version, checksum FROM synod_schema ORDER BY version", &[]).await?;
    let supported = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    for (next, row) in (1_i64..).zip(&rows) {
        let version = row.int(0)?;
        if version > supported {
            let found = rows.last().map_or(Ok(version), |last| last.int(0))?;
            return Err(StoreRefused::NewerSchema { found, supported }.into());
        }
        let index = usize::try_from(version - 1).ok().filter(|_| version == next);
        let known = index.and_then(|index| VERSIONS.get(index)).map(|text| checksum(text));
        if known.as_ref().map(AsRef::as_ref) != Some(row.slice(1)?) {
            return Err(StoreRefused::ForeignSchema { version }.into());
        }
    }
    for (version, text) in (1..).zip(VERSIONS).skip(rows.len()) {
        session.script(&dialect.schema(text)).await?;
        let hash = checksum(text);
        let insert = "INSERT INTO synod_schema (version, checksum) VALUES ($1, $2)";
        session.execute(insert, &[Arg::Int(version), Arg::Bytes(hash.as_ref())]).await?;
        tracing::info!(version, "database schema created or upgraded");
    }
    Ok(())
}

/// Whether this schema (not another one of the search path) has our table of versions.
async fn has_version_table(session: &mut Session<'_>) -> Result<bool, StoreError> {
    let query = match session.dialect() {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'synod_schema'",
        Dialect::Postgres => {
            "SELECT COUNT(*) FROM pg_catalog.pg_tables \
             WHERE schemaname = current_schema() AND tablename = 'synod_schema'"
        }
    };
    Ok(session.fetch_one(query, &[]).await?.int(0)? > 0)
}

fn checksum(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}
