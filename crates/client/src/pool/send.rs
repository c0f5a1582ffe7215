//! Sending one submission, if need be to several sequencers (`SequencerClient.amplifiedSend`, chapter 01 §1.10).

use std::sync::Arc;

use synod_types::SequencerId;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tonic::Code;

use super::config::Amplification;
use super::receipts::AwaitedReceipt;
use super::shared::Shared;
use super::state::LinkId;
use crate::error::causes;
use crate::{ClientError, Retry, SignedSubmission};

type Called = (SequencerId, LinkId, Result<(), ClientError>);

/// What a failed attempt means for the submission.
enum Failure {
    /// This sequencer did not take it.
    NotTaken,
    /// It may have taken it.
    PerhapsTaken,
    /// No sequencer should take it.
    Refused,
}

/// A submission on its way.
pub(super) struct Delivery {
    shared: Arc<Shared>,
    submission: SignedSubmission,
    amplification: Amplification,
    /// Further attempts, each after the patience.
    further: u32,
    next_at: Instant,
    tried: Vec<SequencerId>,
    calls: JoinSet<Called>,
    /// Told once.
    result: Option<oneshot::Sender<Result<(), ClientError>>>,
    failure: Option<ClientError>,
}

impl Delivery {
    /// A submission that is delivered once only however often it is sent can be amplified; others go to one sequencer.
    pub(super) fn new(
        shared: Arc<Shared>,
        submission: SignedSubmission,
        amplification: Amplification,
        result: oneshot::Sender<Result<(), ClientError>>,
    ) -> Self {
        let further = if submission.is_delivered_once { amplification.factor.saturating_sub(1) } else { 0 };
        Self {
            shared,
            submission,
            amplification,
            further,
            next_at: Instant::now(),
            tried: Vec::new(),
            calls: JoinSet::new(),
            result: Some(result),
            failure: None,
        }
    }

    /// Sends until the receipt came or nothing is left to try.
    pub(super) async fn run(mut self) {
        let (id, until) = (&self.submission.message_id, self.submission.max_sequencing_time);
        let mut receipt = (self.further > 0).then(|| self.shared.receipts.await_one(id, until));
        self.attempt();
        while !self.is_over() {
            tokio::select! {
                biased;
                () = seen(&mut receipt) => return self.tell(Ok(())),
                Some(called) = self.calls.join_next() => self.called(called),
                () = tokio::time::sleep_until(self.next_at), if self.further > 0 => {
                    self.further -= 1;
                    self.attempt();
                }
            }
        }
        if let Some(failure) = self.failure.take() {
            self.tell(Err(failure));
        }
    }

    fn is_over(&self) -> bool {
        self.further == 0 && self.calls.is_empty()
    }

    fn tell(&mut self, result: Result<(), ClientError>) {
        if let Some(sender) = self.result.take() {
            // Who does not wait any more does not want to know.
            let _ = sender.send(result);
        }
    }

    fn attempt(&mut self) {
        self.next_at = Instant::now() + self.amplification.patience;
        match self.shared.choose(|state| state.pick(&self.tried)) {
            Some((sequencer, link, session)) => {
                if !self.tried.is_empty() {
                    let (id, attempt) = (&self.submission.message_id, self.tried.len() + 1);
                    tracing::info!(message_id = %id, attempt, %sequencer, "a submission is sent to another sequencer");
                }
                self.tried.push(sequencer.clone());
                let bytes = self.submission.bytes.clone();
                self.calls.spawn(async move { (sequencer, link, session.send_signed(bytes).await) });
            }
            None => self.failure = Some(self.shared.no_sequencer()),
        }
    }

    fn called(&mut self, called: Result<Called, JoinError>) {
        let Ok((sequencer, link, result)) = called else { return };
        let error = match result {
            Ok(()) => return self.tell(Ok(())),
            // It is sequenced already (chapter 01 §1.10).
            Err(error) if error.status().is_some_and(|status| status.code() == Code::AlreadyExists) => {
                return self.tell(Ok(()));
            }
            Err(error) => error,
        };
        self.shared.doubt(link, &error);
        let id = &self.submission.message_id;
        tracing::debug!(message_id = %id, %sequencer, error = causes(&error), "a submission was not taken");
        let failure = failure_of(&error);
        self.failure = Some(error);
        match failure {
            Failure::Refused => self.further = 0,
            Failure::PerhapsTaken if !self.submission.is_delivered_once => self.further = 0,
            Failure::PerhapsTaken | Failure::NotTaken => {
                let is_untried = |state: &mut super::state::PoolState| {
                    state.pick(&self.tried).is_some_and(|(sequencer, ..)| !self.tried.contains(&sequencer))
                };
                if self.shared.choose(is_untried) {
                    self.attempt();
                }
            }
        }
    }
}

async fn seen(receipt: &mut Option<AwaitedReceipt>) {
    match receipt {
        Some(receipt) => receipt.seen().await,
        None => std::future::pending().await,
    }
}

fn failure_of(error: &ClientError) -> Failure {
    match error {
        ClientError::Timeout { .. } => Failure::PerhapsTaken,
        // The login failed there.
        ClientError::NoLoginKey | ClientError::Answer { .. } => Failure::NotTaken,
        ClientError::Call { status, .. } if matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated) => {
            Failure::NotTaken
        }
        // The sequencer may be behind the others.
        _ if error.error_id().as_deref() == Some("SEQUENCER_MAX_SEQUENCING_TIME_TOO_FAR") => Failure::NotTaken,
        _ => match error.retry() {
            Retry::Later => Failure::NotTaken,
            Retry::Unknown => Failure::PerhapsTaken,
            Retry::Never => Failure::Refused,
        },
    }
}
