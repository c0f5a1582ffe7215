//! Registered members: what the blocks say of them, and what this node alone decides.

use synod_machine::Registration;
use synod_types::{CantonTimestamp, Member, MemberIndex};

use crate::codec::{member_of, opt_time_of, time_of};
use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreFault};

/// A registered member as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who it is and since when.
    pub registration: Registration,
    /// False when this node was told to refuse it.
    pub enabled: bool,
    /// Newest time it acknowledged.
    pub acknowledged: Option<CantonTimestamp>,
    /// Its newest event among those that were pruned.
    pub pruned_previous: Option<CantonTimestamp>,
}

impl Store {
    /// All members, by index.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn members(&self) -> Result<Vec<MemberRow>, StoreFault> {
        let select = "SELECT m.member_index, m.member, m.registered_from, m.enabled, a.time, m.pruned_previous \
                      FROM members m LEFT JOIN acknowledgements a ON a.member_index = m.member_index \
                      ORDER BY m.member_index";
        let mut connection = self.reader().await?;
        let rows = connection.session().fetch(select, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(MemberRow {
                    registration: registration(row)?,
                    enabled: row.int(3)? != 0,
                    acknowledged: opt_time_of("acknowledgements", row.opt_int(4)?)?,
                    pruned_previous: opt_time_of("members", row.opt_int(5)?)?,
                })
            })
            .collect()
    }

    /// Makes this node refuse a member, or accept it again (ch. 03 §7.2). Other nodes do not learn of it.
    /// False when there is no such member.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn set_member_enabled(&self, member: MemberIndex, enabled: bool) -> Result<bool, StoreFault> {
        let update = "UPDATE members SET enabled = $2 WHERE member_index = $1";
        let rows = self.write(update, &[Arg::Int(i64::from(member.0)), Arg::Int(i64::from(enabled))]).await?;
        Ok(rows > 0)
    }

    /// The members that this node refuses, by index.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn disabled_members(&self) -> Result<Vec<MemberIndex>, StoreFault> {
        let select = "SELECT member_index FROM members WHERE enabled = 0 ORDER BY member_index";
        let mut connection = self.reader().await?;
        let rows = connection.session().fetch(select, &[]).await?;
        rows.iter().map(|row| member_of("members", row.int(0)?)).collect()
    }

    /// Newest acknowledged time of each member that acknowledged, by index.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn acknowledgements(&self) -> Result<Vec<(MemberIndex, CantonTimestamp)>, StoreFault> {
        let mut connection = self.reader().await?;
        read_acknowledgements(&mut connection.session()).await
    }
}

pub(crate) async fn read_registrations(session: &mut Session<'_>) -> Result<Vec<Registration>, StoreFault> {
    let select = "SELECT member_index, member, registered_from FROM members ORDER BY member_index";
    session.fetch(select, &[]).await?.iter().map(registration).collect()
}

pub(crate) async fn read_acknowledgements(
    session: &mut Session<'_>,
) -> Result<Vec<(MemberIndex, CantonTimestamp)>, StoreFault> {
    const TABLE: &str = "acknowledgements";
    let select = "SELECT member_index, time FROM acknowledgements ORDER BY member_index";
    let rows = session.fetch(select, &[]).await?;
    rows.iter().map(|row| Ok((member_of(TABLE, row.int(0)?)?, time_of(TABLE, row.int(1)?)?))).collect()
}

fn registration(row: &Row) -> Result<Registration, StoreFault> {
    const TABLE: &str = "members";
    Ok(Registration {
        index: member_of(TABLE, row.int(0)?)?,
        member: Member::parse(row.text(1)?).map_err(|error| StoreFault::corrupt(TABLE, error))?,
        registered_from: time_of(TABLE, row.int(2)?)?,
    })
}
