//! Traffic of members: the journal of what they consumed, and what they purchased.

use synod_machine::{TrafficConsumed, TrafficPurchased};
use synod_types::{CantonTimestamp, Member, MemberIndex};

use crate::codec::{member_of, time_of};
use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreFault};

/// Traffic of a member at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrafficAt {
    /// Its newest state at or before the time.
    pub consumed: Option<TrafficConsumed>,
    /// Its newest purchase strictly before the time: one counts only after its own time (ch. 03 §5.5).
    pub purchased: Option<TrafficPurchased>,
}

const CONSUMED: &str =
    "t.member_index, t.time, t.extra_consumed, t.base_remainder, t.last_cost, t.journaled FROM traffic_consumed t";
const PURCHASED: &str = "t.member, t.time, t.serial, t.extra_purchased FROM traffic_purchased t";

impl Store {
    /// The traffic of a member at a time, as far as it is not pruned.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn traffic_state_at(
        &self,
        member: &Member,
        index: MemberIndex,
        time: CantonTimestamp,
    ) -> Result<TrafficAt, StoreFault> {
        let mut connection = self.reader().await?;
        let mut session = connection.session();
        let at = Arg::Int(time.as_micros());
        let select =
            format!("SELECT {CONSUMED} WHERE t.member_index = $1 AND t.time <= $2 ORDER BY t.time DESC LIMIT 1");
        let consumed = session.fetch_optional(&select, &[Arg::Int(i64::from(index.0)), at]).await?;
        let select = format!("SELECT {PURCHASED} WHERE t.member = $1 AND t.time < $2 ORDER BY t.time DESC LIMIT 1");
        let purchased = session.fetch_optional(&select, &[Arg::Text(&member.to_string()), at]).await?;
        Ok(TrafficAt {
            consumed: consumed.map(|row| read_consumed(&row)).transpose()?,
            purchased: purchased.map(|row| read_purchased(&row)).transpose()?,
        })
    }

    /// The journal of a member after `after`, in order, at most `limit` rows; those included that Canton would not
    /// keep (`journaled` is false).
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn traffic_journal(
        &self,
        index: MemberIndex,
        after: CantonTimestamp,
        limit: usize,
    ) -> Result<Vec<TrafficConsumed>, StoreFault> {
        let select = format!("SELECT {CONSUMED} WHERE t.member_index = $1 AND t.time > $2 ORDER BY t.time LIMIT $3");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let args = [Arg::Int(i64::from(index.0)), Arg::Int(after.as_micros()), Arg::Int(limit)];
        let mut connection = self.reader().await?;
        connection.session().fetch(&select, &args).await?.iter().map(read_consumed).collect()
    }
}

/// The newest state of each member that has one, by index: one index look-up for each member.
pub(crate) async fn read_latest_consumed(session: &mut Session<'_>) -> Result<Vec<TrafficConsumed>, StoreFault> {
    let select = format!(
        "WITH latest AS MATERIALIZED (SELECT m.member_index, (SELECT MAX(n.time) FROM traffic_consumed n \
             WHERE n.member_index = m.member_index) AS time FROM members m) \
         SELECT {CONSUMED} JOIN latest l ON l.member_index = t.member_index AND l.time = t.time \
         ORDER BY t.member_index"
    );
    session.fetch(&select, &[]).await?.iter().map(read_consumed).collect()
}

/// The newest purchase of each member that has one, by member.
pub(crate) async fn read_latest_purchased(session: &mut Session<'_>) -> Result<Vec<TrafficPurchased>, StoreFault> {
    let select = format!(
        "SELECT {PURCHASED} JOIN (SELECT member, MAX(time) AS time FROM traffic_purchased GROUP BY member) n \
         ON n.member = t.member AND n.time = t.time"
    );
    let rows = session.fetch(&select, &[]).await?;
    let mut latest: Vec<TrafficPurchased> = rows.iter().map(read_purchased).collect::<Result<_, _>>()?;
    latest.sort_by(|left, right| left.member.cmp(&right.member));
    Ok(latest)
}

fn read_consumed(row: &Row) -> Result<TrafficConsumed, StoreFault> {
    const TABLE: &str = "traffic_consumed";
    Ok(TrafficConsumed {
        member: member_of(TABLE, row.int(0)?)?,
        time: time_of(TABLE, row.int(1)?)?,
        extra_consumed: row.int(2)?,
        base_remainder: row.int(3)?,
        last_cost: row.int(4)?,
        journaled: row.int(5)? != 0,
    })
}

fn read_purchased(row: &Row) -> Result<TrafficPurchased, StoreFault> {
    const TABLE: &str = "traffic_purchased";
    Ok(TrafficPurchased {
        member: Member::parse(row.text(0)?).map_err(|error| StoreFault::corrupt(TABLE, error))?,
        time: time_of(TABLE, row.int(1)?)?,
        serial: u32::try_from(row.int(2)?).map_err(|error| StoreFault::corrupt(TABLE, error))?,
        extra_purchased: row.int(3)?,
    })
}
