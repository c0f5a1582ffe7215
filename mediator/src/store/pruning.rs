//! Forgetting decided requests, and when that is done (chapter 04 §5.4).

use synod_store::database::Arg;
use synod_store::{Lease, StoreFault};
use synod_types::CantonTimestamp;

use super::MediatorStore;
use super::tables::SCHEDULE;

/// Rows that one transaction deletes at most, so that commits wait only shortly.
const ROWS_PER_TRANSACTION: u64 = 2_000;

/// When the mediator prunes by itself (`PruningSchedule` of Canton). Nothing here interprets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruningSchedule {
    /// Cron expression: when pruning begins.
    pub cron: String,
    /// How long it may go on, in seconds.
    pub max_duration_s: i64,
    /// How long requests are kept, in seconds.
    pub retention_s: i64,
}

impl MediatorStore {
    /// Deletes decided requests with an id up to and including `up_to`, oldest first, at most `limit`, in several short
    /// transactions. Requests after `prehead` stay in any case, because they come again after a restart. Returns how many
    /// were deleted: less than `limit` when nothing is left to delete.
    ///
    /// # Errors
    /// [`StoreFault`] when the lease is lost or the database fails; a part may be deleted then.
    pub async fn prune(&self, lease: &Lease, up_to: CantonTimestamp, limit: u64) -> Result<u64, StoreFault> {
        let delete = "DELETE FROM mediator_finalized_requests WHERE request_id IN \
                      (SELECT request_id FROM mediator_finalized_requests \
                       WHERE request_id <= $1 AND request_id <= (SELECT prehead FROM mediator_progress) \
                       ORDER BY request_id LIMIT $2)";
        let mut deleted = 0;
        while deleted < limit {
            let wanted = ROWS_PER_TRANSACTION.min(limit - deleted);
            let args = [Arg::Int(up_to.as_micros()), Arg::Int(i64::try_from(wanted).unwrap_or(i64::MAX))];
            let mut transaction = self.database.begin_fenced_aside(lease).await?;
            let rows = transaction.session().execute(delete, &args).await?;
            transaction.commit().await?;
            deleted += rows;
            if rows < wanted {
                break;
            }
        }
        Ok(deleted)
    }

    /// The schedule; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn pruning_schedule(&self) -> Result<Option<PruningSchedule>, StoreFault> {
        let select = format!("SELECT cron, max_duration, retention FROM {SCHEDULE}");
        let mut connection = self.database.reader().await?;
        let row = connection.session().fetch_optional(&select, &[]).await?;
        row.map(|row| {
            Ok(PruningSchedule {
                cron: row.free_text(0)?.to_owned(),
                max_duration_s: row.int(1)?,
                retention_s: row.int(2)?,
            })
        })
        .transpose()
    }

    /// Sets the schedule, or replaces it.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn set_pruning_schedule(&self, schedule: &PruningSchedule) -> Result<(), StoreFault> {
        let set = "INSERT INTO mediator_pruning_schedule (id, cron, max_duration, retention) VALUES (1, $1, $2, $3) \
                   ON CONFLICT (id) DO UPDATE SET cron = excluded.cron, max_duration = excluded.max_duration, \
                   retention = excluded.retention";
        let args =
            [Arg::Bytes(schedule.cron.as_bytes()), Arg::Int(schedule.max_duration_s), Arg::Int(schedule.retention_s)];
        let mut transaction = self.database.begin_write().await?;
        transaction.session().execute(set, &args).await?;
        transaction.commit().await
    }

    /// Removes the schedule; true when there was one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn clear_pruning_schedule(&self) -> Result<bool, StoreFault> {
        let mut transaction = self.database.begin_write().await?;
        let rows = transaction.session().execute("DELETE FROM mediator_pruning_schedule", &[]).await?;
        transaction.commit().await?;
        Ok(rows > 0)
    }
}
