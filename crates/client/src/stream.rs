//! One stream of events.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use synod_proto::sequencer::api::v30::SubscriptionResponse;
use synod_types::CantonTimestamp;
use tokio_stream::Stream;
use tonic::Streaming;

use crate::{ClientError, EventKeys, MemberTopology, ReceivedEvent, Session, StreamChecker};

type Opening = Pin<Box<dyn Future<Output = Result<Streaming<SubscriptionResponse>, ClientError>> + Send>>;

/// The events of a subscription as they come.
pub(crate) enum Responses {
    Opening(Opening),
    Open(Box<Streaming<SubscriptionResponse>>),
}

impl Responses {
    pub(crate) fn open(session: Session, from: Option<CantonTimestamp>) -> Self {
        Self::Opening(Box::pin(session.open_subscription(from)))
    }

    /// The next one; `None` when the sequencer ended the subscription. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<SubscriptionResponse>, ClientError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}

impl Responses {
    /// As [`Self::next`], for who waits for several.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SubscriptionResponse>, ClientError>> {
        if let Self::Opening(opening) = self {
            match ready!(opening.as_mut().poll(context)) {
                Ok(open) => *self = Self::Open(Box::new(open)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Self::Open(responses) = self else { return Poll::Pending };
        let next = ready!(Pin::new(responses.as_mut()).poll_next(context));
        Poll::Ready(next.transpose().map_err(ClientError::call("Subscribe")))
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening(_) => "Opening",
            Self::Open(_) => "Open",
        })
    }
}

/// The events of a subscription, each checked.
#[derive(Debug)]
pub struct EventStream {
    responses: Responses,
    checker: StreamChecker,
}

impl EventStream {
    pub(crate) fn new(session: Session, resume_at: Option<CantonTimestamp>, keys: EventKeys) -> Self {
        let checker = StreamChecker::new(session.connection().psid().clone(), keys, resume_at);
        Self { responses: Responses::open(session, resume_at), checker }
    }

    /// The next event; `None` when the sequencer ended the subscription. No event is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ClientError::Call`] when the subscription was refused or failed, [`ClientError::Event`] when the event is
    /// wrong. There is no event after an error.
    pub async fn next(&mut self) -> Result<Option<ReceivedEvent>, ClientError> {
        let Some(response) = self.responses.next().await? else { return Ok(None) };
        let checked = self.checker.check(&response.signed_sequenced_event);
        checked.map(Some).map_err(|error| ClientError::Event(Box::new(error)))
    }

    /// What the member knows of the topology, if the keys come from it.
    #[must_use]
    pub const fn topology(&self) -> Option<&MemberTopology> {
        self.checker.topology()
    }
}
