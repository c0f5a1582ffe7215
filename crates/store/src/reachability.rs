//! What happens while the database is not there: commits wait for it, and whoever watches it looks at once.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Store, StoreFault};

/// Pause after the first attempt that found no database, twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// At most.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Whether the database is there, as far as one store knows.
#[derive(Debug)]
pub(crate) struct Reachability {
    /// How long to wait for it.
    limit: Duration,
    doubts: Notify,
}

impl Reachability {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, doubts: Notify::new() }
    }

    /// Somebody found no database.
    pub(crate) fn doubt(&self) {
        self.doubts.notify_one();
    }
}

impl Store {
    /// Waits until somebody has found no database since the last call. For one task, which then looks whether it is there.
    pub async fn doubted(&self) {
        self.inner().reachability.doubts.notified().await;
    }

    /// Attempts something again as long as the database cannot be reached, with longer and longer pauses, for at most
    /// [`failed_to_fatal_delay_ms`](crate::StoreConfig::failed_to_fatal_delay_ms). What is attempted has written nothing when
    /// it fails with [`StoreFault::Unreachable`], so it is done once. For tasks of the node; a caller from outside is better
    /// told to come back.
    ///
    /// # Errors
    /// Any other [`StoreFault`] at once; [`StoreFault::Unreachable`] when the time is over.
    pub async fn while_unreachable<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, StoreFault>
    where
        F: Future<Output = Result<T, StoreFault>>,
    {
        let (mut since, mut pause) = (None, FIRST_PAUSE);
        loop {
            let fault = match attempt().await {
                Err(fault) if fault.is_unreachable() => fault,
                done => {
                    if let Some(since) = since {
                        log_end(since, done.is_ok());
                    }
                    return done;
                }
            };
            let reachability = &self.inner().reachability;
            reachability.doubt();
            if since.is_none() {
                tracing::warn!(error = %fault, "waiting for the database");
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= reachability.limit {
                return Err(fault);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }
}

fn log_end(since: Instant, is_ok: bool) {
    let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    if is_ok {
        tracing::info!(waited_ms, "the database is there again");
    } else {
        tracing::error!(waited_ms, "the database is there again, and fails");
    }
}
