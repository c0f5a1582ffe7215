//! Reading the events of a member: its own and everybody's, as one stream.

use std::collections::BTreeMap;

use synod_machine::{EventRecipients, EventRecord};
use synod_types::{CantonTimestamp, MemberIndex, MessageId};
use thiserror::Error;

use crate::codec::{
    Entry, kind_of, member_of, opt_time_of, time_of, unpack_entries, unpack_groups, unpack_members, unpack_receipt,
};
use crate::commit::EVERYBODY;
use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreFault};

/// Why events were not read.
#[derive(Debug, Error)]
pub enum EventsError {
    /// The reader is so far behind that events it has not seen are pruned. Its own fault.
    #[error("events before {lower_bound} are pruned")]
    Pruned {
        /// The earliest time from which on all events are here.
        lower_bound: CantonTimestamp,
    },
    /// The store is broken.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl Store {
    /// The next events of a member, those after both `after` and `registered_from`, in order of time: its own and
    /// those for everybody, each once. At most `limit`, and no more than `max_bytes` (counted about as in memory)
    /// unless the first alone is larger. Empty when there are none.
    ///
    /// # Errors
    /// [`EventsError::Pruned`] when there may have been such events that are gone; otherwise a fault.
    pub async fn events(
        &self,
        member: MemberIndex,
        registered_from: CantonTimestamp,
        after: CantonTimestamp,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<EventRecord>, EventsError> {
        let cursor = after.max(registered_from).as_micros();
        let mut connection = self.reader().await?;
        let mut session = connection.session();
        let mut asked_again = false;
        loop {
            let times = next_times(&mut session, member, cursor, limit, max_bytes).await?;
            let events = read_events(&mut session, &times).await?;
            if events.len() == times.len() {
                return Ok(events);
            }
            // Pruning moves its bound before it deletes: if that was it, the bound tells now.
            if asked_again {
                return Err(StoreFault::corrupt("events", "an event that a member receives is missing").into());
            }
            asked_again = true;
        }
    }

    /// The event at a time; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn event(&self, time: CantonTimestamp) -> Result<Option<EventRecord>, StoreFault> {
        let mut connection = self.reader().await?;
        Ok(read_events(&mut connection.session(), &[time.as_micros()]).await?.pop())
    }

    /// Time of the member's newest event strictly before `time`, pruned ones included; `None` when it never had
    /// one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn latest_event_before(
        &self,
        member: MemberIndex,
        registered_from: CantonTimestamp,
        time: CantonTimestamp,
    ) -> Result<Option<CantonTimestamp>, StoreFault> {
        let (index, time, registered_from) = (i64::from(member.0), time.as_micros(), registered_from.as_micros());
        let mut connection = self.reader().await?;
        let mut session = connection.session();
        let own = around(&mut session, index, time).await?;
        let everybodys = around(&mut session, EVERYBODY, time).await?;
        let newest = latest(&own, time).max(latest(&everybodys, time)).filter(|newest| *newest > registered_from);
        if newest.is_some() {
            return newest.map(|newest| time_of("member_events", newest)).transpose();
        }
        let select = "SELECT pruned_previous FROM members WHERE member_index = $1 AND pruned_previous < $2";
        let row = session.fetch_optional(select, &[Arg::Int(index), Arg::Int(time)]).await?;
        row.map(|row| time_of("members", row.int(0)?)).transpose()
    }

    /// Events before this time are gone, if a time was ever set.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn lower_bound(&self) -> Result<Option<CantonTimestamp>, StoreFault> {
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_optional("SELECT time FROM lower_bound", &[]).await?;
        row.map(|row| time_of("lower_bound", row.int(0)?)).transpose()
    }
}

