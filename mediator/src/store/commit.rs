//! Writing what a group of events changed, in one transaction.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use synod_store::database::{Arg, Session, TopologyBatch};
use synod_store::{Lease, StoreFault};
use synod_topology::TopologyChanges;
use synod_types::{CantonTimestamp, MessageId};

use super::configuration::not_initialized;
use super::tables::{PROGRESS, SUBMISSIONS, insert_deduplication, insert_finalized, insert_submissions};
use super::{DeduplicationRow, FinalizedRow, MediatorStore, SubmissionRow};

/// Event time between two removals of rows that are over, as in Canton's `DbMediatorDeduplicationStore`.
const CLEANING_INTERVAL_MICROS: i64 = 10_000_000;
/// UUIDs that one commit removes at most; when there are more, the next one goes on.
const UUIDS_PER_CLEANING: i64 = 4_000;

/// Everything that some consecutive events changed.
#[derive(Debug, Clone)]
pub struct MediatorCommit {
    /// What they changed about the topology, together and in order ([`TopologyChanges::append`]). Events at or before the
    /// stored head have changed it already: after a restart theirs must not come again.
    pub topology: TopologyChanges,
    /// UUIDs of requests that came.
    pub deduplication: Vec<DeduplicationRow>,
    /// Requests that were decided.
    pub finalized: Vec<FinalizedRow>,
    /// Verdicts to be sent: of the requests in `finalized`, and of requests among these events that are rejected without
    /// being stored (duplicates, envelopes that cannot be opened).
    pub submissions: Vec<SubmissionRow>,
    /// Message ids of own submissions among these events: they need not be sent any more.
    pub receipts: Vec<MessageId>,
    /// Time of the last of the events.
    pub head: CantonTimestamp,
    /// The last event such that no request up to it is open, if there is one. At most `head`.
    pub prehead: Option<CantonTimestamp>,
}

impl MediatorCommit {
    /// Events up to `head` that changed nothing.
    #[must_use]
    pub fn new(head: CantonTimestamp, prehead: Option<CantonTimestamp>) -> Self {
        Self {
            topology: TopologyChanges::default(),
            deduplication: Vec::new(),
            finalized: Vec::new(),
            submissions: Vec::new(),
            receipts: Vec::new(),
            head,
            prehead,
        }
    }
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Ids of the requests that were not stored as finalized before.
    pub new_requests: BTreeSet<CantonTimestamp>,
    /// Message ids of the submissions that were not stored before, and are now: those that are to be sent.
    pub new_submissions: BTreeSet<MessageId>,
    /// From the call to its end.
    pub total: Duration,
    /// The part of it in which the database made the transaction durable.
    pub sync: Duration,
}

impl MediatorStore {
    /// Commits what a group of events changed, in one transaction. When this returns, it survives the loss of power.
    ///
    /// After a restart events come again. What they changed may be given again, except the topology: a request that is
    /// finalized already stays as it is, and no submission is stored for it; nor for a request that is rejected without
    /// being stored when its event was committed before. Head and prehead never go back. While the database cannot be reached
    /// this waits for it.
    ///
    /// # Errors
    /// [`StoreFault`]: [`StoreFault::LeaseLost`] and [`StoreFault::Order`] (the mediator is not initialized, `prehead` is
    /// after `head`) and [`StoreFault::Unreachable`] mean that nothing was written; after any other one it is not known.
    pub async fn commit(&self, lease: &Lease, commit: &MediatorCommit) -> Result<CommitReport, StoreFault> {
        let started = Instant::now();
        let attempt = || self.database.within_commit_timeout(self.commit_events(lease, commit));
        let mut report = self.database.while_unreachable(attempt).await?;
        report.total = started.elapsed();
        Ok(report)
    }

    async fn commit_events(&self, lease: &Lease, commit: &MediatorCommit) -> Result<CommitReport, StoreFault> {
        if commit.prehead.is_some_and(|prehead| prehead > commit.head) {
            return Err(StoreFault::Order("the mediator's prehead would be after its head"));
        }
        let mut topology = TopologyBatch::of_synchronizer();
        topology.add(&commit.topology)?;
        let deduplication = insert_deduplication(&commit.deduplication);
        let finalized = insert_finalized(&commit.finalized);
        let cleans = self.cleaning_is_due(commit.head);

        let mut transaction = self.database.begin_fenced(lease).await?;
        let mut session = transaction.session();
        topology.run(&mut session).await?;
        deduplication.run(&mut session).await?;
        let mut new_requests = BTreeSet::new();
        for row in finalized.fetch(&mut session).await? {
            new_requests.insert(row.time(super::tables::FINALIZED, 0)?);
        }
        let new_submissions = submit(&mut session, commit, &new_requests).await?;
        remove_receipts(&mut session, &commit.receipts).await?;
        let is_clean = cleans && clean(&mut session, commit).await?;
        advance(&mut session, commit).await?;
        let syncing = Instant::now();
        transaction.commit().await?;
        if is_clean {
            self.cleaned_at.store(commit.head.as_micros(), Ordering::Relaxed);
        }
        Ok(CommitReport { new_requests, new_submissions, total: Duration::ZERO, sync: syncing.elapsed() })
    }

