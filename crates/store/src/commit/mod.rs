//! Writing blocks: everything that some consecutive blocks changed, in one transaction with one sync.

mod aggregations;
mod batch;
mod delivery;
mod single;

use std::time::{Duration, Instant};

use synod_machine::{BlockOutcome, Checkpoint};

use crate::codec::{column, number_of};
use crate::node::write_configuration;
use crate::sql::{Arg, Dialect, Session};
use crate::{Lease, Store, StoreError, StoreFault};
use batch::Batch;
pub(crate) use delivery::EVERYBODY;

/// What a commit did, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Blocks written now: less than given when some were stored already.
    pub blocks: usize,
    /// Events written.
    pub events: usize,
    /// Rows inserted in all tables.
    pub rows: usize,
    /// From the call to its end.
    pub total: Duration,
    /// The part of it in which the database made the transaction durable; all of its statement where the commit is one.
    pub sync: Duration,
}

impl Store {
    /// Commits consecutive blocks, which follow the last stored one, in one transaction. When this returns, they
    /// survive the loss of power, and reads see them.
    ///
    /// Blocks that are stored already are compared by their app hash and skipped, so a replay is harmless. While the database
    /// cannot be reached this waits for it.
    ///
    /// # Errors
    /// Any [`StoreFault`] must end the process. It is not known whether the blocks are stored, except after
    /// [`StoreFault::LeaseLost`], [`StoreFault::Height`], [`StoreFault::Order`], [`StoreFault::Divergence`] and
    /// [`StoreFault::Unreachable`]: then nothing was written.
    pub async fn commit(&self, lease: &Lease, outcomes: &[BlockOutcome]) -> Result<CommitReport, StoreFault> {
        let started = Instant::now();
        let attempt = || self.within_commit_timeout(self.commit_blocks(lease, outcomes));
        let mut report = self.while_unreachable(attempt).await?;
        report.total = started.elapsed();
        Ok(report)
    }

    async fn commit_blocks(&self, lease: &Lease, outcomes: &[BlockOutcome]) -> Result<CommitReport, StoreFault> {
        let (Some(first), Some(last)) = (outcomes.first(), outcomes.last()) else {
            return Ok(CommitReport::default());
        };
        for pair in outcomes.windows(2) {
            if pair[0].height.checked_add(1) != Some(pair[1].height) {
                return Err(StoreFault::Height { stored: pair[0].height, given: pair[1].height });
            }
        }
        let batch = Batch::new(outcomes)?;
        let advance = advance_args(lease, first.height, last)?;
        let mut report = CommitReport {
            blocks: outcomes.len(),
            events: batch.events(),
            rows: batch.rows(),
            total: Duration::ZERO,
            sync: Duration::ZERO,
        };
        if let Some(took) = self.commit_at_once(&advance, &batch).await? {
            report.sync = took;
            return Ok(report);
        }
        let mut transaction = self.begin_commit().await?;
        let mut session = transaction.session();
        if session.execute(&advance_text(session.dialect()), &advance).await? == 0 {
            let known = stored_already(&mut session, lease, outcomes).await?;
            drop(transaction);
            // Everything before the rest is stored, so the head can be advanced now.
            return Box::pin(self.commit_blocks(lease, &outcomes[known..])).await;
        }
        batch.run(&mut session).await?;
        let syncing = Instant::now();
        transaction.commit().await?;
        report.sync = syncing.elapsed();
        Ok(report)
    }

