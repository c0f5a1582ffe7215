//! The stream of a subscription: events from the log, each built for its member, signed, and sent when the member takes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use synod_machine::delivery::{Reader, is_visible, member_event};
use synod_machine::{EventRecord, Registration};
use synod_pipeline::MemberReader;
use synod_proto::sequencer::api::v30::SubscriptionResponse;
use synod_proto::v30::TraceContext;
use synod_store::EventsError;
use synod_types::CantonTimestamp;
use tokio::time::Instant;
use tonic::Status;

use super::{CloseReason, Slot, Start};
use crate::core::Core;
use crate::errors::{CallContext, TOMBSTONE_ENCOUNTERED};
use crate::limits::CallPermit;
use crate::signing::SigningFault;

/// The stream as gRPC takes it.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<SubscriptionResponse, Status>> + Send>>;

/// An open subscription. It holds one batch of events at most; what its member does not take is read again later.
#[derive(Debug)]
pub(crate) struct Subscription {
    core: Arc<Core>,
    registration: Registration,
    reader: MemberReader,
    pending: VecDeque<Arc<EventRecord>>,
    previous: Option<CantonTimestamp>,
    send_from: Option<CantonTimestamp>,
    slot: Slot,
    token_ends: Instant,
    call: CallContext,
    _permit: CallPermit,
}

/// What happens next in a subscription.
enum Next {
    Event(Arc<EventRecord>),
    Closed(CloseReason),
    TokenExpired,
    Failed(EventsError),
}

impl Subscription {
    /// A subscription that begins at `start` and ends when the token of its member does, at `token_ends`.
    pub(crate) fn new(
        core: Arc<Core>,
        start: Start,
        slot: Slot,
        token_ends: CantonTimestamp,
        (call, permit): (CallContext, CallPermit),
    ) -> Self {
        let registration = start.registration;
        let left_micros = token_ends.micros_since(core.clock.now()).max(0);
        let left = std::time::Duration::from_micros(u64::try_from(left_micros).unwrap_or(0));
        Self {
            reader: core.events.reader(registration.index, registration.registered_from, start.after),
            registration,
            pending: VecDeque::new(),
            previous: start.previous,
            send_from: start.send_from,
            slot,
            token_ends: Instant::now() + left,
            call,
            _permit: permit,
            core,
        }
    }

    /// The events as a stream. It ends without error when the member was logged out or the gateway stops.
    pub(crate) fn into_stream(self) -> EventStream {
        Box::pin(futures::stream::unfold(Some(self), |subscription| async {
            let mut subscription = subscription?;
            match subscription.next_response().await {
                Ok(Some(response)) => Some((Ok(response), Some(subscription))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    async fn next_response(&mut self) -> Result<Option<SubscriptionResponse>, Status> {
        loop {
            match self.next().await {
                Next::Event(event) => {
                    if let Some(response) = self.response(&event).await? {
                        return Ok(Some(response));
                    }
                }
                Next::Closed(CloseReason::Ended) => return Ok(None),
                Next::Closed(CloseReason::TooMany) => {
                    return Err(Status::unavailable("Too many open subscriptions for member"));
                }
                Next::TokenExpired => return Err(Status::unavailable("Subscription token has expired")),
                Next::Failed(EventsError::Pruned { lower_bound }) => {
                    return Err(Status::failed_precondition(format!("events before {lower_bound} are pruned")));
                }
                Next::Failed(EventsError::Fault(fault)) => {
                    let error = synod_runtime::Chain(&fault).to_string();
                    tracing::error!(error, "events cannot be read");
                    return Err(Status::unavailable("events cannot be read at present"));
                }
            }
        }
    }

    async fn next(&mut self) -> Next {
        if let Some(reason) = self.slot.closed() {
            return Next::Closed(reason);
        }
        if Instant::now() >= self.token_ends {
            return Next::TokenExpired;
        }
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Next::Event(event);
            }
            tokio::select! {
                biased;
                reason = &mut self.slot => return Next::Closed(reason),
                () = tokio::time::sleep_until(self.token_ends) => return Next::TokenExpired,
                events = self.reader.next() => match events {
                    Ok(events) => self.pending = events.into(),
                    Err(error) => return Next::Failed(error),
                },
            }
        }
    }

    /// The event as the member gets it; `None` when it does not get it.
    async fn response(&mut self, event: &EventRecord) -> Result<Option<SubscriptionResponse>, Status> {
        let member = &self.registration.member;
        let reader = Reader {
            member,
            index: self.registration.index,
            registered_from: self.registration.registered_from,
            is_this_sequencer: self.core.is_this_sequencer(member),
        };
        if !is_visible(event, &reader) {
            return Ok(None);
        }
        let previous = self.previous.replace(event.time);
        if self.send_from.is_some_and(|from| event.time < from) {
            return Ok(None);
        }
        let content = member_event(&self.core.psid, event, &reader, previous).map_err(|fault| {
            let error = synod_runtime::Chain(&fault).to_string();
            tracing::error!(%member, error, "an event cannot be delivered");
            self.call.status(&synod_wire::status::internal())
        })?;
        let signed_sequenced_event = self.sign(event.topology_timestamp.unwrap_or(event.time), content).await?;
        self.core.metrics.delivered.inc();
        Ok(Some(SubscriptionResponse { signed_sequenced_event, trace_context: Some(TraceContext::default()) }))
    }

    async fn sign(&self, key_time: CantonTimestamp, content: Bytes) -> Result<Bytes, Status> {
        let head = self.core.head();
        self.core.signer.sign_event(&self.core.store, &head, key_time, content).await.map_err(|fault| match fault {
            SigningFault::NoKey(_) => self.call.of_rpc(TOMBSTONE_ENCOUNTERED.rpc_status(&fault.to_string())),
            SigningFault::Store(_) | SigningFault::Sign(_) => {
                let error = synod_runtime::Chain(&fault).to_string();
                tracing::error!(error, "an event cannot be signed");
                self.call.status(&synod_wire::status::internal())
            }
        })
    }
}
