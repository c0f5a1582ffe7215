//! PostgreSQL: the update of one row, and inserts that happen only with it, as one statement.
//!
//! The parts of such a statement run in no particular order and see one snapshot. Each insert asks for the result of the
//! update, so the row is locked and compared before anything is inserted; and inserts read nothing (`ON CONFLICT` looks at
//! the newest row, not at the snapshot, under READ COMMITTED).

use sqlx::PgConnection;

use super::session::postgres_arguments;
use super::{Arg, Insert};
use crate::StoreFault;

/// The text: parameters of `update`, of which there are `parameters`, come first, then one for each column of each insert.
/// The inserts are into different tables.
pub(crate) fn guarded_text(update: &str, parameters: usize, inserts: &[&Insert]) -> String {
    let mut text = format!("WITH guard AS ({update} RETURNING 1)");
    let mut next = parameters + 1;
    for insert in inserts {
        let sql = insert.postgres_sql(next, "WHERE EXISTS (SELECT 1 FROM guard)");
        text.push_str(&format!(", into_{} AS ({sql})", insert.table()));
        next += insert.columns();
    }
    text.push_str(" SELECT 1 FROM guard");
    text
}

/// Runs a text of [`guarded_text`] for inserts into the same tables in the same order. Outside of a transaction it is one,
/// committed when this returns. False: the update found no row, and nothing was written.
pub(crate) async fn run_guarded(
    connection: &mut PgConnection,
    text: &'static str,
    args: &[Arg<'_>],
    inserts: &[&Insert],
) -> Result<bool, StoreFault> {
    let mut arguments = postgres_arguments(text, args)?;
    for insert in inserts {
        insert.add_postgres(0..insert.rows(), text, &mut arguments)?;
    }
    // The number of rows of a SELECT is what it "affects". The stream is read to its end, which is after the commit.
    let done = sqlx::query_with(text, arguments).execute(connection).await.map_err(|source| failed(text, source))?;
    Ok(done.rows_affected() == 1)
}

/// Named after the table that refuses a row, as a statement for that table alone would be.
fn failed(text: &str, source: sqlx::Error) -> StoreFault {
    let table = source.as_database_error().and_then(|error| error.table()).map(ToOwned::to_owned);
    StoreFault::committing(table.as_deref().unwrap_or(text), source)
}
