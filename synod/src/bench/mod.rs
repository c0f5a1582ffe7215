//! `synod bench`: loads a sequencer with signed submissions of fresh members and counts what comes back.

mod load;
mod members;
mod report;
mod tally;

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_client::{ClientError, ConnectOptions, SequencerConnection};

pub(crate) use report::Report;

use self::members::BenchMember;
use self::tally::Tally;

/// How long to wait, after the last submission, for what was accepted.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
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

/// Runs the plan.
pub(crate) async fn run(plan: &Plan) -> Result<Report, ClientError> {
    let connection = SequencerConnection::open(&plan.url, &ConnectOptions::default()).await?;
    let members = members::onboard(&connection, &plan.url, plan.members.max(2)).await?;
    let tally = Arc::new(Tally::new(plan.in_flight));
    let readers = members::read_all(&members, &tally).await?;
    let started = Instant::now();
    load::submit(plan, &members, &tally, started).await;
    let submitting = started.elapsed();
    let drained = tally.wait_until_drained(DRAIN_LIMIT).await;
    let elapsed = if drained { tally.last_delivery().duration_since(started) } else { submitting };
    readers.into_iter().for_each(|reader| reader.abort());
    Ok(tally.report(elapsed.max(Duration::from_millis(1))))
}

/// The members as the load needs them.
type Members = Vec<Arc<BenchMember>>;
