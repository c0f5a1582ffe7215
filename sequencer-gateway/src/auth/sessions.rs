//! Everything that a member has with this gateway.

use std::sync::Arc;

use synod_types::Member;

use super::nonces::Nonces;
use super::tokens::Tokens;
use crate::GatewaySettings;
use crate::subscription::SubscriptionPool;

/// Challenges, tokens and subscriptions of all members.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) nonces: Nonces,
    pub(crate) tokens: Tokens,
    pub(crate) subscriptions: Arc<SubscriptionPool>,
}

impl Sessions {
    pub(crate) fn new(settings: &GatewaySettings, subscriptions: Arc<SubscriptionPool>) -> Self {
        Self {
            nonces: Nonces::new(settings.nonce_expiration, settings.max_tokens_per_member),
            tokens: Tokens::new(settings.max_tokens_per_member),
            subscriptions,
        }
    }

    /// Logs a member out: its challenges and tokens are bad, its subscriptions end.
    pub(crate) fn revoke(&self, member: &Member) {
        self.nonces.revoke(member);
        self.tokens.revoke(member);
        self.subscriptions.close(member);
    }
}