    fn cleaning_is_due(&self, head: CantonTimestamp) -> bool {
        let cleaned_at = self.cleaned_at.load(Ordering::Relaxed);
        head.as_micros().saturating_sub(cleaned_at) >= CLEANING_INTERVAL_MICROS
    }
}

/// Stores the submissions of requests that are new. Returns the message ids of those that are new too.
async fn submit(
    session: &mut Session<'_>,
    commit: &MediatorCommit,
    new_requests: &BTreeSet<CantonTimestamp>,
) -> Result<BTreeSet<MessageId>, StoreFault> {
    if commit.submissions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let finalized: BTreeSet<CantonTimestamp> = commit.finalized.iter().map(|row| row.request_id).collect();
    let mut head = None;
    if commit.submissions.iter().any(|row| !finalized.contains(&row.request_id)) {
        head = read_progress(session).await?.0;
    }
    let is_new = |row: &&SubmissionRow| match finalized.contains(&row.request_id) {
        true => new_requests.contains(&row.request_id),
        false => head.is_none_or(|head| row.request_id > head),
    };
    let insert = insert_submissions(commit.submissions.iter().filter(is_new));
    let mut stored = BTreeSet::new();
    for row in insert.fetch(session).await? {
        stored.insert(read_message_id(row.free_text(0)?)?);
    }
    Ok(stored)
}

pub(super) fn read_message_id(text: &str) -> Result<MessageId, StoreFault> {
    MessageId::parse(text).map_err(|error| StoreFault::corrupt(SUBMISSIONS, error))
}

async fn remove_receipts(session: &mut Session<'_>, receipts: &[MessageId]) -> Result<(), StoreFault> {
    if receipts.is_empty() {
        return Ok(());
    }
    let ids: Vec<&[u8]> = receipts.iter().map(|id| id.as_str().as_bytes()).collect();
    let delete = format!("DELETE FROM {SUBMISSIONS} WHERE {}", session.dialect().among_bytes("message_id", 1));
    session.execute(&delete, &[Arg::ByteList(&ids)]).await.map(|_| ())
}

/// Removes submissions that came too late, and UUIDs that are free again. Whether that is all of them.
async fn clean(session: &mut Session<'_>, commit: &MediatorCommit) -> Result<bool, StoreFault> {
    let delete = "DELETE FROM mediator_submissions WHERE decision_time <= $1";
    session.execute(delete, &[Arg::Int(commit.head.as_micros())]).await?;
    let Some(prehead) = commit.prehead else { return Ok(true) };
    let delete = "DELETE FROM mediator_deduplication WHERE (request_time, uuid) IN \
                  (SELECT request_time, uuid FROM mediator_deduplication WHERE expire_after <= $1 \
                   ORDER BY expire_after LIMIT $2)";
    let rows = session.execute(delete, &[Arg::Int(prehead.as_micros()), Arg::Int(UUIDS_PER_CLEANING)]).await?;
    Ok(rows < UUIDS_PER_CLEANING.unsigned_abs())
}

/// Moves head and prehead, never back.
async fn advance(session: &mut Session<'_>, commit: &MediatorCommit) -> Result<(), StoreFault> {
    // A comparison with NULL is not true: then the other value, or nothing, stays.
    let update = "UPDATE mediator_progress SET \
                  head = CASE WHEN head IS NULL OR head < $1 THEN $1 ELSE head END, \
                  prehead = CASE WHEN prehead IS NULL OR prehead < $2 THEN $2 ELSE prehead END WHERE id = 1";
    let prehead = commit.prehead.map(CantonTimestamp::as_micros);
    let rows = session.execute(update, &[Arg::Int(commit.head.as_micros()), Arg::OptInt(prehead)]).await?;
    if rows == 1 { Ok(()) } else { Err(not_initialized()) }
}

/// Head and prehead.
pub(super) async fn read_progress(
    session: &mut Session<'_>,
) -> Result<(Option<CantonTimestamp>, Option<CantonTimestamp>), StoreFault> {
    let row = session.fetch_optional("SELECT head, prehead FROM mediator_progress", &[]).await?;
    let row = row.ok_or_else(not_initialized)?;
    Ok((row.opt_time(PROGRESS, 0)?, row.opt_time(PROGRESS, 1)?))
}
