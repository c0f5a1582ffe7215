//! Submits requests: as fast as the window allows, or at a rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_client::{ClientError, Submission, max_sequencing_time};
use synod_types::MessageId;
use synod_wire::Batch;
use tokio::task::JoinSet;

use super::participants::{Participant, Shared};
use super::tally::Request;
use super::wrong;
use crate::bench::load::{self, MAX_SEQUENCING_DELAY};
use crate::transactions::Informee;

/// Message ids of requests are this and their number.
pub(super) const REQUEST_PREFIX: &str = "confirm-";

/// Submits until the plan is over, and waits for the answers of the sequencer.
pub(super) async fn submit(shared: &Arc<Shared>, started: Instant) {
    let plan = &shared.plan;
    let deadline = tokio::time::Instant::from_std(started + plan.load.duration);
    let mut calls = JoinSet::new();
    for number in 0..plan.requests.unwrap_or(u64::MAX) {
        if let Some(rate) = plan.load.rate {
            let due = started + Duration::from_secs_f64(number as f64 / f64::from(rate.max(1)));
            tokio::time::sleep_until(due.into()).await;
        }
        if started.elapsed() >= plan.load.duration {
            break;
        }
        // When nothing comes back the window stays full: the end of the plan is the end all the same.
        let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, shared.tally.window.acquire()).await else { break };
        // The permit comes back with the verdict, or with the refusal.
        permit.forget();
        calls.spawn(request(Arc::clone(shared), number, true));
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

/// Submits the requests that nobody answers. Each waits for its event only.
pub(super) async fn submit_unanswered(shared: &Arc<Shared>) {
    let first = shared.tally.next_number();
    let mut calls = JoinSet::new();
    for number in first..first.saturating_add(shared.plan.unanswered) {
        let Ok(permit) = shared.tally.window.acquire().await else { break };
        permit.forget();
        calls.spawn(request(Arc::clone(shared), number, false));
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

async fn request(shared: Arc<Shared>, number: u64, is_answered: bool) {
    let informees: Vec<&Participant> =
        shared.informees(number).filter_map(|index| shared.participants.get(index)).collect();
    let Some((submitter, submitter_index)) = informees.first().zip(shared.informees(number).next()) else { return };
    let made = make(&shared, number, &informees).and_then(|(submission, request)| {
        let signed = submission.sign(&submitter.identity, shared.place.psid.protocol_version())?;
        Ok((signed, Request { submitter: submitter_index, is_answered, ..request }))
    });
    let (signed, request) = match made {
        Ok(made) => made,
        Err(error) => return shared.tally.not_made(&error.to_string()),
    };
    shared.tally.sending(number, request);
    match submitter.session.send_signed(signed).await {
        Ok(()) => shared.tally.accepted(),
        Err(error) if load::is_unknown(&error) => shared.tally.unknown(number, load::name_of(&error)),
        Err(error) => shared.tally.refused(number, load::name_of(&error)),
    }
}

fn make(shared: &Shared, number: u64, informees: &[&Participant]) -> Result<(Submission, Request), ClientError> {
    let submitter = informees.first().ok_or_else(|| wrong("nobody takes part"))?;
    let parties: Vec<&Informee> = informees.iter().map(|one| &one.informee).collect();
    let name = format!("{}-{number}", submitter.session.member().uid());
    let built = shared.place.request(&parties, &submitter.key, &name)?;
    let envelopes = shared.place.envelopes(&built, &parties, shared.latest())?;
    let views = shared.views(number).ok_or_else(|| wrong("no views"))?;
    let batch = Batch::new(shared.place.psid.protocol_version(), envelopes).followed_by(&views);
    let batch = batch.ok_or_else(|| wrong("batches of different versions"))?;
    let message_id = MessageId::parse(&format!("{REQUEST_PREFIX}{number}")).map_err(wrong)?;
    let submission = Submission::new(message_id, batch, max_sequencing_time(MAX_SEQUENCING_DELAY));
    let request =
        Request { submitter: 0, is_answered: true, root_hash: built.root_hash, positions: built.positions.into() };
    Ok((submission, request))
}
