//! `Subscribe`: the events of the caller (ch. 03 §4.1).

use std::sync::Arc;

use synod_proto::sequencer::api::v30::SubscriptionRequest;
use synod_types::{CantonTimestamp, Member};
use tonic::Status;

use super::{Inner, MemberCall};
use crate::auth::is_active;
use crate::core::not_permitted;
use crate::subscription::{EventStream, PoolClosed, Start, StartError, Subscription};
use crate::texts::member_failure;

impl Inner {
    /// Opens a subscription; with too many open, the member's oldest one ends.
    pub(super) async fn subscribe(&self, call: MemberCall<SubscriptionRequest>) -> Result<EventStream, Status> {
        let text = &call.message.member;
        let member =
            Member::parse(text).map_err(|error| Status::invalid_argument(member_failure("member", text, &error)))?;
        let requested = call.message.timestamp.map(CantonTimestamp::from_micros).transpose();
        let requested =
            requested.map_err(|error| Status::invalid_argument(format!("TimestampConversionError({error})")))?;
        if self.core.stopping.is_cancelled() {
            return Err(Status::unavailable("Sequencer is being shutdown."));
        }
        if member != call.caller.member {
            return Err(Status::permission_denied(not_permitted(&call.caller.member, &member)));
        }
        let head = self.core.head();
        let start = Start::find(&self.core, &head, &member, requested).await.map_err(|error| match error {
            StartError::Fault(fault) => Self::fault(&call.context, &fault),
            refused => {
                tracing::info!(%member, reason = %refused, "subscription refused");
                Status::failed_precondition(refused.to_string())
            }
        })?;
        drop(head);
        let slot = self
            .core
            .sessions
            .subscriptions
            .enter(&member)
            .map_err(|PoolClosed| Status::unavailable("Subscription pool is closed."))?;
        // Whoever was logged out since the token was looked at has a subscription now that nobody would end.
        let is_logged_in = self.core.sessions.tokens.is_known(&call.caller.token);
        if !is_logged_in || !is_active(&self.core.head(), &member) {
            return Err(Status::permission_denied("Member access was revoked."));
        }
        tracing::info!(%member, from = ?requested, "member subscribes");
        let (expires_at, context) = (call.caller.expires_at, (call.context, call.permit));
        Ok(Subscription::new(Arc::clone(&self.core), start, slot, expires_at, context).into_stream())
    }
}
