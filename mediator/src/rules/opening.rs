//! What an event brings to the mediator (chapter 04 §1.1, §3.1: steps 1 to 4).
//!
//! However many envelopes there are, of their contents only the first request and the first responses are kept; of all
//! others so much as a few words.

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::{Hash, Signature};
use synod_topology::broadcast::parse_transactions;
use synod_types::{CantonTimestamp, ParticipantId, PhysicalSynchronizerId, Recipient};
use synod_wire::{Batch, Envelope, EnvelopeContent, Recipients};

use super::ConfirmationRequest;
use super::alarm::{Alarm, AlarmKind};
use crate::messages::{ConfirmationResponses, MediatorContent, MediatorMessage, RootHashMessage, ViewType};

/// Most bytes that an envelope is decompressed to (chapter 01 §1.6).
const MAX_ENVELOPE_BYTES: usize = 10 * 1024 * 1024;

/// A root hash message, without its payload, and who got it.
#[derive(Debug, Clone)]
pub(super) struct RootHash<'a> {
    pub(super) view_type: ViewType,
    pub(super) root_hash: Hash,
    pub(super) submission_topology_time: CantonTimestamp,
    pub(super) recipients: &'a Recipients,
    /// Whether it is for this synchronizer. Others count only where something cannot be read.
    is_ours: bool,
}

/// Responses of a participant, not verified yet.
#[derive(Debug, Clone)]
pub(super) struct SignedResponses<'a> {
    pub(super) responses: ConfirmationResponses,
    /// The versioned content that is signed.
    pub(super) content: Bytes,
    pub(super) signatures: Vec<Signature>,
    pub(super) recipients: &'a Recipients,
}

/// A request with what came beside it.
#[derive(Debug, Clone)]
pub(super) struct ReceivedRequest<'a> {
    pub(super) request: Arc<ConfirmationRequest>,
    pub(super) recipients: &'a Recipients,
    /// The root hash messages of this synchronizer.
    pub(super) root_hashes: Vec<RootHash<'a>>,
    /// Whether their payloads differ.
    pub(super) payloads_differ: bool,
    /// Whether there are topology transactions for everybody.
    pub(super) has_topology: bool,
}

/// The envelopes of an event that concern the mediator.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    batch: &'a Batch,
    psid: &'a PhysicalSynchronizerId,
    request: Option<(ConfirmationRequest, &'a Recipients)>,
    requests: usize,
    /// Envelopes with responses.
    responses: Vec<usize>,
    first_responses: Option<SignedResponses<'a>>,
    /// All root hash messages, also of other synchronizers.
    root_hashes: Vec<RootHash<'a>>,
    first_payload: Option<Bytes>,
    payloads_differ: bool,
    has_topology: bool,
    /// How many envelopes could not be read, and why the first one.
    unreadable: Option<(usize, String)>,
    others: usize,
}

/// What an event is to the mediator.
#[derive(Debug)]
pub(super) enum MediatorEvent<'a> {
    /// A request.
    Request(ReceivedRequest<'a>),
    /// Responses.
    Responses(Responses<'a>),
    /// It passes time.
    Nothing,
}

/// Responses, opened one after the other.
#[derive(Debug)]
pub(super) struct Responses<'a> {
    batch: &'a Batch,
    psid: &'a PhysicalSynchronizerId,
    envelopes: std::vec::IntoIter<usize>,
    first: Option<SignedResponses<'a>>,
}

/// One envelope.
enum Content {
    Request(ConfirmationRequest),
    RootHash(RootHashMessage),
    Responses(ConfirmationResponses, Envelope),
    Topology(PhysicalSynchronizerId),
    Other,
}

impl Content {
    fn psid(&self) -> Option<&PhysicalSynchronizerId> {
        match self {
            Self::Request(request) => Some(request.psid()),
            Self::RootHash(message) => Some(&message.psid),
            Self::Responses(responses, _) => Some(&responses.psid),
            Self::Topology(psid) => Some(psid),
            Self::Other => None,
        }
    }
}

impl<'a> Opened<'a> {
    /// Reads the envelopes of a batch.
    pub(super) fn read(batch: &'a Batch, psid: &'a PhysicalSynchronizerId) -> Self {
        let mut opened = Self {
            batch,
            psid,
            request: None,
            requests: 0,
            responses: Vec::new(),
            first_responses: None,
            root_hashes: Vec::new(),
            first_payload: None,
            payloads_differ: false,
            has_topology: false,
            unreadable: None,
            others: 0,
        };
        for (index, recipients) in batch.recipients().iter().enumerate() {
            match open(batch, index, psid) {
                Ok(content) => opened.add(index, recipients, content),
                Err(cause) => opened.unreadable.get_or_insert((0, cause)).0 += 1,
            }
        }
        opened
    }

