//! `synod bench --confirm`: transactions that participants confirm, and the verdicts about them.
//!
//! Each request has its informees among the members; the first of them submits it and waits for the verdict, all of them
//! answer. In place of the mediators a member may decide, which only counts answers: what the sequencer alone takes.

mod answers;
mod participants;
mod report;
mod requests;
mod stand_in;
mod tally;

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_types::{MediatorGroupIndex, Recipient};

pub(crate) use report::ConfirmReport;

use self::participants::{Participant, Shared};
use self::stand_in::StandIn;
use self::tally::Tally;
use super::{BenchError, Plan};
use crate::transactions::Place;

/// How long to wait, after the last request, for verdicts: longer than a mediator waits for answers (30 seconds, unless the
/// synchronizer says otherwise), so that one whose answer was lost is seen rejected.
const DRAIN_LIMIT: Duration = Duration::from_secs(75);

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct ConfirmPlan {
    /// How the load is. Its rate is that of requests; in flight are requests and answers together.
    pub(crate) load: Plan,
    /// Participants that each request informs, and that answer it.
    pub(crate) informees: usize,
    /// Most requests; as many as the time allows when absent.
    pub(crate) requests: Option<u64>,
    /// Requests that nobody answers, after the others.
    pub(crate) unanswered: u64,
    /// Whether a member decides in place of the mediators.
    pub(crate) stand_in: bool,
}

impl ConfirmPlan {
    /// Most requests that wait for their verdict.
    fn window(&self) -> usize {
        (self.load.in_flight / (self.informees + 1)).max(1)
    }
}

/// Runs the plan.
pub(crate) async fn run(plan: &ConfirmPlan) -> Result<ConfirmReport, BenchError> {
    let url = &plan.load.url;
    let connection = SequencerConnection::open(url, &ConnectOptions::default()).await?;
    let count = plan.load.members.max(plan.informees).max(1);
    let mut participants = Vec::with_capacity(count);
    for index in 0..count {
        participants.push(Participant::register(&connection, url, index).await?);
    }
    let stand_in = match plan.stand_in {
        true => Some(StandIn::register(&connection, url).await?),
        false => None,
    };
    let place = place(&participants, stand_in.as_ref()).await?;
    let tally = Arc::new(Tally::new(plan.window()));
    let shared = Arc::new(Shared::new(plan.clone(), place, participants, tally));
    let mut readers = answers::read_all(&shared).await?;
    if let Some(stand_in) = stand_in {
        readers.push(stand_in.start(&shared).await?);
    }
    let report = measure(&shared).await;
    readers.into_iter().for_each(|reader| reader.abort());
    Ok(report)
}

async fn place(participants: &[Participant], stand_in: Option<&StandIn>) -> Result<Place, BenchError> {
    let first = participants.first().ok_or(BenchError::NoMediators)?;
    match stand_in {
        Some(stand_in) => Ok(Place {
            psid: first.session.connection().psid().clone(),
            group: MediatorGroupIndex::new(0).map_err(wrong)?,
            deciders: Recipient::Member(stand_in.member().clone()),
        }),
        None => Place::find(&first.session).await?.ok_or(BenchError::NoMediators),
    }
}

async fn measure(shared: &Arc<Shared>) -> ConfirmReport {
    let started = Instant::now();
    requests::submit(shared, started).await;
    let submitting = started.elapsed();
    // Answered ones are decided before those that nobody answers are a burden.
    let drained = shared.tally.wait_until_drained(DRAIN_LIMIT).await;
    let elapsed = if drained { shared.tally.last_verdict().duration_since(started) } else { submitting };
    if shared.plan.unanswered > 0 && drained {
        requests::submit_unanswered(shared).await;
        shared.tally.wait_until_drained(DRAIN_LIMIT).await;
    }
    shared.tally.report(elapsed.max(Duration::from_millis(1)))
}

fn wrong(error: impl ToString) -> ClientError {
    ClientError::Answer { call: "the load", reason: error.to_string() }
}
