//! Opening a SQLite file.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::store::Pools;
use crate::{StoreConfig, StoreError, StoreFault, StoreRefused, location};

/// Pages of the log after which a commit copies them into the file: 16 MiB. Each copy costs two more syncs, so a
/// small number would cost a second sync for every few commits under load.
const CHECKPOINT_PAGES: &str = "4096";

/// Opens the file, creating it when it does not exist, and locks it against other processes.
pub(crate) async fn open(path: &Path, config: &StoreConfig) -> Result<(Pools, File), StoreError> {
    location::check_file(path, config.allow_unsafe_durability)?;
    let lock = lock(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(config.connect_timeout_ms))
        .pragma("temp_store", "MEMORY")
        // Rows pass from SQLite's thread to ours through a channel: a longer one switches threads less often.
        .row_buffer_size(512)
        .thread_name(|id| format!("sqlite-{id}"))
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .acquire_timeout(Duration::from_millis(config.connect_timeout_ms))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    let writer = options
        .clone()
        .create_if_missing(true)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", "-32768");
    let failed = |error: sqlx::Error| open_failed(path, error);
    let writer = pool.clone().max_connections(1).connect_with(writer).await.map_err(failed)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&writer).await.map_err(failed)?;
    if mode != "wal" {
        let reason = format!("its file system supports no write-ahead log (journal mode {mode})");
        return Err(StoreRefused::Path { path: path.to_owned(), reason }.into());
    }
    let readers = pool
        .max_connections(config.max_readers.max(1))
        .connect_with(options.pragma("query_only", "ON").pragma("cache_size", "-8192"))
        .await
        .map_err(failed)?;
    Ok((Pools::Sqlite { writer, readers }, lock))
}

/// Locks a file beside the database, for as long as the returned handle lives. (Locks on the database itself are
/// SQLite's own.)
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    let beside = PathBuf::from(beside);
    let refuse = |error: std::io::Error| StoreRefused::Path { path: beside.clone(), reason: error.to_string() };
    let file = File::options().create(true).truncate(false).write(true).open(&beside).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreRefused::InUse { path: path.to_owned() }.into()),
        Err(TryLockError::Error(error)) => Err(refuse(error).into()),
    }
}

fn open_failed(path: &Path, error: sqlx::Error) -> StoreError {
    // 14: cannot open, 26: not a database, 8: read-only, 3: permission (sqlite.org/rescode.html).
    let code = match &error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i32>().ok()),
        _ => None,
    };
    match code.map(|code| code & 0xff) {
        Some(3 | 8 | 14 | 26) => StoreRefused::Path { path: path.to_owned(), reason: error.to_string() }.into(),
        _ => StoreFault::database("open", error).into(),
    }
}
