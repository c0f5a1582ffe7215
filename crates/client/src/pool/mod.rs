//! Several sequencers at once, of which a threshold is believed.

mod ask;
mod config;
mod config_proto;
mod health;
mod link;
mod merge;
mod receipts;
mod reconfigure;
mod send;
mod shared;
mod state;
mod subscription;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synod_topology::StaticSynchronizerParameters;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use self::send::Delivery;
use self::shared::Shared;
use self::state::{LinkId, PoolState};
use crate::call::within;
use crate::{ClientError, ClientIdentity, MemberSigner, SignedSubmission};

pub use config::{Amplification, ConnectionConfig, InvalidPoolConfig, PoolConfig, PoolDelays};
pub use health::{ConnectionHealth, ConnectionState, PoolHealth};
pub use reconfigure::{ConnectionValidation, PreparedConfig, SetConfigError};
pub use subscription::{PoolKeys, PoolSubscription};

/// A member at several sequencers. Clones share the connections; they are closed with the last one.
///
/// Every connection is kept by itself: opened, checked, and opened again when it is lost, with longer and longer pauses,
/// for ever. What `trust_threshold` distinct sequencers say about the synchronizer holds for good; who says something
/// else does not count as long as it does. A sequencer that delivers a wrong event is excluded for good.
#[derive(Clone)]
pub struct SequencerPool(Arc<Owner>);

struct Owner {
    shared: Arc<Shared>,
    links: Mutex<BTreeMap<LinkId, JoinHandle<()>>>,
    deliveries: Mutex<JoinSet<()>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Owner {
    fn links(&self) -> MutexGuard<'_, BTreeMap<LinkId, JoinHandle<()>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliveries(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self) {
        std::mem::take(&mut *self.links()).into_values().for_each(|link| link.abort());
        self.deliveries().abort_all();
    }
}

impl SequencerPool {
    /// Connects in the background. Only sequencers of `expected` count, if it is given. Call it in a Tokio runtime.
    #[must_use]
    pub fn start(config: PoolConfig, expected: Option<PhysicalSynchronizerId>, signer: MemberSigner) -> Self {
        Self::start_with(config, expected, signer, None)
    }

    /// As [`Self::start`], with a certificate that is shown to sequencers that ask for one.
    #[must_use]
    pub fn start_with(
        config: PoolConfig,
        expected: Option<PhysicalSynchronizerId>,
        signer: MemberSigner,
        identity: Option<ClientIdentity>,
    ) -> Self {
        // Members begin with different sequencers.
        let turn = signer.member().to_string().bytes().map(usize::from).sum();
        let state = PoolState::new(config.clone(), expected, turn);
        let shared = Arc::new(Shared::new(signer, identity, state));
        let pool = Self(Arc::new(Owner {
            shared,
            links: Mutex::new(BTreeMap::new()),
            deliveries: Mutex::new(JoinSet::new()),
        }));
        pool.swap_config(config, &mut Vec::new());
        pool
    }

    /// The member.
    #[must_use]
    pub fn member(&self) -> &Member {
        self.signer().member()
    }

    /// The member with its keys, which more can be added to.
    #[must_use]
    pub fn signer(&self) -> &MemberSigner {
        &self.shared().signer
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PoolConfig {
        self.shared().read(|state| state.config().clone())
    }

    /// The synchronizer, once enough sequencers agree on it.
    #[must_use]
    pub fn psid(&self) -> Option<PhysicalSynchronizerId> {
        self.shared().read(|state| state.agreed().map(|agreed| agreed.psid.clone()))
    }

    /// Its static parameters, once enough sequencers agree on them.
    #[must_use]
    pub fn static_parameters(&self) -> Option<StaticSynchronizerParameters> {
        self.shared().read(|state| state.agreed().map(|agreed| agreed.static_parameters.clone()))
    }

    /// How the connections are.
    #[must_use]
    pub fn health(&self) -> PoolHealth {
        self.shared().read(PoolState::health)
    }

    /// Waits until as many sequencers as have to agree can be used.
    ///
    /// # Errors
    /// [`ClientError::NoSequencer`], which says what is wrong with each connection, after `limit`;
    /// [`ClientError::Closed`].
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), ClientError> {
        self.wait_until(limit, PoolHealth::is_ready).await.map(drop)
    }

