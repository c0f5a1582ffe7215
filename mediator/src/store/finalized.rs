//! Reading decided requests: for the stream of verdicts and for operators (chapter 04 §5.5, §7).

use synod_store::StoreFault;
use synod_store::database::{Arg, Row};
use synod_types::CantonTimestamp;

use super::tables::FINALIZED;
use super::{FinalizedRow, MediatorStore};

const COLUMNS: &str = "request_id, request, finalization_time, verdict";

impl MediatorStore {
    /// The requests after `after` up to and including `up_to`, in the order of their ids, at most `limit`. Up to `prehead`
    /// there is no request missing.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn finalized_after(
        &self,
        after: CantonTimestamp,
        up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<Vec<FinalizedRow>, StoreFault> {
        let select = format!(
            "SELECT {COLUMNS} FROM {FINALIZED} WHERE request_id > $1 AND request_id <= $2 ORDER BY request_id LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args = [Arg::Int(after.as_micros()), Arg::Int(up_to.as_micros()), Arg::Int(limit)];
        let mut connection = self.database.reader().await?;
        connection.session().fetch(&select, &args).await?.iter().map(read_finalized).collect()
    }

    /// One request; `None` when it is not decided, or pruned.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn finalized(&self, request_id: CantonTimestamp) -> Result<Option<FinalizedRow>, StoreFault> {
        let select = format!("SELECT {COLUMNS} FROM {FINALIZED} WHERE request_id = $1");
        let mut connection = self.database.reader().await?;
        let row = connection.session().fetch_optional(&select, &[Arg::Int(request_id.as_micros())]).await?;
        row.as_ref().map(read_finalized).transpose()
    }

    /// Id of the oldest decided request that is stored.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn oldest_finalized(&self) -> Result<Option<CantonTimestamp>, StoreFault> {
        self.nth_finalized(1).await
    }

    /// Id of the decided request at a position in the order of ids, counted from 1 (`FindPruningTimestamp`); `None` when
    /// there are not so many. Passes all before it.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn nth_finalized(&self, index: u64) -> Result<Option<CantonTimestamp>, StoreFault> {
        let Some(before) = index.checked_sub(1).and_then(|before| i64::try_from(before).ok()) else {
            return Ok(None);
        };
        let select = format!("SELECT request_id FROM {FINALIZED} ORDER BY request_id LIMIT 1 OFFSET $1");
        let mut connection = self.database.reader().await?;
        let row = connection.session().fetch_optional(&select, &[Arg::Int(before)]).await?;
        row.map(|row| row.time(FINALIZED, 0)).transpose()
    }
}

fn read_finalized(row: &Row) -> Result<FinalizedRow, StoreFault> {
    Ok(FinalizedRow {
        request_id: row.time(FINALIZED, 0)?,
        request: row.bytes(1)?,
        finalization_time: row.time(FINALIZED, 2)?,
        verdict: row.bytes(3)?,
    })
}
