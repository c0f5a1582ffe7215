//! A gateway from its parts to its end.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_store::{Store, StoreFault};
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::GatewayParts;
use crate::auth::{Revocation, Sessions};
use crate::core::Core;
use crate::disabled::DisabledMembers;
use crate::limits::CallLimits;
use crate::signing::EventSigner;
use crate::submission::{BroadcastError, PurchaseError, acknowledge_forever, own, purchase};
use crate::subscription::SubscriptionPool;
use crate::transport::{Health, PublicServer};

/// The gateway cannot serve: the node has to end.
#[derive(Debug, Error)]
pub enum GatewayFault {
    /// The store cannot be read.
    #[error("the gateway cannot read the store")]
    Store(#[from] StoreFault),
    /// Reflection could not be built: the descriptors in this binary are broken.
    #[error("the reflection service could not be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The server ended with an error.
    #[error("the server of the public API failed")]
    Serve(#[source] tonic::transport::Error),
}

/// The public API of one sequencer.
#[derive(Debug)]
pub struct Gateway {
    core: Arc<Core>,
}

impl Gateway {
    /// A gateway of these parts.
    ///
    /// # Errors
    /// [`GatewayFault::Store`].
    pub async fn new(parts: GatewayParts) -> Result<Self, GatewayFault> {
        let GatewayParts { sequencer, head, orderer, events, store, keys, clock, settings, metrics } = parts;
        let disabled = DisabledMembers::new(store.disabled_members().await?);
        let pool = SubscriptionPool::new(settings.max_subscriptions_per_member, metrics.subscriptions.clone());
        let core = Core {
            psid: head.current().state.psid().clone(),
            signer: EventSigner::new(sequencer.member(), keys),
            sequencer,
            node_name: settings.node_name.as_str().into(),
            sessions: Sessions::new(&settings, Arc::new(pool)),
            limits: CallLimits::new(&settings.max_active_calls),
            disabled,
            head,
            orderer,
            events,
            store,
            clock,
            settings,
            metrics,
            stopping: CancellationToken::new(),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// What the node's administration sees and does.
    #[must_use]
    pub fn handle(&self) -> GatewayHandle {
        GatewayHandle { core: Arc::clone(&self.core) }
    }

    /// Serves members on `listener` until `shutdown` is done. Then health says so, open subscriptions end, new calls are
    /// refused, and open ones may finish within the grace of the settings.
    ///
    /// # Errors
    /// [`GatewayFault`]: the node has to end.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), GatewayFault> {
        let core = self.core;
        let health = Health::new().await;
        let server = PublicServer::new(Arc::clone(&core), &health)?;
        let revocation = Revocation::new(Arc::clone(&core)).run();
        let stopped = core.stopping.clone();
        let server = server.serve(listener, stopped.clone().cancelled_owned());
        let acknowledging = acknowledge_forever(&core);
        tokio::pin!(server, revocation, acknowledging, shutdown);
        let mut is_following = true;
        loop {
            tokio::select! {
                ended = &mut server => return ended,
                followed = &mut revocation, if is_following => {
                    followed?;
                    is_following = false;
                }
                () = &mut acknowledging => {}
                () = &mut shutdown => break,
            }
        }
        stopped.cancel();
        health.stop().await;
        core.sessions.subscriptions.close_all();
        // What follows revocations may hold a connection to the database that an open call waits for: both are driven.
        let closing = async {
            tokio::select! {
                ended = &mut server => return ended,
                followed = &mut revocation, if is_following => followed?,
            }
            server.await
        };
        match tokio::time::timeout(core.settings.shutdown_grace, closing).await {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!("calls were still open when the public API stopped");
                Ok(())
            }
        }
    }
}

/// What the node's administration sees and does about members at this gateway.
#[derive(Debug, Clone)]
pub struct GatewayHandle {
    core: Arc<Core>,
}

impl GatewayHandle {
    /// The members with an open subscription, sorted.
    #[must_use]
    pub fn connected_members(&self) -> Vec<Member> {
        self.core.sessions.subscriptions.members()
    }

    /// Refuses a member from now on, or no more, also after a restart. A member that is refused loses its tokens and
    /// subscriptions. False when there is no such member.
    ///
    /// # Errors
    /// [`StoreFault`] when it cannot be stored.
    pub async fn set_enabled(&self, member: &Member, is_enabled: bool) -> Result<bool, StoreFault> {
        let Some(index) = self.core.head().state.members().get(member).map(|registration| registration.index) else {
            return Ok(false);
        };
        let store: &Store = &self.core.store;
        store.set_member_enabled(index, is_enabled).await?;
        self.core.disabled.set(index, !is_enabled);
        if !is_enabled {
            self.core.sessions.revoke(member);
        }
        Ok(true)
    }

    /// A token of a member that has not logged in, for the calls of an operator who tests something in its name
    /// (`GenerateAuthenticationToken`), and until when it is good. `None` when the system has no random numbers.
    #[must_use]
    pub fn generate_token(&self, member: &Member, lifetime: Duration) -> Option<(Bytes, CantonTimestamp)> {
        let issued = self.core.sessions.tokens.issue(member, self.core.clock.now(), lifetime);
        issued.ok().map(|(token, expires_at)| (Bytes::copy_from_slice(token.as_bytes()), expires_at))
    }

    /// Sends an envelope with this content (versioned `EnvelopeContent`) to all members, in a submission of this sequencer
    /// that passes the checks of every submission. Returns when it is durable, and its max sequencing time.
    ///
    /// # Errors
    /// [`BroadcastError`]: it was not ordered, or that is not known.
    pub async fn broadcast(&self, content: Bytes) -> Result<CantonTimestamp, BroadcastError> {
        own::submit(&self.core, content).await
    }

    /// Sends this sequencer's part of a purchase of traffic: from when it takes effect, `total` bytes are all that the member
    /// ever purchased. It takes effect when as many sequencers as their threshold asks for have sent the same in the same
    /// window of time (ch. 03 §5.5). Returns when it is durable.
    ///
    /// # Errors
    /// [`PurchaseError`]: it was not ordered, or that is not known.
    pub async fn purchase(&self, member: &Member, serial: NonZeroU32, total: u64) -> Result<(), PurchaseError> {
        purchase::submit(&self.core, member, serial, total).await
    }

    /// Logs a member out: its tokens are bad, its subscriptions end. It may log in again.
    pub fn disconnect(&self, member: &Member) {
        self.core.sessions.revoke(member);
    }
}
