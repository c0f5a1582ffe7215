//! Transactions that participants confirm, as far as sequencers and mediators see of them: what members send that try a
//! synchronizer, or load it.

use std::error::Error;
use std::time::Duration;

use synod_client::{ClientError, Session, max_sequencing_time};
use synod_crypto::{Hash, HashPurpose, KeyUsages, SigningPrivateKey, protocol_message_hash};
use synod_mediator::build::{
    BuiltRequest, TransactionRequest, ViewToConfirm, approve, confirmation_responses, root_hash_message,
};
use synod_mediator::messages::{ConfirmationResult, LfParty, MediatorMessage, RequestUuid, ViewPosition, ViewType};
use synod_types::{CantonTimestamp, MediatorGroupIndex, Member, ParticipantId, PhysicalSynchronizerId, Recipient};
use synod_wire::{Envelope, Recipients};

/// Until when a request has to be sequenced.
pub(crate) const SEQUENCING_LIMIT: Duration = Duration::from_secs(60);
const STEP: &str = "a confirmation request";

/// A participant and its own party, which it hosts without a mapping that says so.
#[derive(Debug, Clone)]
pub(crate) struct Informee {
    pub(crate) participant: ParticipantId,
    pub(crate) party: LfParty,
}

impl Informee {
    /// # Errors
    /// [`ClientError::Answer`] when a name like this cannot be that of a party.
    pub(crate) fn new(member: &Member) -> Result<Self, ClientError> {
        let participant = ParticipantId::new(member.uid().clone());
        let party = LfParty::parse(&member.uid().to_string(), "party").map_err(|error| invalid(&error))?;
        Ok(Self { participant, party })
    }

    fn recipient(&self) -> Recipient {
        Recipient::Member(self.participant.member())
    }
}

/// Where all of this happens.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) group: MediatorGroupIndex,
    /// Who gets what is for the mediators: their group, or a member in its place.
    pub(crate) deciders: Recipient,
}

impl Place {
    /// With a group of mediators that decides; none when the synchronizer has none.
    pub(crate) async fn find(session: &Session) -> Result<Option<Self>, ClientError> {
        let topology = session.start_topology().await?;
        let groups = topology.head_snapshot().mediator_groups();
        let active = groups.into_iter().find(|group| group.is_active());
        let psid = session.connection().psid().clone();
        Ok(active.map(|group| Self { psid, group: group.index, deciders: Recipient::MediatorGroup(group.index) }))
    }

    fn to_deciders(&self) -> Result<Recipients, ClientError> {
        Recipients::group([self.deciders.clone()]).ok_or_else(nobody)
    }

    /// A request with one view that the parties of all informees have to confirm; the first one submits it with `key`.
    /// `name` tells it from all others of the synchronizer.
    ///
    /// # Errors
    /// [`ClientError::Answer`] when a mediator would not read it.
    pub(crate) fn request(
        &self,
        informees: &[&Informee],
        key: &SigningPrivateKey,
        name: &str,
    ) -> Result<BuiltRequest, ClientError> {
        let submitter = informees.first().ok_or_else(nobody)?;
        let seed = Hash::digest(HashPurpose::MERKLE_TREE_INNER_NODE, name.as_bytes());
        let request = TransactionRequest {
            psid: self.psid.clone(),
            mediator_group: self.group,
            uuid: uuid(&seed)?,
            submitting_participant: submitter.participant.clone(),
            act_as: vec![submitter.party.clone()],
            max_sequencing_time: max_sequencing_time(SEQUENCING_LIMIT),
            views: vec![ViewToConfirm::of_all(informees.iter().map(|informee| informee.party.clone()))],
            seed: *seed.as_digest(),
        };
        request.build(key, self.psid.protocol_version()).map_err(|error| invalid(&error))
    }

    /// The request goes to the mediators, the root hash message to each participant together with them (chapter 04 §1.4).
    pub(crate) fn envelopes(
        &self,
        request: &BuiltRequest,
        informees: &[&Informee],
        topology_time: CantonTimestamp,
    ) -> Result<Vec<(Envelope, Recipients)>, ClientError> {
        let each = informees.iter().map(|one| (0, [one.recipient(), self.deciders.clone()].into_iter().collect()));
        let each = Recipients::from_preorder(each).ok_or_else(nobody)?;
        let root_hash = root_hash_message(request, &self.psid, ViewType::Transaction, topology_time);
        Ok(vec![(unsigned(request.content.clone()), self.to_deciders()?), (unsigned(root_hash), each)])
    }

    /// The informee confirms all views of the request that was sequenced at `request_id`.
    pub(crate) fn approval(
        &self,
        informee: &Informee,
        request_id: CantonTimestamp,
        (root_hash, positions): (&Hash, &[ViewPosition]),
        key: &SigningPrivateKey,
    ) -> Result<(Envelope, Recipients), ClientError> {
        let approvals = positions.iter().map(|position| approve(position.clone(), [informee.party.clone()]));
        let approvals: Vec<_> = approvals.collect();
        let content = confirmation_responses(&self.psid, request_id, root_hash, &informee.participant, &approvals);
        let signature = key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL).map_err(ClientError::Sign)?;
        Ok((Envelope { content, signatures: vec![signature] }, self.to_deciders()?))
    }
}

/// The result in an envelope, if there is one.
pub(crate) fn result(envelope: &Envelope) -> Option<ConfirmationResult> {
    if envelope.signatures.is_empty() {
        return None;
    }
    match MediatorMessage::parse(&envelope.content) {
        Ok(MediatorMessage::ConfirmationResult(result)) => Some(result),
        _ => None,
    }
}

/// An envelope that nobody signed.
pub(crate) const fn unsigned(content: bytes::Bytes) -> Envelope {
    Envelope { content, signatures: Vec::new() }
}

fn uuid(seed: &Hash) -> Result<RequestUuid, ClientError> {
    let digits: String = seed.as_digest()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    RequestUuid::parse(&uuid).map_err(|error| invalid(&error))
}

fn invalid(error: &dyn Error) -> ClientError {
    ClientError::Answer { call: STEP, reason: error.to_string() }
}

fn nobody() -> ClientError {
    ClientError::Answer { call: STEP, reason: "nobody takes part".to_owned() }
}
