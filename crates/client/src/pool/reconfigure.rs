//! Changing the connections at run time (`SequencerConnectionService.SetConnection`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use synod_types::SequencerId;
use thiserror::Error;
use tokio::task::JoinSet;

use super::config::PoolConfig;
use super::health::ConnectionState;
use super::state::{PoolState, Target};
use super::{SequencerPool, link};
use crate::call::within;
use crate::{ClientError, SequencerConnection, Session};

/// What has to hold of new connections before they are used (`SequencerConnectionValidation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionValidation {
    /// Nothing.
    Disabled,
    /// Those that are reached are sequencers of the synchronizer.
    Active,
    /// All are reached and sequencers of the synchronizer.
    All,
    /// As [`Self::Active`], and as many as have to agree are reached.
    ThresholdActive,
}

impl ConnectionValidation {
    /// The one with this number; `None` when there is none.
    #[must_use]
    pub const fn of_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Disabled),
            2 => Some(Self::Active),
            3 => Some(Self::All),
            4 => Some(Self::ThresholdActive),
            _ => None,
        }
    }
}

/// The connections were not changed.
#[derive(Debug, Error)]
pub enum SetConfigError {
    /// A sequencer is not reached.
    #[error("the connection `{alias}` to {url} cannot be used")]
    Unreachable {
        /// Name of the connection.
        alias: String,
        /// Where it leads.
        url: String,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// A connection that is there already is not valid.
    #[error("the connection `{alias}` to {url} is not valid: {state}")]
    Invalid {
        /// Name of the connection.
        alias: String,
        /// Where it leads.
        url: String,
        /// How it is.
        state: ConnectionState,
    },
    /// Too few sequencers are reached.
    #[error("{valid} sequencers can be used, but {threshold} have to agree")]
    TooFew {
        /// How many can be used.
        valid: usize,
        /// How many have to agree.
        threshold: usize,
    },
    /// The pool is closed.
    #[error("the connections to the sequencers are closed")]
    Closed,
}

/// Connections that were opened to see whether they are valid.
type Opened = Vec<(Target, Result<SequencerConnection, ClientError>)>;

/// Other connections that are valid, with those of them that are open.
pub struct PreparedConfig {
    config: PoolConfig,
    opened: Opened,
}

impl fmt::Debug for PreparedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedConfig").field("config", &self.config).finish_non_exhaustive()
    }
}

impl SequencerPool {
    /// Uses other connections, another threshold and so on from now on, once they are valid. Connections that stay are not
    /// touched. Running subscriptions go on with the sequencers that are there now, without a gap and without an event
    /// twice. The synchronizer stays the same.
    ///
    /// # Errors
    /// [`SetConfigError`]; nothing is changed then. Each new connection has `limit` to open.
    pub async fn set_config(
        &self,
        config: PoolConfig,
        validation: ConnectionValidation,
        limit: Duration,
    ) -> Result<(), SetConfigError> {
        let prepared = self.prepare_config(config, validation, limit).await?;
        self.use_config(prepared);
        Ok(())
    }

    /// The first half of [`Self::set_config`]: changes nothing as yet.
    ///
    /// # Errors
    /// As [`Self::set_config`].
    pub async fn prepare_config(
        &self,
        config: PoolConfig,
        validation: ConnectionValidation,
        limit: Duration,
    ) -> Result<PreparedConfig, SetConfigError> {
        let mut opened = Vec::new();
        if validation != ConnectionValidation::Disabled {
            opened = self.open_new(&config, limit).await;
            self.validate(&config, validation, &mut opened)?;
        }
        if self.shared().read(PoolState::is_closed) {
            return Err(SetConfigError::Closed);
        }
        Ok(PreparedConfig { config, opened })
    }

    /// The second half of [`Self::set_config`]. A pool that was closed meanwhile stays closed.
    pub fn use_config(&self, prepared: PreparedConfig) {
        let PreparedConfig { config, mut opened } = prepared;
        if !self.shared().read(PoolState::is_closed) {
            self.swap_config(config, &mut opened);
        }
    }

    async fn open_new(&self, config: &PoolConfig, limit: Duration) -> Opened {
        let is_new = |target: &Target| self.shared().read(|state| state.links_to(target).is_none());
        let mut calls = JoinSet::new();
        for target in Target::all(config).into_iter().filter(is_new) {
            let shared = Arc::clone(self.shared());
            calls.spawn(async move {
                let opening = link::open(&target, shared.identity.as_ref());
                let connection = within("the connection", limit, opening).await;
                (target, connection)
            });
        }
        calls.join_all().await
    }

    /// Tries the configuration out on a copy of the state.
    fn validate(
        &self,
        config: &PoolConfig,
        validation: ConnectionValidation,
        opened: &mut Opened,
    ) -> Result<(), SetConfigError> {
        let mut trial = self.shared().read(PoolState::clone);
        let (added, _) = trial.set_config(config.clone());
        for (id, target, _) in added {
            let place = opened.iter().position(|(known, _)| *known == target);
            let Some(place) = place else { continue };
            match &opened[place].1 {
                Ok(connection) => trial.up(id, Session::with_signer(connection.clone(), self.signer().clone())),
                Err(_) if validation == ConnectionValidation::All => {
                    let (Target { alias, url, .. }, result) = opened.swap_remove(place);
                    if let Err(source) = result {
                        return Err(SetConfigError::Unreachable { alias, url, source });
                    }
                }
                Err(_) => {}
            }
        }
        trial.settle();
        let health = trial.health();
        let is_wrong = |state: &ConnectionState| match state {
            ConnectionState::Valid => false,
            ConnectionState::Down { .. } => validation == ConnectionValidation::All,
            ConnectionState::Contradicting { .. } | ConnectionState::Excluded { .. } => true,
        };
        if let Some(wrong) = health.connections.iter().find(|connection| is_wrong(&connection.state)).cloned() {
            return Err(SetConfigError::Invalid { alias: wrong.alias, url: wrong.url, state: wrong.state });
        }
        let needs_threshold = matches!(validation, ConnectionValidation::All | ConnectionValidation::ThresholdActive);
        if needs_threshold && !health.is_ready() {
            return Err(SetConfigError::TooFew { valid: health.valid_sequencers, threshold: health.trust_threshold });
        }
        Ok(())
    }

    /// Starts the links that are new and ends those that are gone.
    pub(super) fn swap_config(&self, config: PoolConfig, opened: &mut Opened) {
        let mut links = self.0.links();
        let (added, gone) = self.shared().change(|state| {
            let changed = state.set_config(config);
            state.settle();
            changed
        });
        for id in gone {
            if let Some(link) = links.remove(&id) {
                link.abort();
            }
        }
        for (id, target, doubt) in added {
            let place = opened.iter().position(|(known, _)| *known == target);
            let connection = place.and_then(|place| opened.swap_remove(place).1.ok());
            let task = link::keep(Arc::clone(self.shared()), id, target, doubt, connection);
            links.insert(id, tokio::spawn(task));
        }
    }

    /// Never believes the sequencer again, and says so.
    pub(super) fn exclude(&self, sequencer: &SequencerId, error: &ClientError) {
        let reason = crate::error::causes(error);
        tracing::error!(%sequencer, reason, "a sequencer delivered what it may not and is not believed any more");
        self.shared().change(|state| state.exclude(sequencer.clone(), reason));
    }
}
