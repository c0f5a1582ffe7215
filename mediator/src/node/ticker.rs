//! Asks for the time when a deadline has passed and no event says so (chapter 04 §6, `SynchronizerTimeTracker`).

use std::sync::Arc;
use std::time::Duration;

use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_types::{CantonTimestamp, MessageId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::head::HeadReceiver;
use super::link::SequencerLink;
use super::processor::Observed;
use super::settings::MediatorSettings;

/// Pause after a request for the time, twice as long after each further one without an event.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// At most.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The task that asks.
pub(super) struct Ticker {
    pub(super) link: Arc<dyn SequencerLink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: MediatorSettings,
    pub(super) observed: watch::Receiver<Observed>,
    pub(super) head: HeadReceiver,
}

impl Ticker {
    /// Until nothing is observed any more.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let observed = *self.observed.borrow_and_update();
            let ask = self.ask(self.due_in(&observed), pause);
            tokio::select! {
                changed = self.observed.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    pause = FIRST_PAUSE;
                    continue;
                }
                () = ask => {}
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Asks after `wait`, and ends so long after it as `pause` says, or later when there is no answer.
    fn ask(&self, wait: Option<Duration>, pause: Duration) -> impl Future<Output = ()> + use<> {
        let (link, clock, head) = (Arc::clone(&self.link), Arc::clone(&self.clock), self.head.clone());
        async move {
            sleep(wait).await;
            let now = head.borrow().now();
            let asked = link.ask_for_time(tick_id("tick-", clock.now()), &now);
            match tokio::time::timeout(MAX_PAUSE, asked).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::info!(error = %Chain(&error), "the time could not be asked for; trying again");
                }
                Err(_) => tracing::info!("the request for the time was not answered; trying again"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// How long until the time is asked for: never without a deadline, and never before the first event.
    fn due_in(&self, observed: &Observed) -> Option<Duration> {
        let (deadline, at) = (observed.deadline?, observed.at?);
        let due = deadline.saturating_add(self.settings.observation_latency);
        let patience = (at + self.settings.patience).saturating_duration_since(Instant::now());
        Some(until(self.clock.now(), due).max(patience))
    }
}

/// The name of a request for the time. Sequencers know it by its first letters.
pub(super) fn tick_id(prefix: &str, now: CantonTimestamp) -> MessageId {
    MessageId::parse(&format!("{prefix}{}", now.as_micros())).expect("it is shorter than the limit")
}

fn until(now: CantonTimestamp, due: CantonTimestamp) -> Duration {
    let micros = due.as_micros().saturating_sub(now.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
