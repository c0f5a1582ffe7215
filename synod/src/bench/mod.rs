//! `synod bench`: makes load of signed submissions and counts what comes back.
//!
//! The load goes to a sequencer, or, for comparison, in plain batches into a table of a database: the same submissions, made
//! and signed by the same code in the same window.

mod confirm;
mod load;
mod members;
mod plain;
mod report;
mod tally;

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_store::{StoreError, StoreFault};
use thiserror::Error;

pub(crate) use confirm::{ConfirmPlan, ConfirmReport};
pub(crate) use report::Report;

use self::members::BenchMember;
use self::plain::PlainTable;
use self::tally::Tally;

/// How long to wait, after the last submission, for what was accepted.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// The load could not be made.
#[derive(Debug, Error)]
pub(crate) enum BenchError {
    #[error("the sequencer")]
    Sequencer(#[from] ClientError),
    #[error("the database")]
    Database(#[from] StoreError),
    #[error("the database failed")]
    DatabaseFault(#[from] StoreFault),
    #[error("the synchronizer has no mediators")]
    NoMediators,
}

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// `http(s)://…` of a sequencer, or `postgres://…` or `sqlite://…` of a database without one.
    pub(crate) url: String,
    pub(crate) payload: Payload,
    pub(crate) members: usize,
    pub(crate) duration: Duration,
    /// Submissions per second over all members; as many as the window allows when absent.
    pub(crate) rate: Option<u32>,
    /// Most submissions that wait for their event, over all members.
    pub(crate) in_flight: usize,
}

/// How large the contents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Payload {
    /// 256 bytes
    #[value(name = "256")]
    Small,
    /// 3,000 bytes, as a typical confirmation request has
    #[value(name = "3k")]
    Typical,
    /// Nine small ones for each one of 30,000 bytes
    Mix,
}

impl Payload {
    /// Size of the content with this number, in bytes.
    fn bytes(self, number: u64) -> usize {
        match self {
            Self::Small => 256,
            Self::Typical => 3_000,
            Self::Mix if number % 10 == 9 => 30_000,
            Self::Mix => 256,
        }
    }
}

/// Runs a plan of requests that are confirmed.
pub(crate) async fn run_confirm(plan: &ConfirmPlan) -> Result<ConfirmReport, BenchError> {
    confirm::run(plan).await
}

/// Runs the plan.
pub(crate) async fn run(plan: &Plan) -> Result<Report, BenchError> {
    let tally = Arc::new(Tally::new(plan.in_flight));
    if plan.url.starts_with("http") {
        let connection = SequencerConnection::open(&plan.url, &ConnectOptions::default()).await?;
        let members = members::onboard(&connection, &plan.url, plan.members.max(2)).await?;
        let readers = members::read_all(&members, &tally).await?;
        let report = measure(plan, &members, &tally).await;
        readers.into_iter().for_each(|reader| reader.abort());
        return Ok(report);
    }
    let (table, writer) = PlainTable::open(&plan.url, &tally).await?;
    let members = members::of_table(&table, plan.members.max(2))?;
    let report = measure(plan, &members, &tally).await;
    drop((table, members));
    writer.close().await?;
    Ok(report)
}

async fn measure(plan: &Plan, members: &Members, tally: &Arc<Tally>) -> Report {
    let started = Instant::now();
    load::submit(plan, members, tally, started).await;
    let submitting = started.elapsed();
    let drained = tally.wait_until_drained(DRAIN_LIMIT).await;
    let elapsed = if drained { tally.last_delivery().duration_since(started) } else { submitting };
    tally.report(elapsed.max(Duration::from_millis(1)))
}

/// The members as the load needs them.
type Members = Vec<Arc<BenchMember>>;
