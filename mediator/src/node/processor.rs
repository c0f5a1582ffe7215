//! Events in, outcomes out: the rules, driven.

use synod_client::ReceivedEvent;
use synod_topology::{TopologyChanges, TopologyState};
use synod_types::{CantonTimestamp, MessageId};
use synod_wire::SequencedEventContent;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::MediatorFault;
use super::link::MediatorEvents;
use super::progress::Progress;
use crate::rules::{MediatorRules, Outcome};

/// Event time between two times that old topology is forgotten.
const FORGET_INTERVAL_MICROS: i64 = 60_000_000;

/// One event and what follows from it.
#[derive(Debug)]
pub(super) struct Processed {
    pub(super) time: CantonTimestamp,
    pub(super) outcome: Outcome,
    pub(super) changes: TopologyChanges,
    /// The topology with it.
    pub(super) topology: TopologyState,
    /// Of an own submission: its id, and Canton's status when it was refused.
    pub(super) receipt: Option<Receipt>,
    /// No request up to here is open.
    pub(super) clean: Option<CantonTimestamp>,
    pub(super) pending: usize,
}

/// That an own submission was sequenced.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    pub(super) message_id: MessageId,
    /// The status (`google.rpc.Status`) when it was rejected.
    pub(super) refused: Option<bytes::Bytes>,
}

/// What has been observed of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observed {
    /// When the last event came, by the clock of this machine.
    pub(super) at: Option<Instant>,
    /// The time after which an event has to come.
    pub(super) deadline: Option<CantonTimestamp>,
}

/// The task that follows the events.
pub(super) struct Processor {
    pub(super) rules: MediatorRules,
    pub(super) events: Box<dyn MediatorEvents>,
    pub(super) progress: Progress,
    /// The event that was finished last comes again first.
    pub(super) finished: Option<CantonTimestamp>,
    pub(super) outcomes: mpsc::Sender<Processed>,
    pub(super) observed: watch::Sender<Observed>,
}

impl Processor {
    /// Until it is told to stop, or the committer has ended.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), MediatorFault> {
        let mut forgotten = i64::MIN;
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                received = self.events.next() => received.map_err(MediatorFault::Events)?,
            };
            if self.finished.is_some_and(|finished| received.event.timestamp <= finished) {
                continue;
            }
            let processed = self.handle(received)?;
            let clean = processed.clean;
            let at = Some(Instant::now());
            self.observed.send_replace(Observed { at, deadline: self.rules.next_deadline() });
            if self.outcomes.send(processed).await.is_err() {
                return Ok(());
            }
            if let Some(clean) =
                clean.filter(|clean| clean.as_micros() >= forgotten.saturating_add(FORGET_INTERVAL_MICROS))
            {
                self.events.forget_before(clean);
                forgotten = clean.as_micros();
            }
        }
    }

    fn handle(&mut self, received: ReceivedEvent) -> Result<Processed, MediatorFault> {
        let ReceivedEvent { event, topology: changes, .. } = received;
        let topology = self.events.topology().ok_or(MediatorFault::NoTopology)?.state().clone();
        let outcome = self.rules.handle(&event, &topology);
        let clean = self.progress.handled(event.timestamp, self.rules.oldest_pending());
        let refused = match &event.content {
            SequencedEventContent::Deliver { .. } => None,
            SequencedEventContent::Error { status } => Some(status.clone()),
        };
        let receipt = event.message_id.map(|message_id| Receipt { message_id, refused });
        let (time, pending) = (event.timestamp, self.rules.pending_count());
        Ok(Processed { time, outcome, changes, topology, receipt, clean, pending })
    }
}
