//! `sequencer_events`, `sequencer_event_recipients` and `sequencer_payloads`: what the sequencer stored for its members.

use std::collections::{BTreeMap, BTreeSet};

use synod_machine::{EventKind, EventRecipients, EventRecord};
use synod_testkit::recordings::Row;
use synod_testkit::{Tally, fields};
use synod_types::Member;
use synod_wire::status;
use synod_wire::versioned::MessageKind;

use super::feed::Replayed;
use super::node::Node;

/// The number that stands for everybody.
const EVERYBODY: i64 = -1;

pub(super) fn compare(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let context = Context { node, replayed };
    let mut left: BTreeMap<i64, &EventRecord> =
        replayed.events().map(|event| (event.time.as_micros(), event)).collect();
    let by_time = left.clone();
    for row in node.table("sequencer_events")? {
        let ts = fields::integer(&row, "ts")?;
        let result = left.remove(&ts).ok_or_else(|| "there is no such event".to_owned());
        tally.case("events", ts.to_string(), result.and_then(|event| context.event(&row, event)));
    }
    for (ts, event) in left {
        tally.case("events", ts.to_string(), Err(format!("{:?} {} was not recorded", event.kind, event.message_id)));
    }
    payloads(&context, &by_time, tally)?;
    recipients(&context, &by_time, tally)
}

struct Context<'a> {
    node: &'a Node<'a>,
    replayed: &'a Replayed,
}

impl Context<'_> {
    fn event(&self, row: &Row, event: &EventRecord) -> Result<(), String> {
        let kind = match event.kind {
            EventKind::Deliver => "D",
            EventKind::Receipt => "R",
            EventKind::Error => "E",
        };
        fields::same("event_type", &fields::text(row, "event_type")?, &kind)?;
        fields::same("message_id", &fields::text(row, "message_id")?, &event.message_id.as_str())?;
        fields::same("sender", self.node.member_of(fields::integer(row, "sender")?)?, self.sender(event)?)?;
        let expected: Result<BTreeSet<Option<&Member>>, String> =
            fields::integers(row, "recipients")?.into_iter().map(|id| self.recipient(id)).collect();
        fields::same("recipients", &expected?, &self.recipients(event)?)?;
        let payload = (event.kind == EventKind::Deliver).then(|| event.time.as_micros());
        fields::same("payload_id", &fields::optional_integer(row, "payload_id")?, &payload)?;
        let topology = event.topology_timestamp.map(|time| time.as_micros());
        fields::same("topology_timestamp", &fields::optional_integer(row, "topology_timestamp")?, &topology)?;
        self.error(row, event)?;
        let receipt = event.receipt.as_ref();
        let column = |name: &str, found: Option<i64>| fields::same(name, &fields::optional_integer(row, name)?, &found);
        column("consumed_cost", receipt.map(|receipt| receipt.consumed_cost))?;
        column("extra_traffic_consumed", receipt.map(|receipt| receipt.extra_traffic_consumed))?;
        column("base_traffic_remainder", receipt.map(|receipt| receipt.base_traffic_remainder))
    }

    fn error(&self, row: &Row, event: &EventRecord) -> Result<(), String> {
        match (fields::optional_bytes(row, "error")?, &event.status) {
            (None, None) => Ok(()),
            (Some(expected), Some(found)) => fields::same_bytes("error", &expected, &status::to_versioned_bytes(found)),
            (expected, found) => Err(format!("error: expected {}, found {}", expected.is_some(), found.is_some())),
        }
    }

    /// The sender as this sequencer stores it: of a tick itself.
    fn sender(&self, event: &EventRecord) -> Result<&Member, String> {
        event.sender.map_or(Ok(&self.node.member), |sender| self.replayed.member(sender))
    }

    fn recipient(&self, id: i64) -> Result<Option<&Member>, String> {
        if id == EVERYBODY { Ok(None) } else { self.node.member_of(id).map(Some) }
    }

    /// The recipients as they are stored: everybody (`None`), or members; the sender always.
    fn recipients(&self, event: &EventRecord) -> Result<BTreeSet<Option<&Member>>, String> {
        let mut recipients = BTreeSet::from([Some(self.sender(event)?)]);
        match &event.recipients {
            EventRecipients::All => {
                recipients.insert(None);
            }
            EventRecipients::Members(members) => {
                for member in members {
                    recipients.insert(Some(self.replayed.member(*member)?));
                }
            }
        }
        Ok(recipients)
    }
}

fn payloads(context: &Context<'_>, events: &BTreeMap<i64, &EventRecord>, tally: &mut Tally) -> Result<(), String> {
    let mut left: BTreeSet<i64> =
        events.values().filter(|event| event.batch.is_some()).map(|event| event.time.as_micros()).collect();
    let version = context.replayed.state.protocol_version();
    for row in context.node.table("sequencer_payloads")? {
        let id = fields::integer(&row, "id")?;
        left.remove(&id);
        let batch = events.get(&id).and_then(|event| event.batch.as_ref()).ok_or_else(|| "no such batch".to_owned());
        let result = batch.and_then(|batch| {
            let found = MessageKind::Batch.wrap(version, batch);
            fields::same_bytes("content", &fields::bytes(&row, "content")?, &found)
        });
        tally.case("payloads", id.to_string(), result);
    }
    for id in left {
        tally.case("payloads", id.to_string(), Err("was not recorded".to_owned()));
    }
    Ok(())
}

fn recipients(context: &Context<'_>, events: &BTreeMap<i64, &EventRecord>, tally: &mut Tally) -> Result<(), String> {
    let mut left: BTreeMap<(i64, Option<&Member>), bool> = BTreeMap::new();
    for (ts, event) in events {
        let recipients = context.recipients(event)?;
        // Events that move the sequencer's view of the topology are those to everybody, and those to it and others.
        let topology =
            recipients.contains(&None) || (recipients.len() > 1 && recipients.contains(&Some(&context.node.member)));
        left.extend(recipients.into_iter().map(|recipient| ((*ts, recipient), topology)));
    }
    for row in context.node.table("sequencer_event_recipients")? {
        let (ts, id) = (fields::integer(&row, "ts")?, fields::integer(&row, "recipient_id")?);
        let found = left.remove(&(ts, context.recipient(id)?)).ok_or_else(|| "is no recipient".to_owned());
        let result = found.and_then(|topology| {
            fields::same("is_topology_event", &fields::boolean(&row, "is_topology_event")?, &topology)
        });
        tally.case("event recipients", format!("{ts} {id}"), result);
    }
    for (ts, recipient) in left.into_keys() {
        tally.case("event recipients", format!("{ts} {recipient:?}"), Err("was not recorded".to_owned()));
    }
    Ok(())
}
