//! What this sequencer submits itself: broadcasts of topology (ch. 02 §4.1), and purchases of traffic (in [`super::purchase`]).

use std::time::Duration;

use bytes::Bytes;
use synod_crypto::submission_request_hash;
use synod_machine::OrderedKind;
use synod_ordering::{Entry, SubmitError};
use synod_pipeline::Head;
use synod_types::{CantonTimestamp, InvalidIdentifier, MessageId, Recipient};
use synod_wire::{AggregationRule, Batch, Envelope, Recipients, SignedContent, SubmissionRequestContent};
use thiserror::Error;

use super::{RateLimits, Refused, check};
use crate::core::Core;
use crate::signing::SigningFault;

/// How long a broadcast may take to be sequenced (`topologyTransactionRegistrationTimeout`).
const BROADCAST_LIFETIME: Duration = Duration::from_secs(20);

/// A broadcast cannot be made.
#[derive(Debug, Error)]
pub(crate) enum BroadcastFault {
    /// The system has no random numbers.
    #[error("there are no random numbers")]
    Random,
    /// There is nobody to send it to, which cannot be.
    #[error("a broadcast has no recipients")]
    NoRecipients,
    /// Its name is none, which cannot be.
    #[error("the name of a broadcast")]
    MessageId(#[from] InvalidIdentifier),
    /// It cannot be signed.
    #[error("a broadcast cannot be signed")]
    Sign(#[from] SigningFault),
}

/// A submission of this sequencer was not ordered.
#[derive(Debug, Error)]
pub enum BroadcastError {
    /// It cannot be made or signed.
    #[error("the submission cannot be made")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not pass the checks that a submission of every member has to pass, or it cannot be ordered at present.
    #[error("the submission was refused: {0}")]
    Refused(String),
}

/// Signed bytes to be ordered.
#[derive(Debug)]
pub(crate) struct OwnSubmission {
    /// Versioned `SignedContent`.
    pub(crate) bytes: Bytes,
    /// When it is too late.
    pub(crate) max_sequencing_time: CantonTimestamp,
}

/// An envelope with this content to everybody, sent by this sequencer.
pub(crate) fn broadcast(core: &Core, head: &Head, content: Bytes) -> Result<OwnSubmission, BroadcastFault> {
    let version = core.version();
    let everybody = Recipients::group([Recipient::AllMembersOfSynchronizer]).ok_or(BroadcastFault::NoRecipients)?;
    let envelope = Envelope { content, signatures: Vec::new() };
    let max_sequencing_time = core.latest_time(head).saturating_add(BROADCAST_LIFETIME);
    signed(core, head, Batch::new(version, vec![(envelope, everybody)]), max_sequencing_time, None)
}

/// A batch, signed as a submission of this sequencer.
pub(crate) fn signed(
    core: &Core,
    head: &Head,
    batch: Batch,
    max_sequencing_time: CantonTimestamp,
    aggregation_rule: Option<AggregationRule>,
) -> Result<OwnSubmission, BroadcastFault> {
    let version = core.version();
    let request = SubmissionRequestContent {
        sender: core.sequencer.member(),
        message_id: message_id()?,
        batch,
        max_sequencing_time,
        topology_timestamp: None,
        aggregation_rule,
        submission_cost: None,
    }
    .to_versioned_bytes(version);
    let now = core.latest_time(head).immediate_successor();
    let signature = core.signer.sign(head, now, &submission_request_hash(&request))?;
    let bytes = SignedContent::new(request, signature, None).to_versioned_bytes(version);
    Ok(OwnSubmission { bytes, max_sequencing_time })
}

/// Orders a broadcast, after the checks of every submission. Its max sequencing time.
pub(crate) async fn submit(core: &Core, content: Bytes) -> Result<CantonTimestamp, BroadcastError> {
    order(core, |head| broadcast(core, head, content)).await
}

/// Orders a submission that is made for the head, after the checks of every submission. Its max sequencing time.
pub(crate) async fn order(
    core: &Core,
    make: impl FnOnce(&Head) -> Result<OwnSubmission, BroadcastFault>,
) -> Result<CantonTimestamp, BroadcastError> {
    let ready = {
        let head = core.head();
        let submission = make(&head).map_err(|fault| BroadcastError::Fault(fault.into()))?;
        // Of sequencers no rate is limited.
        let rates = RateLimits::new(core.settings.confirmation_request_burst_seconds);
        let checked = check(core, &rates, &head, &core.sequencer.member(), &submission.bytes);
        checked.map(|()| submission)
    };
    let refused = |refused: &Refused| {
        core.metrics.refused.with_label_values(&[refused.label()]).inc();
        BroadcastError::Refused(format!("{refused:?}"))
    };
    let OwnSubmission { bytes, max_sequencing_time } = ready.map_err(|why| refused(&why))?;
    let ordered = core.orderer.submit(Entry { kind: OrderedKind::Send, bytes }).await;
    ordered.map(|()| max_sequencing_time).map_err(|error| match error {
        SubmitError::Overloaded => refused(&Refused::Overloaded("Too many requests wait to be ordered".to_owned())),
        SubmitError::Unavailable => refused(&Refused::Unavailable),
    })
}

/// A name that no other broadcast has.
fn message_id() -> Result<MessageId, BroadcastFault> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| BroadcastFault::Random)?;
    Ok(MessageId::parse(&hex::encode(bytes))?)
}
