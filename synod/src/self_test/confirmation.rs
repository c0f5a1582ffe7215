//! A transaction is confirmed by its participants, and the mediators approve it.

use std::time::{Duration, Instant};

use synod_client::{ClientError, ReceivedEvent};
use synod_mediator::build::BuiltRequest;
use synod_mediator::messages::{MediatorContent, Verdict};
use synod_types::CantonTimestamp;
use synod_wire::Envelope;

use super::member::{Participant, TestMember, unexpected};
use super::verdict::verify;
use crate::transactions::{Informee, Place, result};

/// The first member submits a transaction of which all are informees and that all confirm. Returns how long it took until
/// all had the verdict, from the submission on.
///
/// # Errors
/// [`ClientError`] when there is no approval in time.
pub(super) async fn confirm(members: &mut [TestMember], place: &Place) -> Result<Duration, ClientError> {
    let informees = members.iter().map(|member| Informee::new(member.participant.member()));
    let informees = informees.collect::<Result<Vec<_>, _>>()?;
    let submitter = members.first().map(|member| member.participant.clone());
    let submitter = submitter.ok_or_else(|| unexpected("nobody takes part"))?;
    let everybody: Vec<&Informee> = informees.iter().collect();
    let key = submitter.session.signer().first_protocol_key()?;
    // The members are new, so that what follows from the name of one was never there before.
    let request = place.request(&everybody, &key, &submitter.member().uid().to_string())?;
    let started = Instant::now();
    let topology_time = submitter.session.time().await?.unwrap_or(CantonTimestamp::MIN);
    submitter.send("self-test-request", place.envelopes(&request, &everybody, topology_time)?).await?;
    let confirming = members.iter_mut().zip(&informees).map(|(member, one)| answer(member, one, place, &request));
    futures::future::try_join_all(confirming).await?;
    Ok(started.elapsed())
}

/// A participant confirms the request when it sees it, and waits for the verdict.
async fn answer(
    member: &mut TestMember,
    informee: &Informee,
    place: &Place,
    request: &BuiltRequest,
) -> Result<(), ClientError> {
    let participant: Participant = member.participant.clone();
    let version = place.psid.protocol_version();
    let is_request = |envelope: &Envelope| {
        envelope.signatures.is_empty()
            && matches!(
                MediatorContent::parse(&envelope.content, version),
                Ok(MediatorContent::RootHashMessage(message)) if message.root_hash == request.root_hash
            )
    };
    let request_id = member.find(|received, envelope| is_request(envelope).then_some(received.event.timestamp)).await?;
    let key = participant.session.signer().first_protocol_key()?;
    let approval = place.approval(informee, request_id, (&request.root_hash, &request.positions), &key)?;
    participant.send("self-test-response", vec![approval]).await?;
    let is_result = |received: &ReceivedEvent, envelope: &Envelope| {
        let found = result(envelope).filter(|result| result.request_id == request_id)?;
        Some((found, received.event.timestamp, envelope.clone()))
    };
    let (found, sequenced, envelope) = member.find(is_result).await?;
    verify(member.topology()?.state(), place.group, sequenced, &envelope)
        .map_err(|error| unexpected(&format!("the verdict is not signed by the mediators: {error}")))?;
    match found.verdict {
        Verdict::Approve => Ok(()),
        Verdict::ParticipantReject { .. } => Err(unexpected("the mediator says that a participant rejected")),
        Verdict::MediatorReject { reason, .. } => Err(unexpected(&format!("the mediator rejects: {}", reason.message))),
    }
}
