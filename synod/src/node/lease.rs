//! Keeps the lease of the database, and watches by it whether the database is there.

use std::time::Duration;

use prometheus::IntCounter;
use synod_runtime::health::{Component, ComponentState};
use synod_runtime::metrics::{MetricName, MetricsFault};
use synod_runtime::{Chain, MetricsRegistry};
use synod_store::{Lease, Store, StoreFault};
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the lease lasts without being renewed.
pub(super) const LEASE_MS: u32 = 10_000;
/// How often it is renewed, and how often a standby tries to get it.
pub(super) const LEASE_RENEWAL: Duration = Duration::from_secs(3);
/// A database that does not answer for so long is not there (Canton's `connectionTimeout`).
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait until the lease is given back.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);
/// Pause after the first failure, twice as long after each further one, at most that between two renewals.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const FAILURES: MetricName =
    MetricName::new("synod_database_connection_failures_total", "How often the database was looked for and not found");

/// The node may not write any more, or cannot.
#[derive(Debug, Error)]
pub(crate) enum LeaseFault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error("the database could not be reached for more than {} ms (storage.failed_to_fatal_delay_ms)", .0.as_millis())]
    Unreachable(Duration),
}

/// Who keeps the lease.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    pub(super) store: Store,
    pub(super) lease: Lease,
    /// Whether the database is there.
    pub(super) health: Component,
    /// After how long without it the node ends.
    pub(super) failed_to_fatal_delay: Duration,
    pub(super) failures: IntCounter,
}

/// Counts what is not found.
pub(super) fn failures(metrics: &MetricsRegistry) -> Result<IntCounter, MetricsFault> {
    metrics.counter(&FAILURES)
}

/// Since when the database is away.
#[derive(Debug)]
struct Outage {
    since: Instant,
    pause: Duration,
}

impl LeaseKeeper {
    /// Renews the lease until the end, then gives it back.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), LeaseFault> {
        let mut outage: Option<Outage> = None;
        loop {
            let pause = outage.as_ref().map_or(LEASE_RENEWAL, |outage| outage.pause);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.store.doubted(), if outage.is_none() => {}
                () = tokio::time::sleep(pause) => {}
            }
            match self.renew().await {
                Ok(()) => {
                    if let Some(outage) = outage.take() {
                        tracing::info!(away_ms = outage.since.elapsed().as_millis(), "the database is there again");
                    }
                    self.health.ok();
                }
                Err(Some(fault)) if !fault.is_connection_lost() => return Err(fault.into()),
                Err(fault) => outage = Some(self.failed(outage, fault)?),
            }
        }
        self.release().await
    }

    /// Without a cause: there was no answer.
    async fn renew(&self) -> Result<(), Option<StoreFault>> {
        let limit = ATTEMPT_LIMIT.min(self.failed_to_fatal_delay.max(FIRST_PAUSE));
        match tokio::time::timeout(limit, self.store.renew_lease(&self.lease)).await {
            Ok(renewed) => renewed.map_err(Some),
            Err(_) => Err(None),
        }
    }

    fn failed(&self, outage: Option<Outage>, fault: Option<StoreFault>) -> Result<Outage, LeaseFault> {
        let why = fault.map_or_else(|| "it does not answer".to_owned(), |fault| Chain(&fault).to_string());
        self.failures.inc();
        if outage.is_none() {
            tracing::warn!(why, "the database is away");
        }
        let (since, pause) = match outage {
            None => (Instant::now(), FIRST_PAUSE),
            Some(Outage { since, pause }) => (since, (pause * 2).min(LEASE_RENEWAL)),
        };
        let left = self.failed_to_fatal_delay.saturating_sub(since.elapsed());
        if left.is_zero() {
            let fault = LeaseFault::Unreachable(self.failed_to_fatal_delay);
            self.health.set(ComponentState::Fatal(fault.to_string()));
            return Err(fault);
        }
        self.health.failed(why);
        Ok(Outage { since, pause: pause.min(left) })
    }

    async fn release(self) -> Result<(), LeaseFault> {
        match tokio::time::timeout(RELEASE_LIMIT, self.store.release_lease(self.lease)).await {
            Ok(Err(fault)) if !fault.is_connection_lost() => Err(fault.into()),
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the lease is not given back: it ends by itself");
                Ok(())
            }
        }
    }
}
