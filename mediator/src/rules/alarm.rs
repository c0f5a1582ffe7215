//! What is worth a line in the log, and says that somebody may not be honest.

use std::borrow::Cow;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// `MEDIATOR_RECEIVED_MALFORMED_MESSAGE`: a message that an honest member does not send.
    MalformedMessage,
    /// `MEDIATOR_INVALID_MESSAGE`: a message that cannot be used; after a restart or a change of topology not unusual.
    InvalidMessage,
    /// A message for another synchronizer.
    OtherSynchronizer,
    /// `MEDIATOR_PARTICIPANT_EQUIVOCATION`: a participant said one thing and then the opposite.
    Equivocation,
    /// `DUPLICATE_CONFIRMATION_REQUEST_UUID`: a request whose id was used before.
    Duplicate,
    /// A response that comes too late.
    Late,
}

impl AlarmKind {
    /// The name in logs and metrics: Canton's error id where there is one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedMessage => "MEDIATOR_RECEIVED_MALFORMED_MESSAGE",
            Self::InvalidMessage => "MEDIATOR_INVALID_MESSAGE",
            Self::OtherSynchronizer => "OTHER_SYNCHRONIZER",
            Self::Equivocation => "MEDIATOR_PARTICIPANT_EQUIVOCATION",
            Self::Duplicate => "DUPLICATE_CONFIRMATION_REQUEST_UUID",
            Self::Late => "LATE_RESPONSE",
        }
    }
}

/// An alarm. It changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What happened.
    pub kind: AlarmKind,
    /// What exactly.
    pub cause: Cow<'static, str>,
}

impl Alarm {
    pub(super) fn new(kind: AlarmKind, cause: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, cause: cause.into() }
    }
}