/// Times of the next events after `cursor`, within the limits.
async fn next_times(
    session: &mut Session<'_>,
    member: MemberIndex,
    cursor: i64,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<i64>, EventsError> {
    // Each row has at least one entry, so as many rows as events are wanted are always enough.
    let select = "SELECT time, NULL AS entries FROM lower_bound \
                  UNION ALL SELECT NULL, entries FROM (SELECT entries FROM member_events \
                      WHERE member_index = $1 AND last_time > $3 ORDER BY last_time LIMIT $4) AS own \
                  UNION ALL SELECT NULL, entries FROM (SELECT entries FROM member_events \
                      WHERE member_index = $2 AND last_time > $3 ORDER BY last_time LIMIT $4) AS everybodys";
    let rows_wanted = i64::try_from(limit).unwrap_or(i64::MAX);
    let args = [Arg::Int(i64::from(member.0)), Arg::Int(EVERYBODY), Arg::Int(cursor), Arg::Int(rows_wanted)];
    let mut entries = BTreeMap::new();
    for row in session.fetch(select, &args).await? {
        match row.opt_int(0)? {
            Some(bound) if bound > cursor => {
                return Err(EventsError::Pruned { lower_bound: time_of("lower_bound", bound)? });
            }
            Some(_) => {}
            None => {
                let later = unpack_entries(row.slice(1)?).filter(|entry| entry.time > cursor);
                entries.extend(later.map(|entry| (entry.time, entry.size)));
            }
        }
    }
    let mut bytes: usize = 0;
    let within = entries.into_iter().take(limit).enumerate().take_while(|(position, (_, size))| {
        bytes = bytes.saturating_add(usize::try_from(*size).unwrap_or(usize::MAX));
        *position == 0 || bytes <= max_bytes
    });
    Ok(within.map(|(_, (time, _))| time).collect())
}

/// The packed rows of a member before a time and over it.
pub(crate) async fn around(session: &mut Session<'_>, index: i64, time: i64) -> Result<Vec<Row>, StoreFault> {
    let select = "SELECT entries FROM (SELECT entries FROM member_events \
                      WHERE member_index = $1 AND last_time < $2 ORDER BY last_time DESC LIMIT 1) AS before \
                  UNION ALL SELECT entries FROM (SELECT entries FROM member_events \
                      WHERE member_index = $1 AND last_time >= $2 ORDER BY last_time LIMIT 1) AS reaching";
    session.fetch(select, &[Arg::Int(index), Arg::Int(time)]).await
}

/// Time of the last event before `time` in packed rows.
pub(crate) fn latest(rows: &[Row], time: i64) -> Option<i64> {
    rows.iter().filter_map(|row| latest_entry(row.slice(0).ok()?, time)).max()
}

/// Time of the last entry before `time`.
pub(crate) fn latest_entry(packed: &[u8], time: i64) -> Option<i64> {
    unpack_entries(packed).map(|Entry { time, .. }| time).take_while(|entry| *entry < time).last()
}

async fn read_events(session: &mut Session<'_>, times: &[i64]) -> Result<Vec<EventRecord>, StoreFault> {
    if times.is_empty() {
        return Ok(Vec::new());
    }
    let select = format!(
        "SELECT time, kind, sender, message_id, recipients, resolved_groups, batch, status, topology_timestamp, \
         receipt FROM events WHERE {} ORDER BY time",
        session.dialect().among_ints("time", 1)
    );
    session.fetch(&select, &[Arg::Ints(times)]).await?.iter().map(read_event).collect()
}

fn read_event(row: &Row) -> Result<EventRecord, StoreFault> {
    const TABLE: &str = "events";
    Ok(EventRecord {
        time: time_of(TABLE, row.int(0)?)?,
        kind: kind_of(row.int(1)?)?,
        sender: row.opt_int(2)?.map(|index| member_of(TABLE, index)).transpose()?,
        message_id: MessageId::parse(row.free_text(3)?).map_err(|error| StoreFault::corrupt(TABLE, error))?,
        recipients: match row.opt_slice(4)? {
            None => EventRecipients::All,
            Some(packed) => EventRecipients::Members(unpack_members(packed)),
        },
        groups: unpack_groups(row.opt_slice(5)?)?,
        batch: row.opt_bytes(6)?,
        status: row.opt_bytes(7)?,
        topology_timestamp: opt_time_of(TABLE, row.opt_int(8)?)?,
        receipt: row.opt_slice(9)?.map(unpack_receipt).transpose()?,
    })
}
