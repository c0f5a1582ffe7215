//! Sends submissions: as fast as the window allows, or at a rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_client::{ClientError, Retry, Submission, max_sequencing_time};
use synod_types::{MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients};
use tokio::task::JoinSet;

use super::members::{MESSAGE_ID_PREFIX, Way};
use super::tally::Tally;
use super::{BenchMember, Members, Plan};

/// How long a submission may take until it is sequenced.
pub(super) const MAX_SEQUENCING_DELAY: Duration = Duration::from_secs(60);

/// Different contents for each recipient. A multiple of ten: the mixed payload has every tenth one large.
const VARIETY: usize = 60;

/// Submits until the time of the plan is over, and waits for all answers.
pub(super) async fn submit(plan: &Plan, members: &Members, tally: &Arc<Tally>, started: Instant) {
    let numbers = Arc::new(AtomicU64::new(0));
    let batches = Batches::new(members);
    let mut calls = JoinSet::new();
    let deadline = tokio::time::Instant::from_std(started + plan.duration);
    while started.elapsed() < plan.duration {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if let Some(rate) = plan.rate {
            let due = started + Duration::from_secs_f64(number as f64 / f64::from(rate.max(1)));
            tokio::time::sleep_until(due.into()).await;
        }
        // When nothing comes back the window stays full: the end of the plan is the end all the same.
        let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, tally.window.acquire()).await else { break };
        // The permit comes back with the event, or with the refusal.
        permit.forget();
        let (sender, other) = pick(members, number);
        let submission = batches.submission(plan, members, number, other);
        let (member, tally) = (Arc::clone(&members[sender]), Arc::clone(tally));
        calls.spawn(async move {
            let Some(signed) = submission.and_then(|one| one.sign(&member.identity, member.version()).ok()) else {
                tally.refused(number, "the submission could not be made".to_owned());
                return;
            };
            tally.sending(number);
            match &member.way {
                Way::Sequencer(session) => match session.send_signed(signed).await {
                    Ok(()) => tally.accepted(number),
                    Err(error) if is_unknown(&error) => tally.unknown(number, name_of(&error)),
                    Err(error) => tally.refused(number, name_of(&error)),
                },
                Way::Table(table) => table.insert(number, signed).await,
            }
        });
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

/// The sender and another member.
fn pick(members: &Members, number: u64) -> (usize, usize) {
    let count = members.len() as u64;
    let sender = number % count;
    let other = (sender + 1 + number / count % (count - 1)) % count;
    (usize::try_from(sender).unwrap_or(0), usize::try_from(other).unwrap_or(0))
}

/// The batches that are sent, made when they are first needed: a generator that compressed each of them would be busier than
/// the sequencer.
struct Batches(Vec<[OnceLock<Batch>; VARIETY]>);

impl Batches {
    fn new(members: &Members) -> Self {
        Self(members.iter().map(|_| [const { OnceLock::new() }; VARIETY]).collect())
    }

    fn submission(&self, plan: &Plan, members: &Members, number: u64, other: usize) -> Option<Submission> {
        let slot = self.0.get(other)?.get(usize::try_from(number % VARIETY as u64).ok()?)?;
        let batch = match slot.get() {
            Some(batch) => batch,
            None => {
                let made = batch(plan, &members[other], number)?;
                slot.get_or_init(|| made)
            }
        };
        let message_id = MessageId::parse(&format!("{MESSAGE_ID_PREFIX}{number}")).ok()?;
        Some(Submission::new(message_id, batch.clone(), max_sequencing_time(MAX_SEQUENCING_DELAY)))
    }
}

/// A batch for one member, with its encoding.
fn batch(plan: &Plan, recipient: &BenchMember, number: u64) -> Option<Batch> {
    let recipients = Recipients::group([Recipient::Member(recipient.identity.member().clone())])?;
    let envelope = Envelope { content: content(plan.payload.bytes(number), number), signatures: Vec::new() };
    let batch = Batch::new(recipient.version(), vec![(envelope, recipients)]);
    Batch::parse_canonical_proto(&batch.to_compressed_proto(), recipient.version()).ok()
}

/// Bytes that do not compress, different for each number: what encrypted views look like.
pub(super) fn content(length: usize, number: u64) -> Bytes {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}

/// Whether the sequencer may have taken the submission although the call failed.
pub(super) fn is_unknown(error: &ClientError) -> bool {
    matches!(error, ClientError::Timeout { .. }) || error.retry() == Retry::Unknown
}

pub(super) fn name_of(error: &ClientError) -> String {
    error
        .error_id()
        .unwrap_or_else(|| error.status().map_or_else(|| error.to_string(), |status| format!("{:?}", status.code())))
}
