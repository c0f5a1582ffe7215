//! Watches whether enough sequencers can be used.

use std::time::Duration;

use synod_client::{ClientError, PoolHealth, SequencerPool};
use synod_runtime::Chain;
use synod_runtime::health::{Component, ComponentState};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// How often a node that waits for its sequencers says why.
const TELL_INTERVAL: Duration = Duration::from_secs(20);

/// The mediator was without its sequencers for too long.
#[derive(Debug, Error)]
#[error(
    "too few sequencers could be used for more than {} ms (sequencer_client.failed_to_fatal_delay_ms)",
    .failed_to_fatal_delay.as_millis()
)]
pub(crate) struct SequencersLost {
    failed_to_fatal_delay: Duration,
    #[source]
    source: ClientError,
}

/// Who watches the connections of a mediator.
#[derive(Debug, Clone)]
pub(super) struct SequencerWatch {
    pub(super) health: Component,
    /// After how long without enough sequencers the node ends.
    pub(super) failed_to_fatal_delay: Duration,
}

impl SequencerWatch {
    /// Waits until enough sequencers can be used, and says why not meanwhile.
    pub(super) async fn wait(&self, pool: &SequencerPool) -> Result<(), SequencersLost> {
        let mut left = self.failed_to_fatal_delay;
        loop {
            let limit = left.min(TELL_INTERVAL);
            let Err(source) = pool.wait_ready(limit).await else { return Ok(()) };
            left -= limit;
            if left.is_zero() || matches!(source, ClientError::Closed) {
                let lost = SequencersLost { failed_to_fatal_delay: self.failed_to_fatal_delay, source };
                self.health.set(ComponentState::Fatal(Chain(&lost).to_string()));
                return Err(lost);
            }
            self.health.failed(Chain(&source).to_string());
        }
    }

    /// Watches a pool that was ready, until it is told to stop.
    pub(super) async fn run(self, pool: SequencerPool, stop: CancellationToken) -> Result<(), SequencersLost> {
        let watching = async {
            loop {
                let Ok(found) = pool.wait_until(Duration::MAX, |health| !health.is_ready()).await else {
                    // Nobody uses a pool that is closed.
                    return std::future::pending().await;
                };
                let PoolHealth { valid_sequencers, trust_threshold, .. } = found;
                tracing::warn!(valid_sequencers, trust_threshold, "too few sequencers can be used");
                self.health
                    .failed(format!("{valid_sequencers} sequencers can be used, {trust_threshold} have to agree"));
                self.wait(&pool).await?;
                tracing::info!("enough sequencers can be used again");
                self.health.ok();
            }
        };
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            lost = watching => lost,
        }
    }
}
