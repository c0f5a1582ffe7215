//! Why a submission is refused, and Canton's status for it (ch. 03 §1.4).

use bytes::Bytes;
use synod_types::{CantonTimestamp, Member, MessageId};
use synod_wire::status;

use crate::texts::short_member;

/// Why a submission is not ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The bytes are not what they should be.
    Malformed {
        /// The sender as the text has it; empty when it is not known.
        sender: String,
        /// The message id; empty when it is not known.
        message_id: String,
        /// What is wrong.
        error: String,
    },
    /// The request may not be sent, or not so.
    NotAllowed(String),
    /// Too many come in.
    Overloaded(String),
    /// This node does not order at present, or it is not known whether the request was ordered.
    Unavailable,
    /// It would be sequenced too late.
    TooLate { now: CantonTimestamp, max: CantonTimestamp, message_id: MessageId },
    /// The part of an aggregation is valid for too long.
    TooFar { max: CantonTimestamp, bound: CantonTimestamp, message_id: MessageId },
    /// The aggregation was delivered before.
    AlreadyDelivered(String),
    /// The rule of an aggregation cannot be applied.
    InvalidAggregation(String),
    /// Nobody knows these recipients.
    UnknownRecipients(Vec<Member>),
    /// Nobody knows the sender, or others who may contribute.
    UnknownSenders(Vec<Member>),
    /// Another synchronizer has taken over.
    AfterUpgrade(String),
    /// The sender cannot pay.
    NoTraffic(String),
    /// The sender computed the cost by a topology that is too old.
    OutdatedCost(String),
    /// The state cannot be what it should be: this node's fault.
    Fault(&'static str),
}

impl Refused {
    /// The `google.rpc.Status` of the refusal, before the call adds to it.
    pub(crate) fn status(&self) -> Bytes {
        match self {
            Self::Malformed { sender, message_id, error } => {
                status::submission_request_malformed(sender, message_id, error)
            }
            Self::NotAllowed(cause) => status::submission_request_refused(cause),
            Self::Overloaded(cause) => status::overloaded(cause),
            Self::Unavailable => status::unavailable("The sequencer is not ordering at present"),
            Self::TooLate { now, max, message_id } => {
                let message = format!("Estimation for message id {message_id}");
                status::max_sequencing_time_exceeded(*now, *max, &message)
            }
            Self::TooFar { max, bound, message_id } => status::max_sequencing_time_too_far(message_id, *max, *bound),
            Self::AlreadyDelivered(cause) => status::aggregate_submission_already_sent_v2(cause),
            Self::InvalidAggregation(cause) => status::aggregate_submission_invalid_rule(cause),
            Self::UnknownRecipients(members) => status::unknown_recipients(members),
            Self::UnknownSenders(members) => status::sender_unknown(members),
            Self::AfterUpgrade(cause) => status::passed_upgrade_time(cause),
            Self::NoTraffic(cause) => status::traffic_credit(cause),
            Self::OutdatedCost(cause) => status::outdated_traffic_cost(cause),
            Self::Fault(_) => status::internal(),
        }
    }

    /// The reason as a label of metrics.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::NotAllowed(_) => "refused",
            Self::Overloaded(_) => "overloaded",
            Self::Unavailable => "unavailable",
            Self::TooLate { .. } => "max-sequencing-time-exceeded",
            Self::TooFar { .. } => "max-sequencing-time-too-far",
            Self::AlreadyDelivered(_) => "already-delivered",
            Self::InvalidAggregation(_) => "invalid-aggregation",
            Self::UnknownRecipients(_) => "unknown-recipients",
            Self::UnknownSenders(_) => "unknown-senders",
            Self::AfterUpgrade(_) => "after-upgrade",
            Self::NoTraffic(_) => "no-traffic",
            Self::OutdatedCost(_) => "outdated-cost",
            Self::Fault(_) => "fault",
        }
    }

    /// `Request '…' from '…' refused: …`
    pub(crate) fn request(sender: &Member, message_id: &MessageId, why: &str) -> Self {
        Self::NotAllowed(format!("Request '{message_id}' from '{}' refused: {why}", short_member(sender)))
    }
}
