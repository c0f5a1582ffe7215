//! Blocks, events and rows to store.

use bytes::Bytes;
use synod_crypto::{Hash, HashPurpose};
use synod_machine::{
    BlockOutcome, Checkpoint, EventKind, EventRecipients, EventRecord, Registration, TrafficConsumed, TrafficPurchased,
};
use synod_topology::{MappingCode, Operation, TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, Member, MemberIndex, MessageId, Namespace, PhysicalSynchronizerId};
use synod_wire::AggregationId;

pub(crate) fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time in range")
}

pub(crate) fn hash(text: &str) -> Hash {
    Hash::digest(HashPurpose::AGGREGATION_ID, text.as_bytes())
}

pub(crate) fn namespace(number: u32) -> Namespace {
    Namespace::parse(&format!("1220{number:064x}")).expect("a namespace")
}

pub(crate) fn member(number: u32) -> Member {
    Member::parse(&format!("PAR::member-{number}::{}", namespace(number))).expect("a member")
}

pub(crate) fn psid(name: &str) -> PhysicalSynchronizerId {
    PhysicalSynchronizerId::parse(&format!("{name}::{}::35-0", namespace(7))).expect("a synchronizer")
}

pub(crate) fn registration(index: u32, registered_from: i64) -> Registration {
    Registration { member: member(index), index: MemberIndex(index), registered_from: time(registered_from) }
}

/// A state of `members` members, all registered from time 0.
pub(crate) fn genesis(members: u32) -> Checkpoint {
    Checkpoint {
        psid: psid("sync"),
        static_parameters: Bytes::from_static(b"static parameters"),
        height: None,
        base_time: CantonTimestamp::MIN,
        last_time: CantonTimestamp::EPOCH,
        latest_sequencer_event: None,
        latest_pending_topology: None,
        topology: (0..3).map(|id| topology_row(id, -100, -100)).collect(),
        members: (0..members).map(|index| registration(index, 0)).collect(),
        traffic_consumed: Vec::new(),
        traffic_purchased: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        app_hash: [9; 32],
    }
}

/// An empty block.
pub(crate) fn block(height: u64, last_time: i64) -> BlockOutcome {
    BlockOutcome {
        height,
        base_time: time(last_time),
        last_time: time(last_time),
        latest_sequencer_event: None,
        latest_pending_topology: None,
        events: Vec::new(),
        topology: no_topology(),
        registrations: Vec::new(),
        traffic_consumed: Vec::new(),
        traffic_purchased: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        alarms: Vec::new(),
        app_hash: *hash(&format!("block {height}")).as_digest(),
    }
}

/// A block with these events.
pub(crate) fn block_of(height: u64, events: Vec<EventRecord>) -> BlockOutcome {
    let last_time = events.last().map_or(0, |event| event.time.as_micros());
    BlockOutcome { events, ..block(height, last_time) }
}

pub(crate) fn no_topology() -> TopologyChanges {
    TopologyChanges::default()
}

/// An event for some members, sent by the first of them.
pub(crate) fn event(at: i64, members: &[u32]) -> EventRecord {
    EventRecord {
        time: time(at),
        kind: EventKind::Deliver,
        sender: members.first().copied().map(MemberIndex),
        message_id: MessageId::parse(&format!("message {at}")).expect("a message id"),
        recipients: EventRecipients::Members(members.iter().copied().map(MemberIndex).collect()),
        groups: Vec::new(),
        batch: Some(Bytes::from(vec![7; 100])),
        status: None,
        topology_timestamp: None,
        receipt: None,
    }
}

/// An event for everybody.
pub(crate) fn broadcast(at: i64) -> EventRecord {
    EventRecord { recipients: EventRecipients::All, sender: None, ..event(at, &[]) }
}

pub(crate) fn consumed(index: u32, at: i64, extra_consumed: i64) -> TrafficConsumed {
    TrafficConsumed {
        member: MemberIndex(index),
        time: time(at),
        extra_consumed,
        base_remainder: 5,
        last_cost: 3,
        journaled: at % 2 == 0,
    }
}

pub(crate) fn purchased(index: u32, at: i64, serial: u32) -> TrafficPurchased {
    TrafficPurchased { member: member(index), time: time(at), serial, extra_purchased: i64::from(serial) * 1_000 }
}

pub(crate) fn topology_row(id: u64, sequenced: i64, valid_from: i64) -> TopologyRow {
    let number = u32::try_from(id % 1_000).expect("a small number");
    TopologyRow {
        id,
        sequenced: time(sequenced),
        valid_from: time(valid_from),
        valid_until: None,
        batch_index: number,
        signed: Bytes::from(format!("transaction {id}")),
        is_proposal: id % 5 == 3,
        rejection: (id % 5 == 4).then(|| "not authorized \0 ü".to_owned()),
        tx_hash: hash(&format!("transaction {id}")),
        code: MappingCode::parse("stc").expect("a code"),
        namespace: namespace(number % 4),
        identifier: (!id.is_multiple_of(3)).then(|| format!("member-{}", number % 4)),
        unique_key: hash(&format!("key {}", id % 7)),
        serial: number + 1,
        operation: Operation::Replace,
    }
}

pub(crate) fn aggregation_id(text: &str) -> AggregationId {
    AggregationId(hash(text))
}
