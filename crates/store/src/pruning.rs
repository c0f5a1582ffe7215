//! Pruning: forgetting events that every member has processed (ch. 03 §7.1).

use synod_types::CantonTimestamp;

use crate::codec::time_of;
use crate::commit::EVERYBODY;
use crate::events::{around, latest, latest_entry};
use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreError, StoreFault, StoreRefused};

/// Rows that one transaction deletes at most, so that commits of blocks wait only shortly.
const ROWS_PER_TRANSACTION: i64 = 2_000;
/// Members whose last pruned event is found in one go.
const MEMBERS_PER_PAGE: i64 = 500;

/// Members whose rows one transaction looks for at most.
const MEMBERS_PER_TRANSACTION: usize = 200;

/// A packed row that reaches over the cut stays whole.
const DELETE_DELIVERIES: &str = "DELETE FROM member_events WHERE (member_index, last_time) IN \
     (SELECT member_index, last_time FROM member_events \
      WHERE member_index = $1 AND last_time < $2 ORDER BY last_time LIMIT $3)";

/// The last state at or before the cut stays.
const DELETE_CONSUMED: &str = "DELETE FROM traffic_consumed WHERE (member_index, time) IN \
     (SELECT member_index, time FROM traffic_consumed WHERE member_index = $1 AND time < \
         (SELECT MAX(time) FROM traffic_consumed WHERE member_index = $1 AND time <= $2) \
      ORDER BY time LIMIT $3)";

/// What pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Events.
    pub events: u64,
    /// Blocks (of the list of heights and hashes).
    pub blocks: u64,
    /// Rows of traffic.
    pub traffic: u64,
}

