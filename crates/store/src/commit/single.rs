//! The commit of blocks that only insert rows, on PostgreSQL: one statement, which is its own transaction, so that it takes
//! one round trip.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::{ADVANCE_PARAMETERS, advance_text};
use crate::sql::{Arg, Dialect, Insert, guarded_text, run_guarded};
use crate::{Store, StoreFault};

/// Larger commits gain nothing.
const MAX_BYTES: usize = 1 << 20;

/// Groups of tables that have rows at the same time, or rarely.
const GROUPS: usize = 5;

/// The texts, by which groups are written: so few that all of them stay prepared (the driver keeps 100 for a connection).
static TEXTS: [OnceLock<String>; 1 << GROUPS] = [const { OnceLock::new() }; 1 << GROUPS];

impl Store {
    /// Commits a batch that follows the head, if it can be done in one statement: then how long that took, the disk
    /// included. None: it cannot, or the head could not be advanced. Nothing is written then.
    pub(super) async fn commit_at_once(
        &self,
        advance: &[Arg<'_>; ADVANCE_PARAMETERS],
        batch: &Batch,
    ) -> Result<Option<Duration>, StoreFault> {
        let Some(max_rows) = self.one_statement_rows() else { return Ok(None) };
        let Some(inserts) = batch.plain_inserts().filter(|_| batch.rows() <= max_rows) else { return Ok(None) };
        if inserts.iter().map(|(_, insert)| insert.bytes()).sum::<usize>() > MAX_BYTES {
            return Ok(None);
        }
        let (text, inserts) = statement(&inserts);
        let Some((writer, mut connection)) = self.committing_connection().await? else { return Ok(None) };
        let started = Instant::now();
        let advanced = run_guarded(&mut connection, text, advance, &inserts).await?;
        writer.keep(connection);
        Ok(advanced.then(|| started.elapsed()))
    }
}

/// The text, and the inserts in their order in it: all those of the groups in which there are rows.
fn statement<'b>(inserts: &[(usize, &'b Insert)]) -> (&'static str, Vec<&'b Insert>) {
    let groups =
        inserts.iter().filter(|(_, insert)| insert.rows() > 0).fold(0, |groups, (group, _)| groups | 1 << group);
    let inserts: Vec<&Insert> =
        inserts.iter().filter(|(group, _)| groups & (1 << group) != 0).map(|(_, insert)| *insert).collect();
    let text =
        TEXTS[groups].get_or_init(|| guarded_text(&advance_text(Dialect::Postgres), ADVANCE_PARAMETERS, &inserts));
    (text, inserts)
}
