//! What the mediator decides (chapter 04 §4.1, `Verdict`).

use bytes::Bytes;
use prost::Message;
use synod_proto::google::rpc::{ErrorInfo, Status};
use synod_proto::protocol::v30::{self, verdict::SomeVerdict};
use synod_types::ParticipantId;
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::error::{InvalidMessage, identifier, not_set};
use super::ledger_string::{LfParty, parties};
use super::local_verdict::{LocalVerdict, LocalVerdictCode, LocalVerdictMessage};
use super::proto::{Merge, ONLY_VERSION, decode, merge, merge_field, push, tag};

/// The code of success.
const OK: i32 = 0;
/// The code of a rejection because answers did not come in time.
const TIMEOUT: &str = "MEDIATOR_SAYS_TX_TIMED_OUT";

/// A verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The request is confirmed.
    Approve,
    /// Participants did not confirm it.
    ParticipantReject {
        /// Why, at least one reason, the newest first.
        reasons: Vec<RejectionReason>,
    },
    /// The mediator rejects it by itself.
    MediatorReject {
        /// Why.
        reason: Status,
        /// Whether somebody has to have broken the protocol.
        is_malformed: bool,
    },
}

/// Why participants did not confirm a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectionReason {
    /// The parties for which it was not confirmed, each once, in the order in which they are written.
    pub parties: Vec<LfParty>,
    /// What the participant said: anything but an approval.
    pub reject: LocalVerdict,
    /// Who said it.
    pub participant: ParticipantId,
}

/// A `Verdict` as it is on the wire. The last field counts.
#[derive(Default)]
pub(super) struct VerdictMessage(Option<Content>);

enum Content {
    Approve,
    ParticipantReject(ParticipantRejectMessage),
    MediatorReject(MediatorRejectMessage),
}

#[derive(Default)]
struct ParticipantRejectMessage {
    reasons: Vec<ReasonMessage>,
}

#[derive(Default)]
struct ReasonMessage {
    parties: Vec<String>,
    reject: Option<LocalVerdictMessage>,
    participant_id: String,
}

#[derive(Default)]
struct MediatorRejectMessage {
    reason: Option<Status>,
    is_malformed: bool,
}

/// A message without fields.
#[derive(Default)]
struct Empty;

impl Merge for Empty {
    fn field(&mut self, _: u32, _: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        Ok(false)
    }
}

impl Merge for VerdictMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        self.0 = Some(match (found, self.0.take()) {
            (tag::D1, _) => {
                merge(&mut Empty, source, reader.bytes()?)?;
                Content::Approve
            }
            (tag::D2, before) => {
                let before = if let Some(Content::ParticipantReject(before)) = before { Some(before) } else { None };
                let mut reject = before.unwrap_or_default();
                merge(&mut reject, source, reader.bytes()?)?;
                Content::ParticipantReject(reject)
            }
            (tag::D3, before) => {
                let before = if let Some(Content::MediatorReject(before)) = before { Some(before) } else { None };
                let mut reject = before.unwrap_or_default();
                merge(&mut reject, source, reader.bytes()?)?;
                Content::MediatorReject(reject)
            }
            (_, before) => {
                self.0 = before;
                return Ok(false);
            }
        });
        Ok(true)
    }
}

impl Merge for ParticipantRejectMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => push(&mut self.reasons, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for ReasonMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.parties.push(reader.text()?.to_owned()),
            tag::D2 => merge_field(&mut self.reject, reader, source)?,
            tag::D3 => reader.text()?.clone_into(&mut self.participant_id),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for MediatorRejectMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.reason, reader, source)?,
            tag::V2 => self.is_malformed = reader.varint64()? != 0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Verdict {
    /// Reads the versioned message. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(&versioned::unwrap(bytes)?.data)?)
    }

    pub(super) fn of_message(message: VerdictMessage) -> Result<Self, InvalidMessage> {
        match message.0 {
            Some(Content::Approve) => Ok(Self::Approve),
            Some(Content::ParticipantReject(reject)) if reject.reasons.is_empty() => Err(not_set("reasons")),
            Some(Content::ParticipantReject(reject)) => {
                let reasons = reject.reasons.into_iter().map(RejectionReason::of_message);
                reasons.collect::<Result<_, _>>().map(|reasons| Self::ParticipantReject { reasons })
            }
            Some(Content::MediatorReject(reject)) => {
                let reason = reject.reason.ok_or_else(|| not_set("rejection_reason"))?;
                if reason.code == OK {
                    return Err(InvalidMessage::NotARejection);
                }
                Ok(Self::MediatorReject { reason, is_malformed: reject.is_malformed })
            }
            None => Err(not_set("some_verdict")),
        }
    }

    /// The versioned message, as it is stored.
    #[must_use]
    pub fn to_versioned_bytes(&self) -> Bytes {
        versioned::wrap(ONLY_VERSION, &self.to_proto().encode_to_vec())
    }

    pub(super) fn to_proto(&self) -> v30::Verdict {
        let verdict = match self {
            Self::Approve => SomeVerdict::Approve(()),
            Self::ParticipantReject { reasons } => SomeVerdict::ParticipantReject(v30::ParticipantReject {
                reasons: reasons.iter().map(RejectionReason::to_proto).collect(),
            }),
            Self::MediatorReject { reason, is_malformed } => SomeVerdict::MediatorReject(v30::MediatorReject {
                reason: Some(reason.clone()),
                is_malformed: *is_malformed,
            }),
        };
        v30::Verdict { some_verdict: Some(verdict) }
    }

    /// Whether the mediator rejects because answers did not come in time, as participants find out: by the first
    /// `ErrorInfo` of the reason, which has to have a category too (`DecodedCantonError`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let Self::MediatorReject { reason, .. } = self else { return false };
        let info = reason.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.ErrorInfo"));
        let info = info.and_then(|detail| ErrorInfo::decode(detail.value.as_slice()).ok());
        info.is_some_and(|info| {
            let category = info.metadata.iter().find(|entry| entry.key == "category");
            info.reason == TIMEOUT && category.is_some_and(|entry| entry.value.parse::<i32>().is_ok())
        })
    }
}

impl RejectionReason {
    fn of_message(message: ReasonMessage) -> Result<Self, InvalidMessage> {
        let parties = parties(&message.parties, "parties")?;
        let reject = LocalVerdict::of_message(message.reject.ok_or_else(|| not_set("reject"))?)?;
        if reject.code() == LocalVerdictCode::Approve {
            return Err(InvalidMessage::NotARejection);
        }
        let participant = ParticipantId::parse(&message.participant_id).map_err(identifier("participant_id"))?;
        Ok(Self { parties, reject, participant })
    }

    fn to_proto(&self) -> v30::RejectionReason {
        v30::RejectionReason {
            parties: self.parties.iter().map(ToString::to_string).collect(),
            reject: Some(self.reject.to_proto()),
            participant_id: self.participant.member().to_string(),
        }
    }
}