    /// Waits until the connections are as asked for, and returns how they are then.
    ///
    /// # Errors
    /// As [`Self::wait_ready`].
    pub async fn wait_until(
        &self,
        limit: Duration,
        is_so: impl Fn(&PoolHealth) -> bool,
    ) -> Result<PoolHealth, ClientError> {
        let mut changes = self.shared().changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if self.shared().read(PoolState::is_closed) {
                    return Err(ClientError::Closed);
                }
                let health = self.health();
                if is_so(&health) {
                    return Ok(health);
                }
                changes.changed().await.map_err(|_| ClientError::Closed)?;
            }
        };
        match within("the connection to enough sequencers", limit, waiting).await {
            Err(ClientError::Timeout { .. }) => Err(self.shared().no_sequencer()),
            other => other,
        }
    }

    /// Sends a submission to one sequencer; to the next one if that does not take it. Success means that one took it, not
    /// that it is sequenced.
    ///
    /// A submission with an aggregation rule is then amplified, in the background: when its receipt has not come in the
    /// patience, it is sent to a further sequencer, to as many as the factor says. The receipt is noticed by a
    /// subscription of this pool. `amplification` stands instead of that of the configuration; for confirmation responses
    /// give [`PoolConfig::response_amplification`].
    ///
    /// # Errors
    /// [`ClientError`] of the last attempt when nobody took it; [`ClientError::retry`] says whether it may be sequenced
    /// nevertheless. One without aggregation rule that a sequencer may have taken is not sent to another one.
    pub async fn send(
        &self,
        submission: SignedSubmission,
        amplification: Option<Amplification>,
    ) -> Result<(), ClientError> {
        let amplification = amplification.unwrap_or_else(|| self.shared().read(|state| state.config().amplification()));
        let (result, taken) = oneshot::channel();
        let delivery = Delivery::new(Arc::clone(self.shared()), submission, amplification, result);
        {
            let mut deliveries = self.0.deliveries();
            while deliveries.try_join_next().is_some() {}
            if self.shared().read(PoolState::is_closed) {
                return Err(ClientError::Closed);
            }
            deliveries.spawn(delivery.run());
        }
        taken.await.unwrap_or(Err(ClientError::Closed))
    }

    /// The member's events: from the beginning, or again from the one at `resume_at` on, each delivered alike by as many
    /// sequencers as have to agree. The topology, if it is given, has to know every event before.
    ///
    /// # Errors
    /// [`ClientError::NoSequencer`] before enough sequencers agree on the synchronizer.
    pub fn subscribe(
        &self,
        resume_at: Option<CantonTimestamp>,
        keys: impl Into<PoolKeys>,
    ) -> Result<PoolSubscription, ClientError> {
        let psid = self.psid().ok_or_else(|| self.shared().no_sequencer())?;
        Ok(PoolSubscription::new(self.clone(), psid, resume_at, keys.into()))
    }

    /// Ends the logins: the sequencers close the member's subscriptions. The next call logs in again.
    ///
    /// # Errors
    /// The first [`ClientError`]; the logins are forgotten nevertheless.
    pub async fn logout(&self) -> Result<(), ClientError> {
        logout(self.shared().read(PoolState::sessions)).await
    }

    /// Ends the logins and all connections, and with them every subscription of this pool.
    pub async fn close(&self) {
        let sessions = self.shared().change(PoolState::close);
        self.0.abort();
        if let Err(error) = logout(sessions).await {
            tracing::debug!(error = crate::error::causes(&error), "a login ends later, by itself");
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    fn threshold(&self) -> usize {
        self.shared().read(|state| state.config().threshold())
    }
}

impl fmt::Debug for SequencerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequencerPool").field("member", self.member()).field("health", &self.health()).finish()
    }
}

async fn logout(sessions: Vec<crate::Session>) -> Result<(), ClientError> {
    const LIMIT: Duration = Duration::from_secs(5);
    let mut calls = JoinSet::new();
    for session in sessions {
        calls.spawn(async move { within("Logout", LIMIT, session.logout()).await });
    }
    let results = calls.join_all().await;
    results.into_iter().find(Result::is_err).unwrap_or(Ok(()))
}
