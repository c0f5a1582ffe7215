//! Events, and traffic.

use synod_crypto::HashPurpose;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::{CantonTimestamp, Member, MessageId, PhysicalSynchronizerId};
use synod_wire::{
    Batch, SequencedEvent, SequencedEventContent, SetTrafficPurchased, TrafficReceipt, TrafficState, TypedMessage,
};

use super::super::verdict::accepted;
use super::batch::{envelopes, opened};
use super::{LIMIT, optional_time, text_of, time};

fn psid(case: &Case) -> Result<PhysicalSynchronizerId, String> {
    PhysicalSynchronizerId::parse(case.text("psid")?).map_err(text_of)
}

/// The event of these fields with this content, after a comparison with the bytes of the case in both directions.
fn event(case: &Case, content: SequencedEventContent) -> Result<SequencedEvent, String> {
    let receipt = fields::optional_bytes(&case.value, "traffic_receipt")?;
    let message_id = fields::optional_text(&case.value, "message_id")?;
    let event = SequencedEvent {
        previous_timestamp: optional_time(&case.value, "previous_timestamp")?,
        timestamp: time(&case.value, "timestamp")?,
        psid: psid(case)?,
        message_id: message_id.map(MessageId::parse).transpose().map_err(text_of)?,
        content,
        topology_timestamp: optional_time(&case.value, "topology_timestamp")?,
        traffic_receipt: receipt.map(|bytes| TrafficReceipt::parse_proto(&bytes)).transpose().map_err(text_of)?,
    };
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &event.to_versioned_bytes())?;
    fields::same("parsed", &Ok(event), &SequencedEvent::parse(&bytes, super::version(case)?, LIMIT))?;
    SequencedEvent::parse(&bytes, super::version(case)?, LIMIT).map_err(text_of)
}

pub(super) fn deliver(case: &Case) -> Result<(), String> {
    let expected = envelopes(case.list("envelopes")?)?;
    let batch = Batch::new(super::version(case)?, expected.clone());
    let parsed = event(case, SequencedEventContent::Deliver { batch })?;
    let SequencedEventContent::Deliver { batch } = parsed.content else { return Err("no delivery".to_owned()) };
    fields::same("opened", &expected, &opened(&batch)?)?;
    super::same_hash(case, "hash_purpose1", HashPurpose::SEQUENCED_EVENT_SIGNATURE, &case.bytes("bytes")?)
}

pub(super) fn deliver_error(case: &Case) -> Result<(), String> {
    event(case, SequencedEventContent::Error { status: case.bytes("status")? }).map(|_| ())
}

pub(super) fn parse(case: &Case) -> Result<(), String> {
    accepted(case, SequencedEvent::parse(&case.bytes("bytes")?, super::version(case)?, LIMIT), |event| {
        let (class, kind) = match event.content {
            SequencedEventContent::Deliver { .. } => ("Deliver", "Deliver"),
            SequencedEventContent::Error { .. } => ("DeliverError", ""),
        };
        fields::same("class", &case.text("class")?, &class)?;
        fields::same("type", &case.text("type")?, &kind)
    })
}

pub(super) fn time_proof(case: &Case) -> Result<(), String> {
    let event = SequencedEvent::parse(&case.bytes("bytes")?, super::version(case)?, LIMIT).map_err(text_of)?;
    fields::same("is_time_proof", &case.boolean("is_time_proof")?, &event.is_time_proof())
}

pub(super) fn set_traffic_purchased(case: &Case) -> Result<(), String> {
    let version = super::version(case)?;
    let message = SetTrafficPurchased {
        member: Member::parse(case.text("member")?).map_err(text_of)?,
        serial: u32::try_from(case.integer("serial")?).map_err(text_of)?,
        extra_traffic_purchased: case.integer("total")?,
        psid: psid(case)?,
    };
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &message.to_versioned_bytes(version))?;
    fields::same("parsed", &Ok(message.clone()), &SetTrafficPurchased::parse(&bytes))?;
    let typed = case.bytes("typed_content_bytes")?;
    fields::same_bytes("typed_content_bytes", &typed, &TypedMessage::set_traffic_purchased(&message, version))?;
    fields::same("parsed content", &Ok(TypedMessage::SetTrafficPurchased(message)), &TypedMessage::parse(&typed))?;
    super::same_hash(case, "hash_purpose38", HashPurpose::SIGNED_PROTOCOL_MESSAGE_SIGNATURE, &typed)
}

/// The cases have no fields: their names say what is in them.
pub(super) fn traffic_state(case: &Case) -> Result<(), String> {
    let full = TrafficState {
        extra_traffic_purchased: 5,
        extra_traffic_consumed: 6,
        base_traffic_remainder: 7,
        last_consumed_cost: 8,
        timestamp: CantonTimestamp::from_micros(1_750_000_000_000_000).map_err(text_of)?,
        serial: Some(1),
    };
    let expected = match case.name() {
        "full" => full,
        "no serial" => TrafficState { serial: None, ..full },
        "empty" => TrafficState {
            extra_traffic_purchased: 0,
            extra_traffic_consumed: 0,
            base_traffic_remainder: 0,
            last_consumed_cost: 0,
            timestamp: CantonTimestamp::EPOCH,
            serial: None,
        },
        other => return Err(format!("unknown case {other}")),
    };
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &expected.to_proto_bytes())?;
    fields::same("parsed", &Ok(expected), &TrafficState::parse_proto(&bytes))
}
