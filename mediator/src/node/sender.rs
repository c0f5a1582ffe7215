//! Sends verdicts until they are sequenced or too late (chapter 04 §4.6, §5.3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use synod_client::{ClientError, Retry, SignedSubmission};
use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_types::{CantonTimestamp, MessageId};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
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
/// How long an answer is awaited. A verdict is delivered once, however often it is sent.
const CALL_LIMIT: Duration = Duration::from_secs(10);
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
    /// By the time at which something has to be done about them.
    waiting: BTreeSet<(CantonTimestamp, MessageId)>,
    /// Everything that was not seen sequenced.
    unsent: BTreeMap<MessageId, Unsent>,
    calls: JoinSet<(MessageId, Result<(), ClientError>)>,
    /// After a restart: what was stored before, until this submission is seen. Then everything from before is seen too.
    held: Option<Held>,
    /// The request for that submission.
    asking: JoinSet<()>,
}

#[derive(Debug)]
struct Unsent {
    row: SubmissionRow,
    submission: SignedSubmission,
    pause: Duration,
    /// When something has to be done about it; nothing while it is being sent.
    at: Option<CantonTimestamp>,
    /// The last call.
    call: Option<AbortHandle>,
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
        let (waiting, unsent) = (BTreeSet::new(), BTreeMap::new());
        Self { parts, waiting, unsent, calls: JoinSet::new(), held, asking: JoinSet::new() }
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
                    Err(error) if error.is_cancelled() => {}
                    Err(panicked) => tracing::error!(error = %Chain(&panicked), "a send was lost"),
                },
                () = tokio::time::sleep(pause) => self.ask_for_time(),
            }
        }
    }

    fn take(&mut self, Sending { rows, receipts }: Sending) {
        for row in rows {
            self.add(row);
        }
        for receipt in &receipts {
            log_refusal(receipt);
            self.forget(&receipt.message_id, "sequenced");
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
                let (message_id, at) = (row.message_id.clone(), row.send_at);
                let unsent = Unsent { row, submission, pause: FIRST_PAUSE, at: None, call: None };
                self.unsent.insert(message_id.clone(), unsent);
                self.wait(&message_id, at);
            }
            Err(error) => {
                tracing::error!(request = %row.request_id, error = %Chain(&error), "a stored verdict is broken")
            }
        }
    }

    /// Something has to be done about a submission at this time.
    fn wait(&mut self, message_id: &MessageId, at: CantonTimestamp) {
        let Some(unsent) = self.unsent.get_mut(message_id) else { return };
        if let Some(before) = unsent.at.replace(at) {
            self.waiting.remove(&(before, message_id.clone()));
        }
        self.waiting.insert((at, message_id.clone()));
    }

    fn forget(&mut self, message_id: &MessageId, outcome: &str) {
        let Some(unsent) = self.unsent.remove(message_id) else { return };
        if let Some(at) = unsent.at {
            self.waiting.remove(&(at, message_id.clone()));
        }
        if let Some(call) = unsent.call {
            call.abort();
        }
        self.parts.metrics.submissions.with_label_values(&[outcome]).inc();
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
            let Some(unsent) = self.unsent.get_mut(&message_id) else { continue };
            unsent.at = None;
            let (request, end) = (unsent.row.request_id, unsent.row.decision_time);
            if end < now {
                tracing::warn!(%request, "a verdict was not sequenced in time");
                self.forget(&message_id, "too_late");
                continue;
            }
            let submission = unsent.submission.clone();
            let link = Arc::clone(&self.parts.link);
            unsent.call = Some(self.calls.spawn(async move {
                let late = Err(ClientError::Timeout { what: "the answer to a verdict", limit: CALL_LIMIT });
                let sent = tokio::time::timeout(CALL_LIMIT, link.send(submission)).await;
                (message_id, sent.unwrap_or(late))
            }));
        }
    }

    fn called(&mut self, message_id: &MessageId, result: Result<(), ClientError>) {
        let Some(unsent) = self.unsent.get_mut(message_id) else { return };
        let request = unsent.row.request_id;
        match result {
            // Its receipt comes with the events, or never: then it is given up when it is too late.
            Ok(()) => {
                let end = unsent.row.decision_time.immediate_successor();
                self.wait(message_id, end);
            }
            Err(error) if error.retry() == Retry::Never => {
                tracing::error!(%request, error = %Chain(&error), "a verdict was refused");
                self.forget(message_id, "refused");
            }
            Err(error) => {
                tracing::info!(%request, error = %Chain(&error), "a verdict could not be sent; trying again");
                let at = self.parts.clock.now().saturating_add(unsent.pause);
                unsent.pause = (unsent.pause * 2).min(MAX_PAUSE);
                self.wait(message_id, at);
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

    /// Asks for an event behind everything from before the restart. Nothing waits for the answer.
    fn ask_for_time(&mut self) {
        let now = self.parts.clock.now();
        let Some(held) = self.held.as_mut().filter(|held| held.ask_at <= now) else { return };
        held.ask_at = now.saturating_add(MAX_PAUSE);
        let (link, topology) = (Arc::clone(&self.parts.link), self.parts.head.borrow().now());
        let message_id = held.until.clone();
        self.asking = JoinSet::new();
        self.asking.spawn(async move {
            if let Err(error) = link.ask_for_time(message_id, &topology).await {
                tracing::info!(error = %Chain(&error), "the time could not be asked for; trying again");
            }
        });
    }
}