impl Store {
    /// The time before which everything may be pruned: the smallest of what enabled members acknowledged, or of
    /// when they were registered if they never did; `now` when there are none, and never after it.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn safe_pruning_point(&self, now: CantonTimestamp) -> Result<CantonTimestamp, StoreFault> {
        let select = "SELECT MIN(COALESCE(a.time, m.registered_from)) FROM members m \
                      LEFT JOIN acknowledgements a ON a.member_index = m.member_index WHERE m.enabled = 1";
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_one(select, &[]).await?;
        match row.opt_int(0)? {
            Some(time) => Ok(time_of("acknowledgements", time)?.min(now)),
            None => Ok(now),
        }
    }

    /// Deletes events before `before`, with what belongs to them, in many small transactions. May be broken off
    /// and called again. Topology is never pruned; of traffic the state at `before` stays, of blocks the last
    /// one at or before it.
    ///
    /// # Errors
    /// [`StoreRefused::UnsafePruningPoint`] when an enabled member has not acknowledged all of it; or a fault.
    pub async fn prune(&self, before: CantonTimestamp, now: CantonTimestamp) -> Result<PruneReport, StoreError> {
        let safe = self.safe_pruning_point(now).await?;
        if before > safe {
            return Err(StoreRefused::UnsafePruningPoint { requested: before, safe }.into());
        }
        let before = before.as_micros();
        let mut members = self.remember_previous(before).await?;
        self.raise_lower_bound(before).await?;
        let mut report = PruneReport { events: self.delete_events(before).await?, ..PruneReport::default() };
        members.push(EVERYBODY);
        self.delete_of_members(DELETE_DELIVERIES, &members, before).await?;
        report.blocks = self.delete_blocks(before).await?;
        report.traffic = self.delete_of_members(DELETE_CONSUMED, &members, before).await?;
        report.traffic += self.delete_purchased(before).await?;
        Ok(report)
    }

    /// Declares that events before `time` are not here, as on a sequencer that was onboarded then. Never lowers
    /// the bound.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn set_lower_bound(&self, time: CantonTimestamp) -> Result<(), StoreFault> {
        self.raise_lower_bound(time.as_micros()).await
    }

    async fn raise_lower_bound(&self, time: i64) -> Result<(), StoreFault> {
        let raise = "INSERT INTO lower_bound (id, time) VALUES (1, $1) \
                     ON CONFLICT (id) DO UPDATE SET time = excluded.time WHERE lower_bound.time < excluded.time";
        self.write(raise, &[Arg::Int(time)]).await.map(|_| ())
    }

    /// Notes for each member its last event before the cut. Returns all members.
    async fn remember_previous(&self, before: i64) -> Result<Vec<i64>, StoreFault> {
        let everybodys = {
            let mut connection = self.reader().await?;
            let rows = around(&mut connection.session(), EVERYBODY, before).await?;
            latest(&rows, before)
        };
        let select = "SELECT m.member_index, m.registered_from, \
                      (SELECT entries FROM member_events e WHERE e.member_index = m.member_index \
                       AND e.last_time < $2 ORDER BY e.last_time DESC LIMIT 1), \
                      (SELECT entries FROM member_events e WHERE e.member_index = m.member_index \
                       AND e.last_time >= $2 ORDER BY e.last_time LIMIT 1) \
                      FROM members m WHERE m.member_index > $1 ORDER BY m.member_index LIMIT $3";
        let (mut members, mut after) = (Vec::new(), EVERYBODY);
        loop {
            let mut transaction = self.begin_write().await?;
            let mut session = transaction.session();
            let args = [Arg::Int(after), Arg::Int(before), Arg::Int(MEMBERS_PER_PAGE)];
            let rows = session.fetch(select, &args).await?;
            let mut last_events = Vec::new();
            for row in &rows {
                let (member, registered_from) = (row.int(0)?, row.int(1)?);
                let latest = previous(row, before)?.max(everybodys).filter(|time| *time > registered_from);
                last_events.extend(latest.map(|time| (member, time)));
                members.push(member);
                after = member;
            }
            update_previous(&mut session, &last_events).await?;
            transaction.commit().await?;
            if rows.is_empty() {
                return Ok(members);
            }
        }
    }

    async fn delete_events(&self, before: i64) -> Result<u64, StoreFault> {
        let delete = "DELETE FROM events WHERE time IN \
                      (SELECT time FROM events WHERE time < $1 ORDER BY time LIMIT $2)";
        self.delete_in_steps(delete, &[Arg::Int(before), Arg::Int(ROWS_PER_TRANSACTION)]).await
    }

    async fn delete_blocks(&self, before: i64) -> Result<u64, StoreFault> {
        let delete = "DELETE FROM blocks WHERE height IN (SELECT height FROM blocks \
                      WHERE height < (SELECT height FROM blocks WHERE last_time <= $1 \
                                      ORDER BY last_time DESC, height DESC LIMIT 1) \
                      ORDER BY height LIMIT $2)";
        self.delete_in_steps(delete, &[Arg::Int(before), Arg::Int(ROWS_PER_TRANSACTION)]).await
    }

    /// Purchases are few: one transaction. The last one before the cut stays.
    async fn delete_purchased(&self, before: i64) -> Result<u64, StoreFault> {
        let delete = "DELETE FROM traffic_purchased WHERE time < (SELECT MAX(n.time) FROM traffic_purchased n \
                      WHERE n.member = traffic_purchased.member AND n.time < $1)";
        self.write(delete, &[Arg::Int(before)]).await
    }

    /// Runs a delete for each member, many members in a transaction. Returns the number of rows.
    async fn delete_of_members(&self, delete: &str, members: &[i64], before: i64) -> Result<u64, StoreFault> {
        let mut deleted = 0;
        for some in members.chunks(MEMBERS_PER_TRANSACTION) {
            let mut transaction = self.begin_write().await?;
            let mut in_transaction = 0;
            for member in some {
                loop {
                    let args = [Arg::Int(*member), Arg::Int(before), Arg::Int(ROWS_PER_TRANSACTION)];
                    let rows = transaction.session().execute(delete, &args).await?;
                    in_transaction += rows;
                    deleted += rows;
                    if in_transaction >= ROWS_PER_TRANSACTION.unsigned_abs() {
                        transaction.commit().await?;
                        transaction = self.begin_write().await?;
                        in_transaction = 0;
                    }
                    if rows < ROWS_PER_TRANSACTION.unsigned_abs() {
                        break;
                    }
                }
            }
            transaction.commit().await?;
        }
        Ok(deleted)
    }

    /// Repeats a delete, each time in a transaction of its own, until it finds nothing.
    async fn delete_in_steps(&self, delete: &str, args: &[Arg<'_>]) -> Result<u64, StoreFault> {
        let mut deleted = 0;
        loop {
            let rows = self.write(delete, args).await?;
            deleted += rows;
            if rows < ROWS_PER_TRANSACTION.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }
}

/// The last event of a member before the cut, from its packed rows before and after it.
fn previous(row: &Row, before: i64) -> Result<Option<i64>, StoreFault> {
    let latest = |packed: Option<&[u8]>| packed.and_then(|packed| latest_entry(packed, before));
    Ok(latest(row.opt_slice(2)?).max(latest(row.opt_slice(3)?)))
}

/// A member without a new last event keeps the one noted before.
async fn update_previous(session: &mut Session<'_>, last_events: &[(i64, i64)]) -> Result<(), StoreFault> {
    if last_events.is_empty() {
        return Ok(());
    }
    let pairs = session.dialect().pairs(1);
    let update = format!("UPDATE members SET pruned_previous = u.v FROM {pairs} WHERE member_index = u.k");
    session.execute(&update, &[Arg::Pairs(last_events)]).await.map(|_| ())
}
