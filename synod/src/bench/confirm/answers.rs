//! What participants do with their events: they answer requests, and take note of verdicts.

use std::sync::Arc;

use synod_client::{ClientError, EventStream, Submission, max_sequencing_time};
use synod_mediator::messages::{MediatorContent, Verdict};
use synod_types::{CantonTimestamp, MessageId};
use synod_wire::{Batch, Envelope, SequencedEvent, SequencedEventContent};
use tokio::task::JoinHandle;

use super::participants::Shared;
use super::requests::REQUEST_PREFIX;
use super::tally::Request;
use super::wrong;
use crate::bench::load::{self, MAX_SEQUENCING_DELAY};
use crate::transactions;

/// Message ids of answers are this, the number of the request, and that of the participant.
const ANSWER_PREFIX: &str = "answer-";
/// Most bytes that an envelope is decompressed to.
const CONTENT_LIMIT_BYTES: usize = 10 * 1024 * 1024;

/// Has all participants read their events.
pub(super) async fn read_all(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>, ClientError> {
    let mut readers = Vec::with_capacity(shared.participants.len());
    for (index, participant) in shared.participants.iter().enumerate() {
        let events = participant.session.subscribe(None, Vec::new()).await?;
        let shared = Arc::clone(shared);
        readers.push(tokio::spawn(async move {
            let take = |event: &SequencedEvent| take(&shared, index, event);
            shared.tally.subscription_ended(read(events, take).await);
        }));
    }
    Ok(readers)
}

/// Reads events to the end of the subscription. Returns why it ended.
pub(super) async fn read(mut events: EventStream, mut take: impl FnMut(&SequencedEvent)) -> String {
    loop {
        match events.next().await {
            Ok(Some(received)) => take(&received.event),
            Ok(None) => return "the sequencer ended it".to_owned(),
            Err(error) => return error.to_string(),
        }
    }
}

/// The envelopes that can be opened of those that are wanted.
pub(super) fn open<'a>(
    batch: &'a Batch,
    is_wanted: impl Fn(usize) -> bool + 'a,
) -> impl Iterator<Item = Envelope> + 'a {
    let wanted = (0..batch.len()).filter(move |index| is_wanted(*index));
    wanted.filter_map(|index| batch.open_envelope(index, CONTENT_LIMIT_BYTES).ok())
}

fn take(shared: &Arc<Shared>, index: usize, event: &SequencedEvent) {
    shared.observe(event.timestamp);
    let id = event.message_id.as_ref().map_or("", MessageId::as_str);
    let batch = match &event.content {
        SequencedEventContent::Deliver { batch } => batch,
        SequencedEventContent::Error { status } => {
            let name = error_id(status);
            if let Some(number) = id.strip_prefix(REQUEST_PREFIX).and_then(|number| number.parse().ok()) {
                shared.tally.refused(number, name);
            } else if let Some(number) = answered(id) {
                shared.tally.answer_refused(number, name);
            }
            return;
        }
    };
    if let Some(number) = answered(id) {
        return shared.tally.answer_sequenced(number);
    }
    // A request: the root hash message is for the participant and who decides. Other batches have a verdict.
    let is_for_deciders = |at: &usize| {
        batch.recipients().get(*at).is_some_and(|group| group.iter().any(|one| *one == shared.place.deciders))
    };
    if let Some(at) = (0..batch.len()).find(is_for_deciders) {
        for envelope in open(batch, move |index| index == at) {
            take_request(shared, index, event.timestamp, &envelope);
        }
        return;
    }
    for result in open(batch, |_| true).filter_map(|envelope| transactions::result(&envelope)) {
        let rejection = match result.verdict {
            Verdict::Approve => None,
            Verdict::ParticipantReject { .. } => Some("participants reject".to_owned()),
            Verdict::MediatorReject { reason, .. } => Some(reason.message),
        };
        shared.tally.verdict(index, result.request_id, rejection);
    }
}

fn take_request(shared: &Arc<Shared>, index: usize, request_id: CantonTimestamp, envelope: &Envelope) {
    let version = shared.place.psid.protocol_version();
    let Ok(MediatorContent::RootHashMessage(message)) = MediatorContent::parse(&envelope.content, version) else {
        return;
    };
    let Some((number, request)) = shared.tally.sequenced(index, &message.root_hash, request_id) else { return };
    if request.is_answered {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            if let Err(error) = answer(&shared, index, (number, &request), request_id).await {
                shared.tally.answer_refused((number, index), load::name_of(&error));
            }
        });
    }
}

async fn answer(
    shared: &Shared,
    index: usize,
    (number, request): (u64, &Request),
    request_id: CantonTimestamp,
) -> Result<(), ClientError> {
    let participant = shared.participants.get(index).ok_or_else(|| wrong("no such participant"))?;
    let what = (&request.root_hash, &request.positions[..]);
    let approval = shared.place.approval(&participant.informee, request_id, what, &participant.key)?;
    let version = shared.place.psid.protocol_version();
    let message_id = MessageId::parse(&format!("{ANSWER_PREFIX}{number}-{index}")).map_err(wrong)?;
    let batch = Batch::new(version, vec![approval]);
    let submission = Submission::new(message_id, batch, max_sequencing_time(MAX_SEQUENCING_DELAY));
    let signed = submission.sign(&participant.identity, version)?;
    shared.tally.answering((number, index));
    participant.session.send_signed(signed).await
}

/// The request and the participant of an answer.
fn answered(id: &str) -> Option<(u64, usize)> {
    let (number, index) = id.strip_prefix(ANSWER_PREFIX)?.split_once('-')?;
    Some((number.parse().ok()?, index.parse().ok()?))
}

/// Canton's name of the error in a `google.rpc.Status`.
fn error_id(status: &bytes::Bytes) -> String {
    use prost::Message as _;
    let status = synod_proto::google::rpc::Status::decode(status.clone());
    status.map_or_else(
        |_| "unknown".to_owned(),
        |status| status.message.split(['(', ' ']).next().unwrap_or("").to_owned(),
    )
}
