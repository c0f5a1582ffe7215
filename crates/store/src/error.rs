//! Two kinds of failure that are never mixed: the operator's mistake ([`StoreRefused`]) and a broken node
//! ([`StoreFault`]).

use std::path::PathBuf;

use thiserror::Error;

/// The store was not opened because something about its configuration is wrong. Nothing was changed, trying
/// again without a change is of no use, and the text says what to change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreRefused {
    /// The URL is not one of a database that is supported.
    #[error("database URL: {reason}; expected sqlite:///path/to/file.db or postgres://user@host:5432/database")]
    Url {
        /// What is wrong with it, without its password.
        reason: String,
    },
    /// The database file cannot be at this path.
    #[error("database file {}: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process has this database file open for writing.
    #[error("database file {} is in use by another process", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The name of a schema that PostgreSQL cannot have.
    #[error("`{schema}` is no name of a schema: 1 to 63 bytes, not beginning with pg_")]
    SchemaName {
        /// The name given.
        schema: String,
    },
    /// The server did not let us in, or this role may not do what is needed.
    #[error("PostgreSQL refused the connection or the role")]
    Login(#[source] sqlx::Error),
    /// The connection could not be encrypted as asked.
    #[error("TLS to PostgreSQL failed")]
    Tls(#[source] sqlx::Error),
    /// The server is too old.
    #[error("PostgreSQL {found} is too old, at least 14 is needed")]
    ServerVersion {
        /// Version that the server reports.
        found: String,
    },
    /// Settings of the server under which a committed transaction may be lost.
    #[error("PostgreSQL would lose committed data on a crash: {settings}; correct it or set allow_unsafe_durability")]
    UnsafeDurability {
        /// `name=value` of each of them, joined by commas.
        settings: String,
    },
    /// The database was written by a newer version of this program.
    #[error(
        "the {tables} tables have schema version {found}, this program knows versions up to {supported}: upgrade the program"
    )]
    NewerSchema {
        /// Name of the set of tables.
        tables: &'static str,
        /// Version found.
        found: i64,
        /// Newest version known.
        supported: i64,
    },
    /// The tables there are not what this program created.
    #[error("schema version {version} of the {tables} tables is not the one of this program")]
    ForeignSchema {
        /// Name of the set of tables.
        tables: &'static str,
        /// Version whose statements differ.
        version: i64,
    },
    /// The file with the key for private keys cannot be used.
    #[error("key file {}: {reason}", path.display())]
    KeyFile {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Private keys in the database are encrypted, and no key file is configured.
    #[error("the private keys in the database are encrypted: configure the key file")]
    KeyFileMissing,
    /// Private keys in the database are encrypted under another key file.
    #[error("the private keys in the database are encrypted under another key file")]
    WrongKeyFile,
    /// The database belongs to another node or synchronizer.
    #[error("the database belongs to {stored}, not to {given}")]
    OtherOwner {
        /// Identity in the database.
        stored: String,
        /// Identity given.
        given: String,
    },
    /// What is set once is set already.
    #[error("the node is initialized already: it belongs to {stored}")]
    AlreadyInitialized {
        /// What it was initialized for.
        stored: String,
    },
    /// The cut is later than what members still have to read.
    #[error("cannot prune before {requested}: members have acknowledged only what is before {safe}")]
    UnsafePruningPoint {
        /// Time asked for.
        requested: synod_types::CantonTimestamp,
        /// Latest time that would be safe.
        safe: synod_types::CantonTimestamp,
    },
}

impl StoreRefused {
    /// Whether the configuration, or the database that it names, has to be changed: to try again is of no use.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        !matches!(self, Self::InUse { .. } | Self::AlreadyInitialized { .. } | Self::UnsafePruningPoint { .. })
    }
}