    fn add(&mut self, index: usize, recipients: &'a Recipients, content: Content) {
        let is_ours = content.psid().is_none_or(|psid| psid == self.psid);
        self.others += usize::from(!is_ours);
        match content {
            Content::RootHash(message) => {
                let RootHashMessage { view_type, root_hash, submission_topology_time, payload, .. } = message;
                self.root_hashes.push(RootHash { view_type, root_hash, submission_topology_time, recipients, is_ours });
                if is_ours {
                    self.payloads_differ |= *self.first_payload.get_or_insert_with(|| payload.clone()) != payload;
                }
            }
            _ if !is_ours => {}
            Content::Request(request) => {
                self.requests += 1;
                self.request.get_or_insert((request, recipients));
            }
            Content::Responses(responses, Envelope { content, signatures }) => {
                self.responses.push(index);
                self.first_responses.get_or_insert(SignedResponses { responses, content, signatures, recipients });
            }
            Content::Topology(_) => {
                self.has_topology |= recipients.iter().any(|to| *to == Recipient::AllMembersOfSynchronizer);
            }
            Content::Other => {}
        }
    }

    /// The root hash messages of all who may have been told of a request that cannot be read; none when all can be read.
    ///
    /// Canton sends a rejection for each envelope that it cannot read. All of them are the same bytes, of which sequencers
    /// deliver the first.
    pub(super) fn told_of_unreadable(&self) -> &[RootHash<'a>] {
        if self.unreadable.is_some() { &self.root_hashes } else { &[] }
    }

    /// What the event is. A batch has one request, or responses. An honest sequencer lets nothing else pass, but a sender may
    /// try.
    pub(super) fn classify(self, alarms: &mut Vec<Alarm>) -> MediatorEvent<'a> {
        if let Some((count, cause)) = &self.unreadable {
            let cause = format!("{count} envelopes cannot be opened, the first one because: {cause}");
            alarms.push(Alarm::new(AlarmKind::MalformedMessage, cause));
        }
        if self.others > 0 {
            let cause = format!("{} envelopes are for other synchronizers", self.others);
            alarms.push(Alarm::new(AlarmKind::OtherSynchronizer, cause));
        }
        let several = match (self.requests, self.responses.len()) {
            (0, 0) => return MediatorEvent::Nothing,
            (0, _) => {
                return MediatorEvent::Responses(Responses {
                    batch: self.batch,
                    psid: self.psid,
                    envelopes: self.responses.into_iter(),
                    first: self.first_responses,
                });
            }
            (1, 0) => None,
            (_, 0) => Some("several confirmation requests in one batch"),
            (_, _) => Some("confirmation requests and responses in one batch"),
        };
        match (several, self.request) {
            (None, Some((request, recipients))) => MediatorEvent::Request(ReceivedRequest {
                request: Arc::new(request),
                recipients,
                root_hashes: self.root_hashes.into_iter().filter(|root_hash| root_hash.is_ours).collect(),
                payloads_differ: self.payloads_differ,
                has_topology: self.has_topology,
            }),
            (several, _) => {
                alarms.extend(several.map(|cause| Alarm::new(AlarmKind::MalformedMessage, cause)));
                MediatorEvent::Nothing
            }
        }
    }
}

impl<'a> Iterator for Responses<'a> {
    type Item = SignedResponses<'a>;

    fn next(&mut self) -> Option<SignedResponses<'a>> {
        loop {
            let index = self.envelopes.next()?;
            if let Some(first) = self.first.take() {
                return Some(first);
            }
            // It was opened before, so that nothing else comes out.
            let recipients = self.batch.recipients().get(index)?;
            if let Ok(Content::Responses(responses, Envelope { content, signatures })) =
                open(self.batch, index, self.psid)
            {
                return Some(SignedResponses { responses, content, signatures, recipients });
            }
        }
    }
}

/// The participant that a recipient is.
pub(super) fn participant(recipient: &Recipient) -> Option<ParticipantId> {
    match recipient {
        Recipient::Member(member) => ParticipantId::try_from(member.clone()).ok(),
        Recipient::MediatorGroup(_) | Recipient::SequencersOfSynchronizer | Recipient::AllMembersOfSynchronizer => None,
    }
}

fn text(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn open(batch: &Batch, index: usize, psid: &PhysicalSynchronizerId) -> Result<Content, String> {
    let version = psid.protocol_version();
    let envelope = batch.open_envelope(index, MAX_ENVELOPE_BYTES).map_err(|error| text(&error))?;
    if !envelope.signatures.is_empty() {
        return Ok(match MediatorMessage::parse(&envelope.content).map_err(|error| text(&error))? {
            MediatorMessage::ConfirmationResponses(responses) => Content::Responses(responses, envelope),
            MediatorMessage::ConfirmationResult(_) | MediatorMessage::Other => Content::Other,
        });
    }
    match MediatorContent::parse(&envelope.content, version).map_err(|error| text(&error))? {
        MediatorContent::RootHashMessage(message) => Ok(Content::RootHash(message)),
        MediatorContent::Other => match EnvelopeContent::parse(&envelope.content, version) {
            Ok(EnvelopeContent::TopologyBroadcast(broadcast)) => {
                parse_transactions(&broadcast.transactions, version).map_err(|error| text(&error))?;
                Ok(Content::Topology(broadcast.psid))
            }
            _ => Ok(Content::Other),
        },
        content => {
            Ok(ConfirmationRequest::of_content(envelope.content, content).map_or(Content::Other, Content::Request))
        }
    }
}
