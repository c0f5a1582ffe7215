//! The hash that all nodes agree in.
//!
//! It rolls: the hash after a block is a hash of the one before and of everything that the block changed, in order. A block that
//! changed nothing leaves it as it is. Its height and base time are not in it, nor anything that may differ between nodes: compressed
//! bytes (requests stand in for the batches that follow from them), texts for people, alarms.

use blake3::Hasher;
use synod_topology::{TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, MemberIndex};

use crate::{
    AggregationChange, Checkpoint, EventKind, EventRecipients, EventRecord, FrameStamp, Registration, TrafficConsumed,
    TrafficPurchased,
};

/// Separates hashes of blocks, and of what is in them, from other hashes.
const BLOCK: &str = "synod 2026 app hash block";
/// Separates hashes of first states from other hashes.
const GENESIS: &str = "synod 2026 app hash genesis";

/// Tags of changes. Never reuse a number.
mod tag {
    pub(super) const EVENT: u8 = 1;
    pub(super) const TOPOLOGY: u8 = 2;
    pub(super) const REGISTRATION: u8 = 3;
    pub(super) const TRAFFIC_CONSUMED: u8 = 4;
    pub(super) const TRAFFIC_PURCHASED: u8 = 5;
    pub(super) const CONTRIBUTION: u8 = 6;
    pub(super) const EXPIRY: u8 = 7;
    pub(super) const ACKNOWLEDGEMENT: u8 = 8;
    pub(super) const FRAME: u8 = 9;
}

/// The hash of a block while it is applied.
#[derive(Debug)]
pub(crate) struct BlockHash {
    before: [u8; 32],
    hasher: Hasher,
    changed: bool,
}

impl BlockHash {
    pub(crate) fn new(before: [u8; 32]) -> Self {
        let mut hasher = Hasher::new_derive_key(BLOCK);
        hasher.update(&before);
        Self { before, hasher, changed: false }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        if self.changed { *self.hasher.finalize().as_bytes() } else { self.before }
    }

    /// `request` is the signed content that the event comes from; empty for a tick.
    pub(crate) fn event(&mut self, event: &EventRecord, request: &[u8]) {
        let mut to = self.change(tag::EVENT);
        to.time(event.time).number(match event.kind {
            EventKind::Deliver => 0,
            EventKind::Receipt => 1,
            EventKind::Error => 2,
        });
        to.optional(event.sender, |to, sender| to.member(sender));
        to.bytes(event.message_id.as_str().as_bytes()).bytes(blake3::hash(request).as_bytes());
        match &event.recipients {
            EventRecipients::All => to.number(-1),
            EventRecipients::Members(members) => to.members(members),
        };
        to.length(event.groups.len());
        for group in &event.groups {
            to.bytes(group.recipient.to_string().as_bytes()).members(&group.members);
        }
        to.optional(event.status.as_deref(), |to, status| to.bytes(status));
        to.optional(event.topology_timestamp, Writer::time);
        to.optional(event.receipt.as_ref(), |to, receipt| {
            to.number(receipt.consumed_cost)
                .number(receipt.extra_traffic_consumed)
                .number(receipt.base_traffic_remainder)
        });
    }

    pub(crate) fn topology(&mut self, changes: &TopologyChanges) {
        let mut to = self.change(tag::TOPOLOGY);
        to.length(changes.inserted.len());
        for row in &changes.inserted {
            to.row(row);
        }
        to.length(changes.closed.len());
        for (row, until) in &changes.closed {
            to.bytes(&row.to_be_bytes()).time(*until);
        }
    }

    pub(crate) fn registration(&mut self, registration: &Registration) {
        self.change(tag::REGISTRATION).registration(registration);
    }

    pub(crate) fn traffic_consumed(&mut self, row: &TrafficConsumed) {
        self.change(tag::TRAFFIC_CONSUMED)
            .member(row.member)
            .time(row.time)
            .number(row.extra_consumed)
            .number(row.base_remainder)
            .number(row.last_cost);
    }

