//! The lease: who may write what only one process may write, such as blocks. It is held by time of the database and fenced by an epoch.

use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreFault};

/// Proof that this process was made the writer. Whether it still is, each commit finds out in its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    holder: String,
    epoch: i64,
    duration_ms: u32,
}

impl Lease {
    /// Who holds it.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Grows by one with every acquisition.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// How long it lasts after it was acquired, renewed, or used for a commit, in milliseconds.
    #[must_use]
    pub const fn duration_ms(&self) -> u32 {
        self.duration_ms
    }

    pub(crate) fn lost(&self) -> StoreFault {
        StoreFault::LeaseLost { holder: self.holder.clone(), epoch: self.epoch }
    }

    /// Extends the lease if it still holds: then nobody takes over before the transaction ends.
    pub(crate) async fn extend(&self, session: &mut Session<'_>) -> Result<bool, StoreFault> {
        let now = session.dialect().now_micros();
        let extend = format!("UPDATE head SET lease_expires_at = {now} + $2 WHERE id = 1 AND lease_epoch = $1");
        Ok(session.execute(&extend, &[Arg::Int(self.epoch), Arg::Int(self.duration_micros())]).await? == 1)
    }

    pub(crate) const fn duration_micros(&self) -> i64 {
        self.duration_ms as i64 * 1_000
    }
}

/// Answer to an attempt to become the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// This process is the writer now. Whoever was it before cannot commit any more, and what it committed
    /// before is visible to reads from now on.
    Lease(Lease),
    /// Somebody else is.
    Held {
        /// Who.
        by: String,
        /// When its lease ends unless renewed, in milliseconds from now.
        expires_in_ms: u64,
    },
}

impl Store {
    /// Tries to become the writer for `duration_ms`. Succeeds when nobody is, when the last one's lease is over,
    /// or when it was acquired by the same `holder` (a process that was restarted; so the name must be one of
    /// this process's place, not shared with another).
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or has become unsafe.
    pub async fn acquire_lease(&self, holder: &str, duration_ms: u32) -> Result<Acquired, StoreFault> {
        self.check_durability().await?;
        let now = self.dialect().now_micros();
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        let take = format!(
            "UPDATE head SET lease_holder = $1, lease_epoch = lease_epoch + 1, lease_expires_at = {now} + $2 \
             WHERE id = 1 AND (lease_holder = $1 OR lease_expires_at <= {now}) RETURNING lease_epoch"
        );
        let duration_micros = i64::from(duration_ms) * 1_000;
        let taken = session.fetch_optional(&take, &[Arg::Text(holder), Arg::Int(duration_micros)]).await?;
        let answer = match taken {
            Some(row) => Acquired::Lease(Lease { holder: holder.to_owned(), epoch: row.int(0)?, duration_ms }),
            None => {
                let read = format!("SELECT lease_holder, lease_expires_at - {now} FROM head WHERE id = 1");
                held(&session.fetch_one(&read, &[]).await?)?
            }
        };
        transaction.commit().await?;
        Ok(answer)
    }

    /// Extends the lease. A commit does that too, so this is for times without blocks.
    ///
    /// # Errors
    /// [`StoreFault::LeaseLost`] when somebody else took over; other faults when the database fails.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<(), StoreFault> {
        let mut transaction = self.begin_write().await?;
        if !lease.extend(&mut transaction.session()).await? {
            return Err(lease.lost());
        }
        transaction.commit().await
    }

    /// Gives the lease back, so that another process need not wait for its end. A no-op when it was lost.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), StoreFault> {
        let release = "UPDATE head SET lease_expires_at = 0, lease_epoch = lease_epoch + 1 \
                       WHERE id = 1 AND lease_epoch = $1";
        self.write(release, &[Arg::Int(lease.epoch)]).await?;
        Ok(())
    }
}

fn held(row: &Row) -> Result<Acquired, StoreFault> {
    let left_ms = row.int(1)?.max(0) / 1_000;
    Ok(Acquired::Held { by: row.text(0)?.to_owned(), expires_in_ms: u64::try_from(left_ms).unwrap_or_default() })
}
