//! What a participant says about a view (chapter 04 §1.5, `LocalVerdict`).

use bytes::Bytes;
use prost::Message;
use synod_proto::google::rpc::Status;
use synod_proto::protocol::v30;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, not_set};
use super::proto::{Merge, decode, merge_field, tag};

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalVerdictCode {
    /// The view is fine.
    Approve,
    /// The view is well formed, but conflicts with what the participant knows.
    Reject,
    /// The view, or the request, is not well formed.
    Malformed,
    /// The participant cannot say.
    Abstain,
}

impl LocalVerdictCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Approve => 1,
            Self::Reject => 2,
            Self::Malformed => 3,
            Self::Abstain => 4,
        }
    }

    fn of_number(number: i32) -> Result<Self, InvalidMessage> {
        match number {
            1 => Ok(Self::Approve),
            2 => Ok(Self::Reject),
            3 => Ok(Self::Malformed),
            4 => Ok(Self::Abstain),
            0 => Err(not_set("code")),
            number => Err(InvalidMessage::UnknownNumber { field: "code", number }),
        }
    }
}

/// A verdict of a participant.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalVerdict {
    code: LocalVerdictCode,
    reason: Status,
}

impl LocalVerdict {
    /// Reads the plain message.
    ///
    /// # Errors
    /// [`InvalidMessage`] when it is malformed, has no known code, or no reason: even an approval has one, which says
    /// nothing.
    pub fn parse_proto(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        Self::of_message(decode(bytes)?)
    }

    pub(super) fn of_message(message: LocalVerdictMessage) -> Result<Self, InvalidMessage> {
        let reason = message.reason.ok_or_else(|| not_set("reason"))?;
        let code = LocalVerdictCode::of_number(message.code)?;
        // An approval forgets the reason that it came with (`LocalApprove`).
        let reason = if code == LocalVerdictCode::Approve { Status::default() } else { reason };
        Ok(Self { code, reason })
    }

    /// What is said.
    #[must_use]
    pub const fn code(&self) -> LocalVerdictCode {
        self.code
    }

    /// Why it is no approval.
    #[must_use]
    pub fn reason(&self) -> Option<&Status> {
        (self.code != LocalVerdictCode::Approve).then_some(&self.reason)
    }

    /// The plain message as a verdict of the mediator repeats it. Fields that nobody knows are not kept.
    #[must_use]
    pub fn to_proto_bytes(&self) -> Bytes {
        self.to_proto().encode_to_vec().into()
    }

    pub(super) fn to_proto(&self) -> v30::LocalVerdict {
        v30::LocalVerdict { code: self.code.number(), reason: Some(self.reason.clone()) }
    }
}

/// A `LocalVerdict` as it is on the wire.
#[derive(Default)]
pub(super) struct LocalVerdictMessage {
    code: i32,
    reason: Option<Status>,
}

impl Merge for LocalVerdictMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.code = reader.int32()?,
            tag::D2 => merge_field(&mut self.reason, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
