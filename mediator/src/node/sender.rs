//! Sends verdicts until they are sequenced or too late (chapter 04 §4.6, §5.3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use synod_client::{ClientError, Retry, SignedSubmission};
use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_types::{CantonTimestamp, MessageId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::committer::log_refusal;
use super::head::HeadReceiver;
use super::link::SequencerLink;
use super::metrics::MediatorMetrics;
use super::processor::Receipt;
use super::ticker::tick_id;
use crate::store::SubmissionRow;

/// Calls at the same time.
const MAX_CALLS: usize = 64;
/// Pause after a failed call, twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// At most.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What was stored, and what was seen sequenced.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) rows: Vec<SubmissionRow>,
    pub(super) receipts: Vec<Receipt>,
}

/// What the sender needs.
pub(super) struct SenderParts {
    pub(super) link: Arc<dyn SequencerLink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: MediatorMetrics,
    pub(super) head: HeadReceiver,
}

/// The task that sends.
pub(super) struct Sender {
    parts: SenderParts,
    /// By the time of the next attempt.
    waiting: BTreeSet<(CantonTimestamp, MessageId)>,
    /// Everything that was not seen sequenced.
    unsent: BTreeMap<MessageId, Unsent>,
    calls: JoinSet<(MessageId, Result<(), ClientError>)>,
    /// After a restart: what was stored before, until this submission is seen. Then everything from before is seen too.
    held: Option<Held>,
}

#[derive(Debug)]
struct Unsent {
    row: SubmissionRow,
    submission: SignedSubmission,
    pause: Duration,
}

#[derive(Debug)]
struct Held {
    rows: BTreeMap<MessageId, SubmissionRow>,
    until: MessageId,
    ask_at: CantonTimestamp,
}

impl Sender {
    /// A sender that holds what was stored before the restart until it has seen whether it was sequenced.
    pub(super) fn new(parts: SenderParts, stored: Vec<SubmissionRow>) -> Self {
        let now = parts.clock.now();
        let held = (!stored.is_empty()).then(|| Held {
            rows: stored.into_iter().map(|row| (row.message_id.clone(), row)).collect(),
            until: tick_id("tick-restart-", now),
            ask_at: now,
        });
        let (waiting, unsent, calls) = (BTreeSet::new(), BTreeMap::new(), JoinSet::new());
        Self { parts, waiting, unsent, calls, held }
    }

    /// Until it is told to stop, or nothing can come any more.
    pub(super) async fn run(mut self, mut sending: mpsc::Receiver<Sending>, stop: CancellationToken) {
        loop {
            self.start_calls();
            let pause = self.pause();
            tokio::select! {
                () = stop.cancelled() => return,
                next = sending.recv() => match next {
                    Some(next) => self.take(next),
                    None => return,
                },
                Some(done) = self.calls.join_next() => match done {
                    Ok((message_id, result)) => self.called(&message_id, result),
                    Err(panicked) => tracing::error!(error = %Chain(&panicked), "a send was lost"),
                },
                () = tokio::time::sleep(pause) => self.ask_for_time().await,
            }
        }
    }

    fn take(&mut self, Sending { rows, receipts }: Sending) {
        for row in rows {
            self.add(row);
        }
        for receipt in &receipts {
            log_refusal(receipt);
            self.forget(&receipt.message_id);
            if let Some(held) = &mut self.held {
                held.rows.remove(&receipt.message_id);
                if receipt.message_id == held.until {
                    self.release();
                }
            }
        }
    }

    fn add(&mut self, row: SubmissionRow) {
        let version = self.parts.head.borrow().topology.psid().protocol_version();
        match SignedSubmission::parse(row.signed.clone(), version) {
            Ok(submission) => {
                self.waiting.insert((row.send_at, row.message_id.clone()));
                self.unsent.insert(row.message_id.clone(), Unsent { row, submission, pause: FIRST_PAUSE });
            }
            Err(error) => {
                tracing::error!(request = %row.request_id, error = %Chain(&error), "a stored verdict is broken")
            }
        }
    }

    fn forget(&mut self, message_id: &MessageId) {
        if self.unsent.remove(message_id).is_some() {
            self.waiting.retain(|(_, waiting)| waiting != message_id);
            self.parts.metrics.submissions.with_label_values(&["sequenced"]).inc();
        }
    }

    /// What was stored before the restart and is not sequenced is sent now.
    fn release(&mut self) {
        let Some(held) = self.held.take() else { return };
        let count = held.rows.len();
        held.rows.into_values().for_each(|row| self.add(row));
        if count > 0 {
            tracing::info!(count, "verdicts from before the restart are sent again");
        }
    }

    fn start_calls(&mut self) {
        let now = self.parts.clock.now();
        while self.calls.len() < MAX_CALLS {
            let Some((_, message_id)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned() else { return };
            self.waiting.pop_first();
            let Some(unsent) = self.unsent.get(&message_id) else { continue };
            if unsent.row.decision_time < now {
                tracing::warn!(request = %unsent.row.request_id, "a verdict was not sequenced in time");
                self.parts.metrics.submissions.with_label_values(&["too_late"]).inc();
                self.unsent.remove(&message_id);
                continue;
            }
            let submission = unsent.submission.clone();
            let link = Arc::clone(&self.parts.link);
            self.calls.spawn(async move { (message_id, link.send(submission).await) });
        }
    }

    fn called(&mut self, message_id: &MessageId, result: Result<(), ClientError>) {
        let Some(unsent) = self.unsent.get_mut(message_id) else { return };
        let request = unsent.row.request_id;
        match result {
            // Its receipt comes with the events.
            Ok(()) => {}
            Err(error) if error.retry() == Retry::Never => {
                tracing::error!(%request, error = %Chain(&error), "a verdict was refused");
                self.parts.metrics.submissions.with_label_values(&["refused"]).inc();
                self.unsent.remove(message_id);
            }
            Err(error) => {
                tracing::info!(%request, error = %Chain(&error), "a verdict could not be sent; trying again");
                self.waiting.insert((self.parts.clock.now().saturating_add(unsent.pause), message_id.clone()));
                unsent.pause = (unsent.pause * 2).min(MAX_PAUSE);
            }
        }
    }

    /// How long nothing is due.
    fn pause(&self) -> Duration {
        let next_send = self.waiting.first().filter(|_| self.calls.len() < MAX_CALLS).map(|(at, _)| *at);
        let next = next_send.into_iter().chain(self.held.as_ref().map(|held| held.ask_at)).min();
        let Some(next) = next else { return Duration::from_secs(3_600) };
        let micros = next.as_micros().saturating_sub(self.parts.clock.now().as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }

    /// Asks for an event behind everything from before the restart.
    async fn ask_for_time(&mut self) {
        let now = self.parts.clock.now();
        let Some(held) = self.held.as_mut().filter(|held| held.ask_at <= now) else { return };
        held.ask_at = now.saturating_add(MAX_PAUSE);
        let topology = self.parts.head.borrow().now();
        if let Err(error) = self.parts.link.ask_for_time(held.until.clone(), &topology).await {
            tracing::info!(error = %Chain(&error), "the time could not be asked for; trying again");
        }
    }
}
