//! The state after the last commit, for a restart (chapter 04 §5.3).

use synod_store::database::{Arg, Row, Session};
use synod_store::{Lease, StoreFault};
use synod_topology::TopologyRow;
use synod_types::CantonTimestamp;

use super::commit::{read_message_id, read_progress};
use super::configuration::read_configuration;
use super::tables::{DEDUPLICATION, SUBMISSIONS};
use super::{DeduplicationRow, MediatorConfiguration, MediatorStore, SubmissionRow};
use crate::messages::RequestUuid;

/// From what a mediator goes on after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediatorState {
    /// The configuration.
    pub configuration: MediatorConfiguration,
    /// Time of the last event that was committed: the topology has observed it.
    pub head: Option<CantonTimestamp>,
    /// Time of the last event such that no request up to it is open: events after it are processed again.
    pub prehead: Option<CantonTimestamp>,
    /// The UUIDs that are taken after `prehead`, in the order in which their requests came.
    pub deduplication: Vec<DeduplicationRow>,
    /// Submissions that were not seen sequenced up to `head` and are not too late then, by the time when they are to be
    /// sent.
    pub submissions: Vec<SubmissionRow>,
    /// Rows of the topology for `TopologyState::load`, in order.
    pub topology: Vec<TopologyRow>,
}

impl MediatorStore {
    /// The state after the last commit; `None` while the mediator is not initialized. Forgets the UUIDs of requests after
    /// `prehead`, because they come again.
    ///
    /// # Errors
    /// [`StoreFault`] when the lease is lost, the database fails, or it holds what cannot be a state.
    pub async fn load(&self, lease: &Lease) -> Result<Option<MediatorState>, StoreFault> {
        let mut transaction = self.database.begin_fenced(lease).await?;
        let mut session = transaction.session();
        let Some(configuration) = read_configuration(&mut session).await? else { return Ok(None) };
        let (head, prehead) = read_progress(&mut session).await?;
        let state = MediatorState {
            configuration,
            head,
            prehead,
            deduplication: read_deduplication(&mut session, prehead).await?,
            submissions: read_submissions(&mut session, head).await?,
            topology: session.topology_state_rows().await?,
        };
        transaction.commit().await?;
        Ok(Some(state))
    }

    /// Head and prehead after the last commit, as in [`MediatorState`]; both `None` while the mediator is not initialized.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn progress(&self) -> Result<(Option<CantonTimestamp>, Option<CantonTimestamp>), StoreFault> {
        let mut connection = self.database.reader().await?;
        let mut session = connection.session();
        if read_configuration(&mut session).await?.is_none() {
            return Ok((None, None));
        }
        read_progress(&mut session).await
    }
}

async fn read_deduplication(
    session: &mut Session<'_>,
    prehead: Option<CantonTimestamp>,
) -> Result<Vec<DeduplicationRow>, StoreFault> {
    let Some(prehead) = prehead else {
        session.execute("DELETE FROM mediator_deduplication", &[]).await?;
        return Ok(Vec::new());
    };
    let prehead = [Arg::Int(prehead.as_micros())];
    session.execute("DELETE FROM mediator_deduplication WHERE request_time > $1", &prehead).await?;
    let select = "SELECT uuid, request_time, expire_after FROM mediator_deduplication \
                  WHERE expire_after > $1 ORDER BY request_time, uuid";
    session.fetch(select, &prehead).await?.iter().map(read_uuid).collect()
}

fn read_uuid(row: &Row) -> Result<DeduplicationRow, StoreFault> {
    let uuid = RequestUuid::parse(row.text(0)?);
    Ok(DeduplicationRow {
        uuid: uuid.map_err(|error| StoreFault::corrupt(DEDUPLICATION, error))?,
        request_time: row.time(DEDUPLICATION, 1)?,
        expire_after: row.time(DEDUPLICATION, 2)?,
    })
}

async fn read_submissions(
    session: &mut Session<'_>,
    head: Option<CantonTimestamp>,
) -> Result<Vec<SubmissionRow>, StoreFault> {
    let select = "SELECT message_id, request_id, signed, send_at, decision_time FROM mediator_submissions \
                  WHERE decision_time > $1 ORDER BY send_at, request_id, message_id";
    let head = head.unwrap_or(CantonTimestamp::MIN);
    session.fetch(select, &[Arg::Int(head.as_micros())]).await?.iter().map(read_submission).collect()
}

fn read_submission(row: &Row) -> Result<SubmissionRow, StoreFault> {
    Ok(SubmissionRow {
        message_id: read_message_id(row.free_text(0)?)?,
        request_id: row.time(SUBMISSIONS, 1)?,
        signed: row.bytes(2)?,
        send_at: row.time(SUBMISSIONS, 3)?,
        decision_time: row.time(SUBMISSIONS, 4)?,
    })
}
