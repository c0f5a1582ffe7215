//! Opening a PostgreSQL database.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::migrate::OPENING_LOCK;
use crate::postgres_writer::PostgresWriter;
use crate::store::Pools;
use crate::{StoreConfig, StoreError, StoreFault, StoreRefused};

const OLDEST: i32 = 140_000;

/// For writes besides the commits of blocks: the lease, the outbox, administration.
const SIDE_CONNECTIONS: u32 = 2;

/// Connects, checks version and settings of the server, and creates the schema when it is missing.
pub(crate) async fn open(options: PgConnectOptions, config: &StoreConfig) -> Result<Pools, StoreError> {
    let options = options.disable_statement_logging();
    if let Some(schema) = &config.schema {
        check_schema_name(schema)?;
    }
    let timeout = Duration::from_millis(config.connect_timeout_ms);
    let connecting = tokio::time::timeout(timeout, options.connect());
    let mut connection = connecting.await.map_err(|_| connect_timeout())?.map_err(connect_failed)?;
    check_server(&mut connection, config).await?;
    if let Some(schema) = &config.schema {
        create_schema(&mut connection, schema).await?;
    }
    connection.close().await.map_err(connect_failed)?;

    let setup = session_setup(config.schema.as_deref());
    let pool = PgPoolOptions::new().acquire_timeout(timeout).after_connect(move |connection, _| {
        let setup = setup.clone();
        Box::pin(async move { connection.execute(sqlx::raw_sql(AssertSqlSafe(setup))).await.map(|_| ()) })
    });
    let connect = async |pool: PgPoolOptions| pool.connect_with(options.clone()).await.map_err(connect_failed);
    // The writer's connection is not asked whether it lives before each commit.
    let writer = pool.clone().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
    Ok(Pools::Postgres {
        writer: PostgresWriter::new(connect(writer.max_connections(1)).await?),
        side: connect(pool.clone().max_connections(SIDE_CONNECTIONS)).await?,
        readers: connect(pool.max_connections(config.max_readers.max(1))).await?,
    })
}

/// What each connection sets, whatever the role's defaults are. The server must notice soon that this host is gone, or a transaction of a dead
/// leader would keep the lease's row locked for hours.
fn session_setup(schema: Option<&str>) -> String {
    let mut setup = "SET idle_in_transaction_session_timeout = '60s'; SET statement_timeout = 0; \
                     SET default_transaction_isolation = 'read committed'; SET tcp_keepalives_idle = 5; \
                     SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;"
        .to_owned();
    if let Some(schema) = schema {
        setup.push_str(" SET search_path TO ");
        setup.push_str(&quoted(schema));
    }
    setup
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn check_schema_name(schema: &str) -> Result<(), StoreRefused> {
    let bad = schema.is_empty() || schema.len() > 63 || schema.contains('\0') || schema.starts_with("pg_");
    if bad { Err(StoreRefused::SchemaName { schema: schema.to_owned() }) } else { Ok(()) }
}

/// Creates the schema only when it is missing: a role may be allowed to use one but not to create one.
async fn create_schema(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    // `IF NOT EXISTS` fails when another session creates it at the same time. The lock ends with this connection.
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(OPENING_LOCK)
        .execute(&mut *connection)
        .await
        .map_err(connect_failed)?;
    let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_catalog.pg_namespace WHERE nspname = $1")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await
        .map_err(connect_failed)?;
    if found == 0 {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema));
        sqlx::raw_sql(AssertSqlSafe(create)).execute(connection).await.map_err(connect_failed)?;
    }
    Ok(())
}

async fn check_server(connection: &mut PgConnection, config: &StoreConfig) -> Result<(), StoreError> {
    let (number, name): (i32, String) =
        sqlx::query_as("SELECT current_setting('server_version_num')::INT4, current_setting('server_version')")
            .fetch_one(&mut *connection)
            .await
            .map_err(connect_failed)?;
    if number < OLDEST {
        return Err(StoreRefused::ServerVersion { found: name }.into());
    }
    if let Some(settings) = unsafe_settings(connection).await.map_err(connect_failed)? {
        if !config.allow_unsafe_durability {
            return Err(StoreRefused::UnsafeDurability { settings }.into());
        }
        tracing::warn!(%settings, "PostgreSQL may lose committed data on a crash");
    }
    Ok(())
}

/// The settings of this session under which a committed transaction may be lost.
pub(crate) async fn unsafe_settings(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT name || '=' || current_setting(name) \
         FROM (VALUES ('fsync'), ('full_page_writes'), ('synchronous_commit')) AS setting(name) \
         WHERE current_setting(name) = 'off' ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    Ok(if found.is_empty() { None } else { Some(found.join(", ")) })
}

fn connect_timeout() -> StoreError {
    StoreFault::connecting("connect", sqlx::Error::PoolTimedOut).into()
}

/// Class 28: authentication, 3D: no such database, 42501: insufficient privilege.
fn is_login(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("28") || code.starts_with("3D") || code == "42501")
}

/// Tells a missing right of the role from a broken database.
pub(crate) fn or_refused(error: StoreError) -> StoreError {
    match error {
        StoreError::Fault(StoreFault::Database { source: sqlx::Error::Database(error), .. })
            if is_login(error.as_ref()) =>
        {
            StoreRefused::Login(sqlx::Error::Database(error)).into()
        }
        other => other,
    }
}

/// Which errors of connecting only the operator can mend.
fn connect_failed(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Tls(_) => StoreRefused::Tls(error).into(),
        // So rustls reports a certificate that it does not trust.
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => StoreRefused::Tls(error).into(),
        sqlx::Error::Database(database) if is_login(database.as_ref()) => StoreRefused::Login(error).into(),
        sqlx::Error::Configuration(_) => StoreRefused::Url { reason: error.to_string() }.into(),
        _ => StoreFault::database("connect", error).into(),
    }
}
