//! A subscription that goes on (chapter 01 §1.10 and §2, step 12).

use std::time::Duration;

use synod_types::CantonTimestamp;
use tonic::Code;

use crate::stream::Responses;
use crate::{ClientError, EventKeys, MemberTopology, ReceivedEvent, Session, StreamChecker};

/// What a sequencer says when it ends a subscription because its token has ended. A part of the protocol.
const TOKEN_HAS_EXPIRED: &str = "Subscription token has expired";

/// How long to wait before a lost subscription is opened again: twice as long after each attempt without an event.
#[derive(Debug, Clone, Copy)]
pub struct ResumePolicy {
    /// After the first loss.
    pub first_delay: Duration,
    /// At most.
    pub max_delay: Duration,
}

impl Default for ResumePolicy {
    fn default() -> Self {
        Self { first_delay: Duration::from_millis(10), max_delay: Duration::from_secs(10) }
    }
}

/// The events of a member, each once and each checked, over as many streams as it takes.
#[derive(Debug)]
pub struct Subscription {
    session: Session,
    checker: StreamChecker,
    responses: Option<Responses>,
    policy: ResumePolicy,
    delay: Duration,
    open_at: Option<tokio::time::Instant>,
}

impl Subscription {
    pub(crate) fn new(
        session: Session,
        resume_at: Option<CantonTimestamp>,
        keys: EventKeys,
        policy: ResumePolicy,
    ) -> Self {
        let checker = StreamChecker::new(session.connection().psid().clone(), keys, resume_at);
        Self { session, checker, responses: None, policy, delay: policy.first_delay, open_at: None }
    }

    /// The next event. Waits as long as it takes, through losses of the connection; the caller sets a limit when it has
    /// one. No event is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ClientError`] when the sequencer refuses the member or sends a wrong event: it makes no sense to go on. Losses
    /// are none.
    pub async fn next(&mut self) -> Result<ReceivedEvent, ClientError> {
        loop {
            let responses = match &mut self.responses {
                Some(responses) => responses,
                None => {
                    if let Some(open_at) = self.open_at {
                        tokio::time::sleep_until(open_at).await;
                    }
                    let from = self.checker.resume();
                    self.responses.insert(Responses::open(self.session.clone(), from))
                }
            };
            let lost = match responses.next().await {
                Ok(Some(response)) => {
                    self.delay = self.policy.first_delay;
                    let is_known = self.checker.is_repeating();
                    let checked = self.checker.check(&response.signed_sequenced_event);
                    let event = checked.map_err(|error| ClientError::Event(Box::new(error)))?;
                    if is_known {
                        continue;
                    }
                    return Ok(event);
                }
                Ok(None) => None,
                Err(error) if classify(Some(&error)) == Loss::Refused => {
                    self.responses = None;
                    return Err(error);
                }
                Err(error) => Some(error),
            };
            self.lose(lost).await;
        }
    }

    async fn lose(&mut self, error: Option<ClientError>) {
        self.responses = None;
        if let Some(status) = error.as_ref().and_then(ClientError::status) {
            self.session.forget_refused(status).await;
        }
        if classify(error.as_ref()) == Loss::LoginEnded {
            tracing::debug!("the login ended; subscribing again");
            self.open_at = None;
            return;
        }
        let why = error.map_or_else(|| "the sequencer ended it".to_owned(), |error| error.to_string());
        let url = self.session.connection().url();
        tracing::info!(url, why, delay_ms = self.delay.as_millis(), "subscription lost; subscribing again");
        self.open_at = Some(tokio::time::Instant::now() + self.delay);
        self.delay = (self.delay * 2).min(self.policy.max_delay);
    }

    /// What the member knows of the topology, if the keys come from it.
    #[must_use]
    pub const fn topology(&self) -> Option<&MemberTopology> {
        self.checker.topology()
    }

    /// The same, to forget old parts of it.
    pub const fn topology_mut(&mut self) -> Option<&mut MemberTopology> {
        self.checker.topology_mut()
    }
}

/// What the end of a stream means (`GrpcSubscriptionErrorRetryPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The login ended: another stream succeeds at once.
    LoginEnded,
    /// Another stream may succeed later.
    Resumable,
    /// The sequencer does not take the member.
    Refused,
}

/// Classifies the end of a stream; without an error the sequencer ended it.
pub(crate) fn classify(error: Option<&ClientError>) -> Loss {
    match error {
        None | Some(ClientError::Connect { .. } | ClientError::Timeout { .. }) => Loss::Resumable,
        Some(ClientError::Call { status, .. }) => match status.code() {
            Code::Unavailable if status.message() == TOKEN_HAS_EXPIRED => Loss::LoginEnded,
            Code::Unavailable
            | Code::Unimplemented
            | Code::Internal
            | Code::Unknown
            | Code::DataLoss
            | Code::Cancelled
            | Code::DeadlineExceeded => Loss::Resumable,
            Code::Unauthenticated if crate::call::is_token_missing(status) => Loss::Resumable,
            _ => Loss::Refused,
        },
        Some(_) => Loss::Refused,
    }
}
