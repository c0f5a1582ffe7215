//! The task that keeps one connection: opens it, and opens it again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::config::PoolDelays;
use super::shared::Shared;
use super::state::{LinkId, Target};
use crate::error::causes;
use crate::{ClientError, ClientIdentity, ConnectOptions, SequencerConnection, Session};

/// A doubled delay of zero would stay zero.
const SHORTEST_DELAY: Duration = Duration::from_millis(1);

/// Opens the connection to the target of a link.
pub(super) async fn open(
    target: &Target,
    identity: Option<&ClientIdentity>,
) -> Result<SequencerConnection, ClientError> {
    let (trusted_certificates, identity) = (target.certificates.clone(), identity.cloned());
    let options = ConnectOptions { trusted_certificates, identity, timeout: None };
    SequencerConnection::open(&target.url, &options).await
}

/// Keeps a link until it is aborted. The first connection may be `opened` already.
pub(super) async fn keep(
    shared: Arc<Shared>,
    id: LinkId,
    target: Target,
    doubt: Arc<Notify>,
    opened: Option<SequencerConnection>,
) {
    let mut attempts = Attempts::new(&shared, id, &target);
    let mut opened = opened;
    let connection = loop {
        match opened.take() {
            Some(connection) => break connection,
            None => match open(&target, shared.identity.as_ref()).await {
                Ok(connection) => opened = Some(connection),
                Err(error) => attempts.failed(&error).await,
            },
        }
    };
    let session = Session::with_signer(connection, shared.signer.clone());
    loop {
        tracing::info!(alias = target.alias, url = target.url, sequencer = %session.connection().sequencer(), "connected");
        shared.change(|state| state.up(id, session.clone()));
        attempts = Attempts::new(&shared, id, &target);
        doubt.notified().await;
        while let Err(error) = session.connection().validate().await {
            attempts.failed(&error).await;
        }
    }
}

/// Attempts to reach a sequencer, with longer and longer pauses.
struct Attempts<'a> {
    shared: &'a Shared,
    id: LinkId,
    target: &'a Target,
    outage: Outage,
}

impl<'a> Attempts<'a> {
    fn new(shared: &'a Shared, id: LinkId, target: &'a Target) -> Self {
        Self { shared, id, target, outage: Outage::default() }
    }

    async fn failed(&mut self, error: &ClientError) {
        let delays = self.shared.read(|state| state.config().delays());
        let (delay, is_long) = self.outage.failed(&delays, Instant::now());
        let (alias, url, why, delay_ms) = (&self.target.alias, &self.target.url, causes(error), delay.as_millis());
        if is_long {
            tracing::warn!(alias, url, why, delay_ms, "a sequencer has not been valid for long; trying again");
        } else {
            tracing::info!(alias, url, why, delay_ms, "a sequencer is not valid; trying again");
        }
        self.shared.change(|state| state.down(self.id, why));
        tokio::time::sleep(delay).await;
    }
}

/// From the first failure until the sequencer is valid again.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    delay: Option<Duration>,
}

impl Outage {
    /// The pause until the next attempt, and whether there has been none that succeeded for long.
    fn failed(&mut self, delays: &PoolDelays, now: Instant) -> (Duration, bool) {
        let since = *self.since.get_or_insert(now);
        let doubled = self.delay.map_or(delays.min_restart, |delay| delay.saturating_mul(2));
        let delay = doubled.max(SHORTEST_DELAY).min(delays.max_restart.max(SHORTEST_DELAY));
        self.delay = Some(delay);
        (delay, now.duration_since(since) > delays.warn_validation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However long the sequencer was valid before.
    #[tokio::test]
    async fn an_outage_is_long_from_its_first_failure_on() {
        let delays = PoolDelays::default();
        let mut outage = Outage::default();
        let start = Instant::now() + Duration::from_secs(3600);
        assert_eq!(outage.failed(&delays, start), (delays.min_restart, false));
        assert_eq!(outage.failed(&delays, start + delays.warn_validation), (2 * delays.min_restart, false));
        let late = start + delays.warn_validation + Duration::from_millis(1);
        assert_eq!(outage.failed(&delays, late), (4 * delays.min_restart, true));
        for _ in 0..20 {
            outage.failed(&delays, late);
        }
        assert_eq!(outage.failed(&delays, late), (delays.max_restart, true));
    }
}
