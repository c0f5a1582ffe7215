//! What a participant answers to a confirmation request (chapter 04 §1.5).

use bytes::Bytes;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, ParticipantId, PhysicalSynchronizerId};
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::error::{InvalidMessage, hash, identifier, not_set, timestamp};
use super::ledger_string::{LfParty, parties};
use super::local_verdict::{LocalVerdict, LocalVerdictCode, LocalVerdictMessage};
use super::proto::{Merge, decode, merge_field, push, tag};
use super::view_position::{ViewPosition, ViewPositionMessage};

/// All that a participant answers at once.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmationResponses {
    /// When the request was sequenced.
    pub request_id: CantonTimestamp,
    /// The root hash of the request.
    pub root_hash: Hash,
    /// The synchronizer that it is for.
    pub psid: PhysicalSynchronizerId,
    /// Who answers. That it has signed is not checked here.
    pub sender: ParticipantId,
    /// The answers, at least one, in their order.
    pub responses: Vec<ConfirmationResponse>,
}

/// The answer about one view, or about the whole request.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmationResponse {
    /// What is said.
    pub verdict: LocalVerdict,
    /// The parties for which it is said, each once, in their order. None when the verdict is malformed, else at least one.
    pub confirming_parties: Vec<LfParty>,
    /// The view; `None` is the whole request, which only a malformed verdict may be about.
    pub view_position: Option<ViewPosition>,
}

/// A `ConfirmationResponses` as it is on the wire.
#[derive(Default)]
struct ResponsesMessage {
    request_id: i64,
    root_hash: Bytes,
    psid: String,
    sender: String,
    responses: Vec<ResponseMessage>,
}

impl Merge for ResponsesMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.request_id = reader.int64()?,
            tag::D2 => self.root_hash = reader.shared(source)?,
            tag::D3 => reader.text()?.clone_into(&mut self.psid),
            tag::D4 => reader.text()?.clone_into(&mut self.sender),
            tag::D5 => push(&mut self.responses, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A `ConfirmationResponse` as it is on the wire.
#[derive(Default)]
struct ResponseMessage {
    local_verdict: Option<LocalVerdictMessage>,
    confirming_parties: Vec<String>,
    view_position: Option<ViewPositionMessage>,
}

impl Merge for ResponseMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.local_verdict, reader, source)?,
            tag::D2 => self.confirming_parties.push(reader.text()?.to_owned()),
            tag::D3 => merge_field(&mut self.view_position, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ConfirmationResponses {
    /// Reads the versioned message. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does; one answer that is not valid makes all of them invalid.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: ResponsesMessage = decode(&versioned::unwrap(bytes)?.data)?;
        if message.responses.is_empty() {
            return Err(not_set("responses"));
        }
        Ok(Self {
            request_id: CantonTimestamp::from_micros(message.request_id).map_err(timestamp("request_id"))?,
            root_hash: Hash::from_multihash(&message.root_hash).map_err(hash("root_hash"))?,
            psid: PhysicalSynchronizerId::parse(&message.psid).map_err(identifier("physical_synchronizer_id"))?,
            sender: ParticipantId::parse(&message.sender).map_err(identifier("sender"))?,
            responses: message
                .responses
                .into_iter()
                .map(ConfirmationResponse::of_message)
                .collect::<Result<_, InvalidMessage>>()?,
        })
    }
}

impl ConfirmationResponse {
    /// Reads the plain message.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`ConfirmationResponse.validated`).
    pub fn parse_proto(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?)
    }

    fn of_message(message: ResponseMessage) -> Result<Self, InvalidMessage> {
        let verdict = message.local_verdict.ok_or_else(|| not_set("local_verdict"))?;
        let response = Self {
            verdict: LocalVerdict::of_message(verdict)?,
            confirming_parties: parties(&message.confirming_parties, "confirming_parties")?,
            view_position: message.view_position.map(ViewPositionMessage::position),
        };
        let is_valid = match response.verdict.code() {
            LocalVerdictCode::Malformed => response.confirming_parties.is_empty(),
            LocalVerdictCode::Approve | LocalVerdictCode::Reject | LocalVerdictCode::Abstain => {
                !response.confirming_parties.is_empty() && response.view_position.is_some()
            }
        };
        if is_valid { Ok(response) } else { Err(InvalidMessage::ResponseShape) }
    }
}
