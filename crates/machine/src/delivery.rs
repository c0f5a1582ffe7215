//! What a member reads of a stored event (ch. 03 §4.4).
//!
//! The bytes depend on the event, the reader and the reader's event before it, and on nothing else: every sequencer makes the same.

use bytes::Bytes;
use synod_types::{CantonTimestamp, Member, MemberIndex, MemberKind, MessageId, PhysicalSynchronizerId, Recipient};
use synod_wire::{Batch, ParseError, SequencedEvent, SequencedEventContent};
use thiserror::Error;

use crate::{EventKind, EventRecipients, EventRecord};

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The member.
    pub member: &'a Member,
    /// Its index.
    pub index: MemberIndex,
    /// It is registered from this time on.
    pub registered_from: CantonTimestamp,
    /// It is the sequencer that serves it: the ticks are its own.
    pub is_this_sequencer: bool,
}

/// A stored event that cannot be what the machine made.
#[derive(Debug, Error)]
#[error("the stored event at {time} cannot be read")]
pub struct DeliveryFault {
    /// Time of the event.
    pub time: CantonTimestamp,
    /// What is wrong with its batch.
    #[source]
    pub source: ParseError,
}

/// Whether `reader` receives the event at all. Its first event is after the time from which it is registered.
#[must_use]
pub fn is_visible(event: &EventRecord, reader: &Reader<'_>) -> bool {
    let addressed = match &event.recipients {
        EventRecipients::All => true,
        EventRecipients::Members(members) => members.binary_search(&reader.index).is_ok(),
    };
    addressed && event.time > reader.registered_from
}

/// The event as `reader` receives it: versioned `SequencedEvent`, which is what the sequencer signs. `previous` is the time of the
/// reader's event before it; none for its first. Only for events that are visible to the reader.
///
/// # Errors
/// [`DeliveryFault`] when the stored batch does not parse.
pub fn member_event(
    psid: &PhysicalSynchronizerId,
    event: &EventRecord,
    reader: &Reader<'_>,
    previous: Option<CantonTimestamp>,
) -> Result<Bytes, DeliveryFault> {
    let is_sender = match event.sender {
        Some(sender) => sender == reader.index,
        None => reader.is_this_sequencer,
    };
    let message_id: Option<MessageId> = is_sender.then(|| event.message_id.clone());
    let receipt = event.receipt.filter(|_| is_sender && reader.member.kind() != MemberKind::Sequencer);
    let content = match (event.kind, &event.status, &event.batch) {
        (EventKind::Error, Some(status), _) => SequencedEventContent::Error { status: status.clone() },
        (EventKind::Deliver, _, Some(batch)) => {
            let version = psid.protocol_version();
            let batch = Batch::parse_canonical_proto(batch, version)
                .map_err(|source| DeliveryFault { time: event.time, source })?;
            let filtered = batch.for_member(reader.member, &|recipient| is_in_group(event, reader, recipient));
            SequencedEventContent::Deliver { batch: filtered }
        }
        _ => SequencedEventContent::Deliver { batch: Batch::empty(psid.protocol_version()) },
    };
    let sequenced = SequencedEvent {
        previous_timestamp: previous,
        timestamp: event.time,
        psid: psid.clone(),
        message_id,
        content,
        topology_timestamp: event.topology_timestamp,
        traffic_receipt: receipt,
    };
    Ok(sequenced.to_versioned_bytes())
}

/// Whether the reader belongs to a group recipient of the event.
fn is_in_group(event: &EventRecord, reader: &Reader<'_>, recipient: &Recipient) -> bool {
    match recipient {
        Recipient::AllMembersOfSynchronizer => true,
        Recipient::Member(member) => member == reader.member,
        group => event
            .groups
            .iter()
            .find(|resolved| resolved.recipient == *group)
            .is_some_and(|resolved| resolved.members.binary_search(&reader.index).is_ok()),
    }
}
