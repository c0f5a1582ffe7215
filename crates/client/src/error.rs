//! Why a call to a sequencer came to nothing.

use std::time::Duration;

use synod_proto::google::rpc::{ErrorInfo, Status as RpcStatus};
use synod_types::Member;
use thiserror::Error;
use tonic::{Code, Status};

/// A failed call.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The sequencer cannot be reached.
    #[error("{url} cannot be reached")]
    Connect {
        /// Where.
        url: String,
        /// What happened.
        #[source]
        source: tonic::transport::Error,
    },
    /// The address is no URL of a sequencer.
    #[error("`{0}` is no address; expected http://HOST:PORT or https://HOST:PORT")]
    Address(String),
    /// The sequencer refused a call or failed at it.
    #[error("{call} was answered with {}: {}", code_name(status.code()), status.message())]
    Call {
        /// Name of the call.
        call: &'static str,
        /// The answer.
        status: Box<Status>,
    },
    /// An answer that a sequencer does not give.
    #[error("{call} was answered with something else than expected: {reason}")]
    Answer {
        /// Name of the call.
        call: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {} s", limit.as_secs_f32())]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// The member has no key that the sequencer accepts for the login.
    #[error("none of the keys that the sequencer offers for the login is the member's")]
    NoLoginKey,
    /// An event that a correct sequencer does not send.
    #[error("the sequencer sent a wrong event")]
    Event(#[source] Box<crate::EventError>),
    /// A topology that a correct sequencer does not give.
    #[error("the sequencer gave a wrong topology")]
    Topology(#[source] crate::TopologyError),
    /// An identifier cannot be sent in a header.
    #[error("`{0}` is not ASCII")]
    Header(String),
    /// A signature could not be made.
    #[error("a signature could not be made")]
    Sign(#[source] synod_crypto::SigningError),
    /// The member's identity could not be made.
    #[error("the identity of the member")]
    Identity(#[source] crate::IdentityFault),
    /// The member has no key that the topology lists for it to sign with.
    #[error("{0} has none of the protocol keys that the topology lists for it")]
    NoProtocolKey(Member),
    /// No sequencer can be used at the moment.
    #[error("no sequencer can be used: {connections}")]
    NoSequencer {
        /// Each connection and why it cannot be used.
        connections: String,
    },
    /// Too few sequencers are left that may be trusted or that take the member.
    #[error("{left} sequencers can be subscribed to, but {threshold} have to agree")]
    TooFewSequencers {
        /// How many may still be used.
        left: usize,
        /// How many have to agree.
        threshold: usize,
        /// What the last one that dropped out did.
        #[source]
        source: Box<ClientError>,
    },
    /// Too few sequencers gave the same answer.
    #[error("{call} was answered alike by {agreeing} sequencers, but {threshold} have to agree: {failures}")]
    Disagreement {
        /// Name of the call.
        call: &'static str,
        /// Most that gave the same answer.
        agreeing: usize,
        /// How many have to.
        threshold: usize,
        /// What others said.
        failures: String,
    },
    /// The pool was closed.
    #[error("the connections to the sequencers are closed")]
    Closed,
}

/// What a caller may do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying again may help; nothing was accepted.
    Later,
    /// It is not known whether the sequencer accepted the call.
    Unknown,
    /// It is of no use to try again.
    Never,
}

impl ClientError {
    pub(crate) fn call(call: &'static str) -> impl FnOnce(Status) -> Self {
        move |status| Self::Call { call, status: Box::new(status) }
    }

    pub(crate) fn answer(call: &'static str, reason: impl ToString) -> Self {
        Self::Answer { call, reason: reason.to_string() }
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Call { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Canton's error id in the answer, e.g. `SEQUENCER_OVERLOADED`.
    #[must_use]
    pub fn error_id(&self) -> Option<String> {
        error_id(self.status()?.details())
    }

    /// What to do about it (chapter 01 §1.10).
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::NoSequencer { .. } | Self::Disagreement { .. } => {
                Retry::Later
            }
            Self::Address(_)
            | Self::Answer { .. }
            | Self::NoLoginKey
            | Self::Event(_)
            | Self::Topology(_)
            | Self::Header(_)
            | Self::Sign(_)
            | Self::Identity(_)
            | Self::NoProtocolKey(_)
            | Self::TooFewSequencers { .. }
            | Self::Closed => Retry::Never,
            Self::Call { status, .. } => match status.code() {
                Code::Aborted | Code::ResourceExhausted => Retry::Later,
                Code::Unavailable | Code::DeadlineExceeded | Code::Internal | Code::Unknown | Code::Cancelled => {
                    Retry::Unknown
                }
                _ => Retry::Never,
            },
        }
    }
}

/// Canton's error id in an encoded `google.rpc.Status`, e.g. that of a submission that was refused after it was sequenced.
#[must_use]
pub fn error_id(status: &[u8]) -> Option<String> {
    use prost::Message;
    let status = RpcStatus::decode(status).ok()?;
    let info = status.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.ErrorInfo"))?;
    ErrorInfo::decode(info.value.as_slice()).ok().map(|info| info.reason)
}

/// An error with all its causes, for logs and states.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn code_name(code: Code) -> String {
    format!("{code:?}")
}