    /// Writes the state that a synchronizer begins with. After it the first commit is height 0 (or the one after
    /// the checkpoint's).
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the database belongs to another synchronizer; a fault when there is a state
    /// already, the lease is lost, or the database fails.
    pub async fn initialize(&self, lease: &Lease, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let batch = Batch::of_checkpoint(checkpoint)?;
        let mut transaction = self.begin_commit().await?;
        let mut session = transaction.session();
        write_configuration(&mut session, &checkpoint.psid, &checkpoint.static_parameters).await?;
        let height = checkpoint.height.map_or(Ok(-1), |height| column("height", height))?;
        let update = "UPDATE head SET height = $2, base_time = $3, last_time = $4, latest_sequencer_event = $5, \
                      latest_pending_topology = $6, app_hash = $7 \
                      WHERE id = 1 AND lease_epoch = $1 AND height IS NULL";
        let args = [
            Arg::Int(lease.epoch()),
            Arg::Int(height),
            Arg::Int(checkpoint.base_time.as_micros()),
            Arg::Int(checkpoint.last_time.as_micros()),
            Arg::OptInt(checkpoint.latest_sequencer_event.map(|time| time.as_micros())),
            Arg::OptInt(checkpoint.latest_pending_topology.map(|time| time.as_micros())),
            Arg::Bytes(&checkpoint.app_hash),
        ];
        if session.execute(update, &args).await? == 0 {
            let (epoch, _) = stored_head(&mut session).await?;
            return Err(if epoch == lease.epoch() {
                StoreFault::Order("the synchronizer's state is there already").into()
            } else {
                lease.lost().into()
            });
        }
        batch.run(&mut session).await?;
        transaction.commit().await?;
        Ok(())
    }
}

const ADVANCE_PARAMETERS: usize = 9;

/// Moves the head, if the lease is valid and the first block follows it; extends the lease. Locks the row.
fn advance_text(dialect: Dialect) -> String {
    format!(
        "UPDATE head SET height = $3, base_time = $4, last_time = $5, latest_sequencer_event = $6, \
         latest_pending_topology = $7, app_hash = $8, lease_expires_at = {} + $9 \
         WHERE id = 1 AND lease_epoch = $1 AND height = $2",
        dialect.now_micros()
    )
}

fn advance_args<'b>(
    lease: &Lease,
    first: u64,
    last: &'b BlockOutcome,
) -> Result<[Arg<'b>; ADVANCE_PARAMETERS], StoreFault> {
    Ok([
        Arg::Int(lease.epoch()),
        Arg::Int(column("height", first)? - 1),
        Arg::Int(column("height", last.height)?),
        Arg::Int(last.base_time.as_micros()),
        Arg::Int(last.last_time.as_micros()),
        Arg::OptInt(last.latest_sequencer_event.map(|time| time.as_micros())),
        Arg::OptInt(last.latest_pending_topology.map(|time| time.as_micros())),
        Arg::Bytes(&last.app_hash),
        Arg::Int(lease.duration_micros()),
    ])
}

/// Epoch of the lease, and the height once there is a state (-1 before the first block).
async fn stored_head(session: &mut Session<'_>) -> Result<(i64, Option<i64>), StoreFault> {
    let row = session.fetch_one("SELECT lease_epoch, height FROM head WHERE id = 1", &[]).await?;
    Ok((row.int(0)?, row.opt_int(1)?))
}

/// How many of the blocks are stored with the same app hash (at least one), given that the head could not be
/// advanced; otherwise why not.
async fn stored_already(
    session: &mut Session<'_>,
    lease: &Lease,
    outcomes: &[BlockOutcome],
) -> Result<usize, StoreFault> {
    let (epoch, height) = stored_head(session).await?;
    if epoch != lease.epoch() {
        return Err(lease.lost());
    }
    let height = height.ok_or(StoreFault::Order("there is no state that a block could change"))?;
    let mut known = 0;
    for outcome in outcomes {
        let given = column("height", outcome.height)?;
        if given > height {
            break;
        }
        let select = "SELECT app_hash FROM blocks WHERE height = $1";
        let row = session.fetch_optional(select, &[Arg::Int(given)]).await?;
        let stored = row.as_ref().map_or(Ok("pruned".to_owned()), |row| row.slice(0).map(hex::encode))?;
        let given = hex::encode(outcome.app_hash);
        if stored != given {
            return Err(StoreFault::Divergence { height: outcome.height, stored, given });
        }
        known += 1;
    }
    match (known, outcomes.first()) {
        (0, Some(first)) => {
            let stored = number_of("head", height.max(0))?;
            Err(StoreFault::Height { stored, given: first.height })
        }
        _ => Ok(known),
    }
}