/// The database, or this node's view of it, is broken. Except after [`StoreFault::Unreachable`] the caller ends the
/// process: what was being written may or may not be there, and only a restart finds out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The database failed to run a statement, or the connection to it was lost.
    #[error("the database failed at `{statement}`")]
    Database {
        /// The beginning of the statement, without values.
        statement: String,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// There is no connection to the database, or it was lost before anything was committed: nothing was written, and the
    /// same call works when the database is back.
    #[error("the database cannot be reached for `{statement}`")]
    Unreachable {
        /// The beginning of the statement, without values.
        statement: String,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// The connection was lost after a commit was sent; it is not known whether it happened.
    #[error("the connection to the database was lost during a commit")]
    CommitUnknown {
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// A commit did not end in time; it is not known whether it happened.
    #[error("the database did not answer a commit within {timeout_ms} ms")]
    CommitTimeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// Another holder has taken the lease: this node may not write any more.
    #[error("the lease of {holder} (epoch {epoch}) was taken over")]
    LeaseLost {
        /// Who thought to hold it.
        holder: String,
        /// Its epoch.
        epoch: i64,
    },
    /// The settings of the server became unsafe after the store was opened.
    #[error("PostgreSQL now runs with {settings}")]
    UnsafeDurability {
        /// `name=value` of each of them, joined by commas.
        settings: String,
    },
    /// A block does not follow the last one stored.
    #[error("block {given} does not follow block {stored}")]
    Height {
        /// Height of the last stored block.
        stored: u64,
        /// Height given.
        given: u64,
    },
    /// A commit before there is a genesis, or a second genesis.
    #[error("{0}")]
    Order(&'static str),
    /// A block that is already stored came again with another result: this node diverges.
    #[error("block {height} is stored with app hash {stored}, and now gives {given}")]
    Divergence {
        /// Height of the block.
        height: u64,
        /// Hexadecimal app hash in the database.
        stored: String,
        /// Hexadecimal app hash now.
        given: String,
    },
    /// A row that this program cannot have written.
    #[error("corrupt row in {table}: {reason}")]
    Corrupt {
        /// Name of the table.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A number that does not fit the database's 64 bits.
    #[error("{what} does not fit a column")]
    Range {
        /// Name of the number.
        what: &'static str,
    },
    /// The operating system failed.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Encryption of a private key failed.
    #[error("a private key could not be encrypted")]
    Seal,
}

impl StoreFault {
    pub(crate) fn database(statement: &str, source: sqlx::Error) -> Self {
        let is_lost = is_lost(&source);
        let statement = statement.trim().chars().take(80).collect();
        if is_lost { Self::Unreachable { statement, source } } else { Self::Database { statement, source } }
    }

    /// A server gave no connection. That it took too long means that it is not there; with a file it means something else.
    pub(crate) fn connecting(statement: &str, source: sqlx::Error) -> Self {
        match source {
            sqlx::Error::PoolTimedOut => Self::Unreachable { statement: statement.to_owned(), source },
            other => Self::database(statement, other),
        }
    }

    /// A statement that commits failed.
    pub(crate) fn committing(statement: &str, source: sqlx::Error) -> Self {
        if is_lost(&source) { Self::CommitUnknown { source } } else { Self::database(statement, source) }
    }

    /// Whether nothing is wrong but that the database is not there: the same call works when it is back, and has written
    /// nothing now.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// As [`Self::is_unreachable`], or the connection was lost while something was committed: for what does no harm when it
    /// is done twice.
    #[must_use]
    pub const fn is_connection_lost(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::CommitUnknown { .. })
    }

    /// A row of `table` that this program cannot have written.
    pub fn corrupt(table: &'static str, reason: impl ToString) -> Self {
        Self::Corrupt { table, reason: reason.to_string() }
    }
}

/// Whether the connection is gone, or the server gives none for now.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Class 08: connection; 57P01 to 57P03: the server stops or starts; 53300: it has too many connections.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.len() == 5
                && (code.starts_with("08") || matches!(code.as_ref(), "57P01" | "57P02" | "57P03" | "53300"))
        }),
        _ => false,
    }
}

/// Why a call that an operator's input can spoil did not succeed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operator's mistake.
    #[error(transparent)]
    Refused(#[from] StoreRefused),
    /// The node is broken.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}
