//! A running mediator: events from the sequencers in, verdicts out (chapter 04 §3.1, §5).
//!
//! ```text
//! events ─▶ processor (rules) ─▶ committer (one transaction) ─▶ sender ─▶ sequencers
//!                 │                      └─▶ head: verdict stream, status, acknowledgements
//!                 └─▶ ticker: asks for the time when a deadline passes in silence
//! ```
//!
//! A verdict is stored together with the bytes that are sent. After a restart everything after the clean time is read again,
//! and what was stored but not seen sequenced is sent again.

mod acknowledger;
mod committer;
mod fault;
mod head;
mod link;
mod metrics;
mod pool_link;
mod processor;
mod progress;
mod sender;
mod settings;
mod signer;
mod ticker;

use std::sync::Arc;

use synod_client::MemberSigner;
use synod_ordering::Clock;
use synod_store::Lease;
use synod_topology::TopologyState;
use synod_types::{CantonTimestamp, MediatorId, PhysicalSynchronizerId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use fault::MediatorFault;
pub use head::{HeadReceiver, MediatorHead};
pub use link::{MediatorEvents, SequencerLink};
pub use metrics::MediatorMetrics;
pub use settings::MediatorSettings;

use self::committer::Committer;
use self::processor::{Observed, Processor};
use self::progress::Progress;
use self::sender::{Sender, SenderParts};
use self::ticker::Ticker;
use crate::rules::{DeduplicationEntry, MediatorRules};
use crate::store::{DeduplicationRow, MediatorStore, SubmissionRow};

/// Events that are handled before the ones before them are stored.
const MAX_UNSTORED_EVENTS: usize = 1_024;
/// Groups of submissions that wait for the sender.
const MAX_WAITING_GROUPS: usize = 64;

/// From what a mediator goes on.
#[derive(Debug)]
pub struct Resume {
    /// The topology after the last stored event.
    pub topology: TopologyState,
    /// The last stored event.
    pub head: Option<CantonTimestamp>,
    /// The event that the subscription begins with: everything up to it is finished.
    pub clean: Option<CantonTimestamp>,
    /// Ids that are used.
    pub deduplication: Vec<DeduplicationRow>,
    /// Verdicts that were not seen sequenced.
    pub submissions: Vec<SubmissionRow>,
}

/// What a mediator consists of.
#[derive(Debug)]
pub struct MediatorParts {
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// The mediator.
    pub mediator: MediatorId,
    /// Where it keeps its state.
    pub store: MediatorStore,
    /// Proof that it may write.
    pub lease: Lease,
    /// From what it goes on.
    pub resume: Resume,
    /// Its events, from [`Resume::clean`] on.
    pub events: Box<dyn MediatorEvents>,
    /// Calls to the sequencers.
    pub link: Arc<dyn SequencerLink>,
    /// It, with its keys.
    pub signer: MemberSigner,
    /// Time of this machine: when to send, and when to ask for the time. No verdict depends on it.
    pub clock: Arc<dyn Clock>,
    /// How it behaves in time.
    pub settings: MediatorSettings,
    /// What is counted.
    pub metrics: MediatorMetrics,
}

/// A mediator that can be run.
pub struct Mediator {
    processor: Processor,
    committer: Committer,
    outcomes: mpsc::Receiver<processor::Processed>,
    sender: Sender,
    sending: mpsc::Receiver<sender::Sending>,
    ticker: Ticker,
    link: Arc<dyn SequencerLink>,
    head: HeadReceiver,
    settings: MediatorSettings,
}

impl std::fmt::Debug for Mediator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mediator").field("head", &self.head.borrow()).finish_non_exhaustive()
    }
}

impl Mediator {
    /// Puts a mediator together; it does nothing before it is run.
    #[must_use]
    pub fn new(parts: MediatorParts) -> Self {
        let MediatorParts { psid, mediator, store, lease, resume, events, link, signer, clock, settings, metrics } =
            parts;
        let mut rules = MediatorRules::new(psid, mediator, settings.sending);
        rules.restore_deduplication(resume.deduplication.into_iter().map(|row| DeduplicationEntry {
            uuid: row.uuid,
            request_time: row.request_time,
            expire_after: row.expire_after,
        }));
        let (outcomes_in, outcomes) = mpsc::channel(MAX_UNSTORED_EVENTS);
        let (sending_in, sending) = mpsc::channel(MAX_WAITING_GROUPS);
        let (observed_in, observed) = watch::channel(Observed { at: None, deadline: None });
        let now = MediatorHead { topology: resume.topology, processed: resume.head, clean: resume.clean, pending: 0 };
        let (head_in, head) = watch::channel(now);
        Self {
            processor: Processor {
                rules,
                events,
                progress: Progress::new(resume.clean),
                finished: resume.clean,
                outcomes: outcomes_in,
                observed: observed_in,
            },
            committer: Committer {
                store,
                lease,
                signer,
                clock: Arc::clone(&clock),
                settings,
                clean: watch::Sender::new(resume.clean),
                head: head_in,
                sending: sending_in,
                metrics: metrics.clone(),
            },
            outcomes,
            sender: Sender::new(
                SenderParts { link: Arc::clone(&link), clock: Arc::clone(&clock), metrics, head: head.clone() },
                resume.submissions,
            ),
            sending,
            ticker: Ticker { link: Arc::clone(&link), clock, settings, observed, head: head.clone() },
            link,
            head,
            settings,
        }
    }

    /// Follows the last event such that every request up to it is decided and stored. Ends with the mediator.
    #[must_use]
    pub fn clean(&self) -> watch::Receiver<Option<CantonTimestamp>> {
        self.committer.clean.subscribe()
    }

    /// Follows what the mediator has stored.
    #[must_use]
    pub fn head(&self) -> HeadReceiver {
        self.head.clone()
    }

    /// Runs until it is told to stop. What was handled by then is stored; what was not sent is sent after the next start.
    ///
    /// # Errors
    /// [`MediatorFault`]: the process has to end.
    pub async fn run(self, stop: CancellationToken) -> Result<(), MediatorFault> {
        let mut aside = JoinSet::new();
        aside.spawn(self.ticker.run());
        aside.spawn(self.sender.run(self.sending, stop.clone()));
        aside.spawn(acknowledger::acknowledge(self.link, self.head, self.settings));
        let mut parts = JoinSet::new();
        parts.spawn(self.processor.run(stop.clone()));
        parts.spawn(self.committer.run(self.outcomes));
        let mut is_early = false;
        loop {
            let ended = tokio::select! {
                biased;
                ended = parts.join_next() => ended,
                Some(Err(panicked)) = aside.join_next() => return Err(MediatorFault::Part(Some(panicked))),
            };
            let Some(ended) = ended else { break };
            ended.map_err(|error| MediatorFault::Part(Some(error)))??;
            // When one ends because the other one has ended, that one says why.
            is_early |= !stop.is_cancelled();
        }
        if is_early {
            return Err(MediatorFault::Part(None));
        }
        Ok(())
    }
}
