//! What is worth a line in the log. Nothing depends on it.

use std::borrow::Cow;

/// How much it says about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing: it happens among honest members.
    Info,
    /// It should not happen, but need not be anybody's fault.
    Warning,
    /// Somebody is not honest, or is broken.
    Alarm,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// `MEDIATOR_RECEIVED_MALFORMED_MESSAGE`: a message that an honest member does not send.
    MalformedMessage,
    /// `MEDIATOR_INVALID_MESSAGE`: a message that cannot be used.
    InvalidMessage,
    /// A request that would have been fine by the topology that its submitter knew: it changed in between.
    TopologyChange,
    /// `FUTURE_TOPOLOGY_ALARM`: a request made by a topology of the future.
    FutureTopology,
    /// A message for another synchronizer.
    OtherSynchronizer,
    /// A message that other mediators are for, or that this one is not ready for.
    NotForUs,
    /// `MEDIATOR_PARTICIPANT_EQUIVOCATION`: a participant said one thing and then the opposite.
    Equivocation,
    /// `DUPLICATE_CONFIRMATION_REQUEST_UUID`: a request whose id was used before.
    Duplicate,
    /// A response that comes too late, or to a request from before the first event that was handled.
    Late,
}

impl AlarmKind {
    /// The name in logs and metrics: Canton's error id where there is one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedMessage => "MEDIATOR_RECEIVED_MALFORMED_MESSAGE",
            Self::InvalidMessage => "MEDIATOR_INVALID_MESSAGE",
            Self::TopologyChange => "TOPOLOGY_CHANGE",
            Self::FutureTopology => "FUTURE_TOPOLOGY_ALARM",
            Self::OtherSynchronizer => "OTHER_SYNCHRONIZER",
            Self::NotForUs => "NOT_FOR_US",
            Self::Equivocation => "MEDIATOR_PARTICIPANT_EQUIVOCATION",
            Self::Duplicate => "DUPLICATE_CONFIRMATION_REQUEST_UUID",
            Self::Late => "LATE_RESPONSE",
        }
    }

    /// As Canton logs it.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::MalformedMessage | Self::FutureTopology | Self::Equivocation => Severity::Alarm,
            Self::InvalidMessage | Self::OtherSynchronizer | Self::Late => Severity::Warning,
            Self::TopologyChange | Self::NotForUs | Self::Duplicate => Severity::Info,
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
