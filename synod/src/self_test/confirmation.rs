//! A transaction is confirmed by its participants, and the mediators approve it.

use std::time::{Duration, Instant};

use synod_client::ClientError;
use synod_crypto::{Hash, HashPurpose, KeyUsages, protocol_message_hash};
use synod_mediator::build::{
    BuiltRequest, TransactionRequest, ViewToConfirm, approve, confirmation_responses, root_hash_message,
};
use synod_mediator::messages::{
    ConfirmationResult, LfParty, MediatorContent, MediatorMessage, RequestUuid, Verdict, ViewType,
};
use synod_types::{CantonTimestamp, MediatorGroupIndex, Recipient};
use synod_wire::{Envelope, Recipients};

use super::member::{Participant, TestMember, unexpected, unsigned};

/// Until when the request has to be sequenced.
const SEQUENCING_LIMIT: Duration = Duration::from_secs(60);

/// A group of mediators that decides; none when the synchronizer has none.
pub(super) async fn mediator_group(participant: &Participant) -> Result<Option<MediatorGroupIndex>, ClientError> {
    let topology = participant.session.start_topology().await?;
    let groups = topology.head_snapshot().mediator_groups();
    Ok(groups.into_iter().find(|group| group.is_active()).map(|group| group.index))
}

/// The first member submits a transaction of which all are informees and that all confirm. Returns how long it took until
/// all had the verdict, from the submission on.
///
/// # Errors
/// [`ClientError`] when there is no approval in time.
pub(super) async fn confirm(members: &mut [TestMember], group: MediatorGroupIndex) -> Result<Duration, ClientError> {
    let participants: Vec<_> = members.iter().map(|member| member.participant.clone()).collect();
    let (request, parties) = request(&participants, group)?;
    let started = Instant::now();
    submit(&participants, group, &request).await?;
    let confirming = members.iter_mut().zip(parties).map(|(member, party)| answer(member, party, group, &request));
    futures::future::try_join_all(confirming).await?;
    Ok(started.elapsed())
}

/// A request with one view that the parties of all participants have to confirm, and these parties.
fn request(
    participants: &[Participant],
    group: MediatorGroupIndex,
) -> Result<(BuiltRequest, Vec<LfParty>), ClientError> {
    let submitter = participants.first().ok_or_else(nobody)?;
    let invalid = |error: &dyn std::error::Error| unexpected(&error.to_string());
    let party = |participant: &Participant| {
        LfParty::parse(&participant.id().uid().to_string(), "party").map_err(|error| invalid(&error))
    };
    let parties = participants.iter().map(party).collect::<Result<Vec<_>, _>>()?;
    // The members are new, so that what follows from the name of one was never there before.
    let seed = Hash::digest(HashPurpose::MERKLE_TREE_INNER_NODE, submitter.id().uid().to_string().as_bytes());
    let digits = hex(&seed.as_digest()[..16]);
    let uuid = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    let request = TransactionRequest {
        psid: submitter.psid().clone(),
        mediator_group: group,
        uuid: RequestUuid::parse(&uuid).map_err(|error| invalid(&error))?,
        submitting_participant: submitter.id(),
        act_as: parties.iter().take(1).cloned().collect(),
        max_sequencing_time: synod_client::max_sequencing_time(SEQUENCING_LIMIT),
        views: vec![ViewToConfirm::of_all(parties.iter().cloned())],
        seed: *seed.as_digest(),
    };
    let key = submitter.session.signer().first_protocol_key()?;
    let built = request.build(&key, submitter.version()).map_err(|error| invalid(&error))?;
    Ok((built, parties))
}

/// The request goes to the mediators, the root hash message to each participant together with them (chapter 04 §1.4).
async fn submit(
    participants: &[Participant],
    group: MediatorGroupIndex,
    request: &BuiltRequest,
) -> Result<(), ClientError> {
    let submitter = participants.first().ok_or_else(nobody)?;
    let mediators = Recipient::MediatorGroup(group);
    let each = participants.iter().map(|participant| {
        let participant = Recipient::Member(participant.member().clone());
        (0, [participant, mediators.clone()].into_iter().collect())
    });
    let each = Recipients::from_preorder(each).ok_or_else(nobody)?;
    let topology_time = submitter.session.time().await?.unwrap_or(CantonTimestamp::MIN);
    let root_hash = root_hash_message(request, submitter.psid(), ViewType::Transaction, topology_time);
    let to_mediators = to_mediators(group)?;
    let envelopes = vec![(unsigned(request.content.clone()), to_mediators), (unsigned(root_hash), each)];
    submitter.send("self-test-request", envelopes).await
}

/// A participant confirms the request when it sees it, and waits for the verdict.
async fn answer(
    member: &mut TestMember,
    party: LfParty,
    group: MediatorGroupIndex,
    request: &BuiltRequest,
) -> Result<(), ClientError> {
    let participant = member.participant.clone();
    let version = participant.version();
    let is_request = |envelope: &Envelope| {
        envelope.signatures.is_empty()
            && matches!(
                MediatorContent::parse(&envelope.content, version),
                Ok(MediatorContent::RootHashMessage(message)) if message.root_hash == request.root_hash
            )
    };
    let request_id = member.find(|received, envelope| is_request(envelope).then_some(received.event.timestamp)).await?;
    let approvals = request.positions.iter().map(|position| approve(position.clone(), [party.clone()]));
    let approvals: Vec<_> = approvals.collect();
    let content =
        confirmation_responses(participant.psid(), request_id, &request.root_hash, &participant.id(), &approvals);
    let key = participant.session.signer().first_protocol_key()?;
    let signed = key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL);
    let envelope = Envelope { content, signatures: vec![signed.map_err(ClientError::Sign)?] };
    participant.send("self-test-response", vec![(envelope, to_mediators(group)?)]).await?;
    match member.find(|_, envelope| result(envelope, request_id)).await?.verdict {
        Verdict::Approve => Ok(()),
        Verdict::ParticipantReject { .. } => Err(unexpected("the mediator says that a participant rejected")),
        Verdict::MediatorReject { reason, .. } => Err(unexpected(&format!("the mediator rejects: {}", reason.message))),
    }
}

/// The result of the request of this time.
fn result(envelope: &Envelope, request_id: CantonTimestamp) -> Option<ConfirmationResult> {
    match MediatorMessage::parse(&envelope.content) {
        Ok(MediatorMessage::ConfirmationResult(result)) if !envelope.signatures.is_empty() => {
            (result.request_id == request_id).then_some(result)
        }
        _ => None,
    }
}

fn to_mediators(group: MediatorGroupIndex) -> Result<Recipients, ClientError> {
    Recipients::group([Recipient::MediatorGroup(group)]).ok_or_else(|| unexpected("no mediators"))
}

fn nobody() -> ClientError {
    unexpected("nobody takes part")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
