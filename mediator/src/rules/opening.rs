//! What an event brings to the mediator (chapter 04 §1.1, §3.1: steps 1 to 4).

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::Signature;
use synod_types::{ParticipantId, PhysicalSynchronizerId, Recipient};
use synod_wire::{Batch, EnvelopeContent, Recipients};

use super::ConfirmationRequest;
use super::alarm::{Alarm, AlarmKind};
use crate::messages::{ConfirmationResponses, MediatorContent, MediatorMessage, RootHashMessage};

/// Most bytes that an envelope is decompressed to (chapter 01 §1.6).
const MAX_ENVELOPE_BYTES: usize = 10 * 1024 * 1024;

/// A root hash message and who got it.
#[derive(Debug, Clone)]
pub(super) struct AddressedRootHash {
    pub(super) message: RootHashMessage,
    pub(super) recipients: Recipients,
}

/// Responses of a participant, not verified yet.
#[derive(Debug, Clone)]
pub(super) struct SignedResponses {
    pub(super) responses: ConfirmationResponses,
    /// The versioned content that is signed.
    pub(super) content: Bytes,
    pub(super) signatures: Vec<Signature>,
    pub(super) recipients: Recipients,
}

/// The envelopes of an event that concern the mediator.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The request; of several none counts.
    pub(super) request: Option<(Arc<ConfirmationRequest>, Recipients)>,
    /// All root hash messages, those of other synchronizers left out.
    pub(super) root_hashes: Vec<AddressedRootHash>,
    /// Responses, none when there is a request.
    pub(super) responses: Vec<SignedResponses>,
    /// Whether there are topology transactions for everybody.
    pub(super) has_topology: bool,
    /// What could not be read: one for each envelope.
    pub(super) unreadable: usize,
    pub(super) alarms: Vec<Alarm>,
}

/// One envelope.
enum Content {
    Request(Box<ConfirmationRequest>),
    RootHash(RootHashMessage),
    Responses(ConfirmationResponses, Bytes, Vec<Signature>),
    Topology,
    Other,
}

impl Content {
    fn psid(&self) -> Option<&PhysicalSynchronizerId> {
        match self {
            Self::Request(request) => Some(request.psid()),
            Self::RootHash(message) => Some(&message.psid),
            Self::Responses(responses, ..) => Some(&responses.psid),
            Self::Topology | Self::Other => None,
        }
    }
}

impl Opened {
    /// Reads the envelopes of a batch.
    pub(super) fn of(batch: &Batch, psid: &PhysicalSynchronizerId) -> Self {
        let mut opened = Self::default();
        let mut requests = Vec::new();
        for (index, recipients) in batch.recipients().iter().enumerate() {
            let content = match open(batch, index, psid) {
                Ok(content) => content,
                Err(cause) => {
                    opened.unreadable += 1;
                    opened.alarms.push(Alarm::new(AlarmKind::MalformedMessage, cause));
                    continue;
                }
            };
            if content.psid().is_some_and(|found| found != psid) {
                opened.alarms.push(Alarm::new(AlarmKind::OtherSynchronizer, "an envelope for another synchronizer"));
                continue;
            }
            match content {
                Content::Request(request) => requests.push((Arc::from(request), recipients.clone())),
                Content::RootHash(message) => {
                    opened.root_hashes.push(AddressedRootHash { message, recipients: recipients.clone() });
                }
                Content::Responses(responses, content, signatures) => {
                    let recipients = recipients.clone();
                    opened.responses.push(SignedResponses { responses, content, signatures, recipients });
                }
                Content::Topology => {
                    opened.has_topology |= recipients.iter().any(|to| *to == Recipient::AllMembersOfSynchronizer);
                }
                Content::Other => {}
            }
        }
        opened.classify(requests);
        opened
    }

    /// A batch has one request or responses. Of an honest sequencer there are no others, but a sender may try.
    fn classify(&mut self, mut requests: Vec<(Arc<ConfirmationRequest>, Recipients)>) {
        if !requests.is_empty() && !self.responses.is_empty() {
            self.responses.clear();
            requests.clear();
            self.alarms.push(Alarm::new(AlarmKind::MalformedMessage, "requests and responses in one batch"));
        }
        if requests.len() > 1 {
            requests.clear();
            self.alarms.push(Alarm::new(AlarmKind::MalformedMessage, "several requests in one batch"));
        }
        self.request = requests.pop();
    }
}

fn open(batch: &Batch, index: usize, psid: &PhysicalSynchronizerId) -> Result<Content, String> {
    let version = psid.protocol_version();
    let envelope = batch.open_envelope(index, MAX_ENVELOPE_BYTES).map_err(|error| error.to_string())?;
    if !envelope.signatures.is_empty() {
        let message = MediatorMessage::parse(&envelope.content).map_err(|error| error.to_string())?;
        return Ok(match message {
            MediatorMessage::ConfirmationResponses(responses) => {
                Content::Responses(responses, envelope.content, envelope.signatures)
            }
            MediatorMessage::ConfirmationResult(_) | MediatorMessage::Other => Content::Other,
        });
    }
    match MediatorContent::parse(&envelope.content, version).map_err(|error| error.to_string())? {
        MediatorContent::RootHashMessage(message) => Ok(Content::RootHash(message)),
        MediatorContent::Other => match EnvelopeContent::parse(&envelope.content, version) {
            Ok(EnvelopeContent::TopologyBroadcast(broadcast)) if broadcast.psid == *psid => Ok(Content::Topology),
            _ => Ok(Content::Other),
        },
        content => match ConfirmationRequest::of_content(envelope.content, content) {
            Some(request) => Ok(Content::Request(Box::new(request))),
            None => Ok(Content::Other),
        },
    }
}

/// The participant that a recipient is, if it is one.
pub(super) fn participant_of(recipient: &Recipient) -> Option<ParticipantId> {
    recipient.as_member().and_then(|member| ParticipantId::try_from(member.clone()).ok())
}