    pub(crate) fn traffic_purchased(&mut self, row: &TrafficPurchased) {
        self.change(tag::TRAFFIC_PURCHASED)
            .bytes(row.member.to_string().as_bytes())
            .time(row.time)
            .number(i64::from(row.serial))
            .number(row.extra_purchased);
    }

    pub(crate) fn aggregation(&mut self, change: &AggregationChange) {
        match change {
            AggregationChange::Contributed { id, max_sequencing_time, rule, contribution, delivered_at } => {
                let mut to = self.change(tag::CONTRIBUTION);
                to.bytes(&id.hash().multihash()).time(*max_sequencing_time).bytes(rule);
                to.member(contribution.sender).time(contribution.time).length(contribution.signatures.len());
                for of_envelope in &contribution.signatures {
                    to.length(of_envelope.len());
                    for signature in of_envelope {
                        to.bytes(signature);
                    }
                }
                to.optional(*delivered_at, Writer::time);
            }
            AggregationChange::Expired { id } => {
                self.change(tag::EXPIRY).bytes(&id.hash().multihash());
            }
        }
    }

    pub(crate) fn acknowledgement(&mut self, member: MemberIndex, time: CantonTimestamp) {
        self.change(tag::ACKNOWLEDGEMENT).member(member).time(time);
    }

    pub(crate) fn frame(&mut self, frame: &FrameStamp) {
        self.change(tag::FRAME).bytes(&frame.id).time(frame.valid_until);
    }

    fn change(&mut self, tag: u8) -> Writer<'_> {
        self.changed = true;
        self.hasher.update(&[tag]);
        Writer(&mut self.hasher)
    }
}

/// The hash of a state that no block made: everything in it but the hash itself.
pub(crate) fn of_checkpoint(checkpoint: &Checkpoint) -> [u8; 32] {
    let mut hasher = Hasher::new_derive_key(GENESIS);
    let mut to = Writer(&mut hasher);
    to.bytes(checkpoint.psid.to_string().as_bytes()).bytes(&checkpoint.static_parameters);
    to.time(checkpoint.last_time);
    to.length(checkpoint.topology.len());
    for row in &checkpoint.topology {
        to.row(row);
        to.optional(row.valid_until, Writer::time);
    }
    to.length(checkpoint.members.len());
    for registration in &checkpoint.members {
        to.registration(registration);
    }
    *hasher.finalize().as_bytes()
}

/// Writes values so that no two sequences of them have the same bytes.
struct Writer<'a>(&'a mut Hasher);

impl Writer<'_> {
    fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(&number.to_be_bytes());
        self
    }

    fn length(&mut self, length: usize) -> &mut Self {
        self.0.update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len());
        self.0.update(bytes);
        self
    }

    fn time(&mut self, time: CantonTimestamp) -> &mut Self {
        self.number(time.as_micros())
    }

    fn member(&mut self, member: MemberIndex) -> &mut Self {
        self.number(i64::from(member.0))
    }

    fn members(&mut self, members: &[MemberIndex]) -> &mut Self {
        self.length(members.len());
        for member in members {
            self.member(*member);
        }
        self
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        self.0.update(&[u8::from(value.is_some())]);
        match value {
            Some(value) => write(self, value),
            None => self,
        }
    }

    fn registration(&mut self, registration: &Registration) -> &mut Self {
        self.bytes(registration.member.to_string().as_bytes())
            .member(registration.index)
            .time(registration.registered_from)
    }

    fn row(&mut self, row: &TopologyRow) -> &mut Self {
        self.bytes(&row.id.to_be_bytes()).time(row.sequenced).time(row.valid_from).bytes(&row.signed);
        self.number(i64::from(row.is_proposal)).number(i64::from(row.rejection.is_some()))
    }
}
