//! What members received, without what differs from run to run.

use bytes::Bytes;
use prost::Message;
use synod_proto::google::rpc::Status as RpcStatus;
use synod_proto::sequencer::api::v30::SubscriptionResponse;
use synod_types::ProtocolVersion;
use synod_wire::{SequencedEvent, SequencedEventContent, SignedContent};

use crate::edges::mask;

/// Most bytes that one part of a batch is decompressed to.
const LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// An event, as far as it is the same in every run, with its time.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Microseconds since the epoch; not compared.
    pub(crate) time_us: i64,
    /// The sender's name for the submission.
    pub(crate) message_id: Option<String>,
    /// Number of envelopes, or code and text of the error.
    pub(crate) outcome: Result<usize, (i32, String)>,
    pub(crate) has_receipt: bool,
    pub(crate) has_topology_time: bool,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        let parts =
            |seen: &Self| (seen.message_id.clone(), seen.outcome.clone(), seen.has_receipt, seen.has_topology_time);
        parts(self) == parts(other)
    }
}

impl Seen {
    /// Out of a `SubscriptionResponse`.
    pub(crate) fn of(response: &Bytes) -> Self {
        let response = SubscriptionResponse::decode(response.clone()).expect("a response");
        let signed = SignedContent::parse(&response.signed_sequenced_event).expect("a signed event");
        let event = SequencedEvent::parse(&signed.content, ProtocolVersion::V35, LIMIT_BYTES).expect("an event");
        let outcome = match &event.content {
            SequencedEventContent::Deliver { batch } => Ok(batch.len()),
            SequencedEventContent::Error { status } => {
                let status = RpcStatus::decode(status.clone()).expect("a status");
                Err((status.code, mask(&status.message)))
            }
        };
        Self {
            time_us: event.timestamp.as_micros(),
            message_id: event.message_id.map(|id| id.as_str().to_owned()),
            outcome,
            has_receipt: event.traffic_receipt.is_some(),
            has_topology_time: event.topology_timestamp.is_some(),
        }
    }

    /// Whether the sequencer made it to make a topology change observable: when depends on the moment.
    pub(crate) fn is_tick(&self) -> bool {
        self.message_id.is_none() && self.outcome == Ok(0)
    }
}
