//! The task that keeps one connection: opens it, and opens it again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

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
    since: Instant,
    delay: Option<Duration>,
}

impl<'a> Attempts<'a> {
    fn new(shared: &'a Shared, id: LinkId, target: &'a Target) -> Self {
        Self { shared, id, target, since: Instant::now(), delay: None }
    }

    async fn failed(&mut self, error: &ClientError) {
        let delays = self.shared.read(|state| state.config().delays());
        let doubled = self.delay.map_or(delays.min_restart, |delay| delay.saturating_mul(2));
        let delay = doubled.max(SHORTEST_DELAY).min(delays.max_restart.max(SHORTEST_DELAY));
        self.delay = Some(delay);
        let (alias, url, why, delay_ms) = (&self.target.alias, &self.target.url, causes(error), delay.as_millis());
        if self.since.elapsed() > delays.warn_validation {
            tracing::warn!(alias, url, why, delay_ms, "a sequencer has not been valid for long; trying again");
        } else {
            tracing::info!(alias, url, why, delay_ms, "a sequencer is not valid; trying again");
        }
        self.shared.change(|state| state.down(self.id, why));
        tokio::time::sleep(delay).await;
    }
}
