//! What a store is opened with.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Configuration of a [`Store`](crate::Store).
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:///path/to/file.db`, or `postgres://user:password@host:port/database` with the parameters of
    /// libpq that concern the connection: `sslmode` (`disable`, `allow`, `prefer`, `require`, `verify-ca`,
    /// `verify-full`), `sslrootcert`, `sslcert`, `sslkey`, `host` (a socket's directory too), `port`, `dbname`,
    /// `user`, `password`, `application_name`, `options`.
    pub url: String,
    /// Password for PostgreSQL when the URL has none (read from a file by whoever reads the configuration).
    pub password: Option<Zeroizing<String>>,
    /// Schema of PostgreSQL that holds the tables; created when it does not exist. None: the first schema of the
    /// role's search path. Not for SQLite.
    pub schema: Option<String>,
    /// Connections for reading, at least 1; one more is kept for commits.
    pub max_readers: u32,
    /// Longest wait for a connection, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest wait for one commit, in milliseconds; then it counts as unknown and is a fault.
    pub commit_timeout_ms: u64,
    /// How long a commit, and what else waits for a database that cannot be reached, waits until it is a fault, in
    /// milliseconds (`failedToFatalDelay`).
    pub failed_to_fatal_delay_ms: u64,
    /// On PostgreSQL, a commit of blocks that inserts at most so many rows (and 1 MiB), and does nothing else, is one
    /// statement: one round trip. 0: never. With over 1,000 rows it is no faster than several statements.
    pub one_statement_rows: usize,
    /// Run although the database may lose committed data on a crash. For tests and benches.
    pub allow_unsafe_durability: bool,
    /// File whose content (at least 32 bytes) is the secret that encrypts private keys.
    pub key_file: Option<PathBuf>,
}

impl StoreConfig {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            schema: None,
            max_readers: 4,
            connect_timeout_ms: 10_000,
            commit_timeout_ms: 30_000,
            failed_to_fatal_delay_ms: 300_000,
            one_statement_rows: 512,
            allow_unsafe_durability: false,
            key_file: None,
        }
    }
}

/// Without passwords.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("url", &without_password(&self.url))
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("schema", &self.schema)
            .field("max_readers", &self.max_readers)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("commit_timeout_ms", &self.commit_timeout_ms)
            .field("failed_to_fatal_delay_ms", &self.failed_to_fatal_delay_ms)
            .field("one_statement_rows", &self.one_statement_rows)
            .field("allow_unsafe_durability", &self.allow_unsafe_durability)
            .field("key_file", &self.key_file)
            .finish()
    }
}

/// The URL up to its authority, without user information and parameters.
pub(crate) fn without_password(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", &url[at..]),
        _ => url.to_owned(),
    }
}
