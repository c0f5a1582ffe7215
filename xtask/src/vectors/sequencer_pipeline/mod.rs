//! `sequencer_pipeline.jsonl.gz`: blocks through the whole pipeline, over a fixed topology.

mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use synod_machine::{
    AggregationChange, BlockOutcome, Contribution, EventKind, EventRecipients, EventRecord, Machine, OrderedBlock,
    OrderedKind, SignedAcknowledgement, SignedSubmission, State,
};
use synod_proto::google::rpc::Status;
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, Member, MemberIndex, ProtocolVersion, Recipient};
use synod_wire::{AggregationId, Batch, MessageKind};

use super::Input;

/// Lines that define keys; the topology of each trace has them.
pub(crate) fn is_context(case: &Case) -> bool {
    case.kind() != "pipeline"
}

/// What is for the reader only, or compared elsewhere: the topology is built from the same transactions (its own vectors judge what
/// becomes of them), and there is one mode of times.
pub(crate) const NOT_COMPARED: &[&str] = &[
    "pipeline.ordering_time_fix_mode",
    "pipeline.topology_batches[].sequenced",
    "pipeline.topology_batches[].relax",
    "pipeline.topology_batches[].validated*",
];

/// Compares the file: a case for each trace, and in categories of their own what its blocks did.
pub(crate) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    for case in input.filter(|case| !is_context(case)) {
        let result = Trace::new(&case).and_then(|mut trace| trace.run(&case));
        tally.case("pipeline", case.label(), result);
    }
}

/// One trace: the state after the last block, and what was seen so far.
struct Trace {
    machine: Machine,
    state: State,
    sequencer: Member,
    /// The aggregations in flight after the last chunk, made up from the changes.
    in_flight: BTreeMap<String, InFlight>,
    /// The aggregation of each event that is a part of one, by the event's time.
    aggregation_of: BTreeMap<CantonTimestamp, String>,
    latest_sequencer_event: Option<i64>,
    latest_pending_topology: Option<i64>,
    /// Newest acknowledgements so far.
    acknowledged: BTreeMap<Member, i64>,
}

/// An aggregation in flight.
struct InFlight {
    max_sequencing_time: i64,
    delivered_at: Option<i64>,
    parts: BTreeMap<Member, Contribution>,
}

impl Trace {
    fn new(case: &Case) -> Result<Self, String> {
        let mut machine = Machine::new(NonZeroUsize::new(2).expect("two is not zero"));
        if !case.boolean("produce_post_ordering_topology_ticks")? {
            machine = machine.without_post_ordering_ticks();
        }
        let state = setup::state(case)?;
        let snapshot = state.snapshot(state.approximate_time());
        let traffic = snapshot.parameters().and_then(|parameters| parameters.to_proto().traffic_control);
        let traffic = traffic.map(|traffic| Bytes::from(traffic.encode_to_vec()));
        fields::same("traffic_control", &fields::optional_bytes(&case.value, "traffic_control")?, &traffic)?;
        let sequencer = member(case.text("sequencer")?)?;
        Ok(Self {
            machine,
            state,
            sequencer,
            in_flight: BTreeMap::new(),
            aggregation_of: BTreeMap::new(),
            latest_sequencer_event: None,
            latest_pending_topology: None,
            acknowledged: BTreeMap::new(),
        })
    }

    fn run(&mut self, case: &Case) -> Result<(), String> {
        for block in case.list("blocks")? {
            let label = format!("block {}", fields::integer(block, "height")?);
            self.block(block).map_err(|reason| format!("{label}: {reason}"))?;
        }
        Ok(())
    }

    fn block(&mut self, expected: &Value) -> Result<(), String> {
        let block = setup::ordered(expected, &self.sequencer)?;
        let calls = self.calls(&block)?;
        let order: Vec<&str> = calls.iter().flatten().map(String::as_str).collect();
        fields::same(
            "extracted_in_processing_order",
            &fields::texts(expected, "extracted_in_processing_order")?,
            &order,
        )?;
        let before = self.state.last_time();
        let outcome = self.machine.apply(&mut self.state, &block).map_err(|error| error.to_string())?;
        self.remember(&outcome);
        self.chunks(expected, &calls, &outcome, before)
    }

    /// The calls of a block in their order of processing, by chunk, in the words of the vectors.
    fn calls(&self, block: &OrderedBlock) -> Result<Vec<Vec<String>>, String> {
        let version = self.state.protocol_version();
        let name = |index: &usize| {
            let event = block.events.get(*index).ok_or("there is no such event")?;
            Ok::<_, String>(match event.kind {
                OrderedKind::Send => {
                    let parsed = SignedSubmission::parse(&event.bytes, version, usize::MAX)
                        .map_err(|error| error.to_string())?;
                    format!("send {}", parsed.request.message_id)
                }
                OrderedKind::Acknowledge => {
                    let parsed =
                        SignedAcknowledgement::parse(&event.bytes, version).map_err(|error| error.to_string())?;
                    format!("ack {} {}", parsed.request.member, parsed.request.timestamp.as_micros())
                }
            })
        };
        self.machine.chunks(&self.state, block).iter().map(|chunk| chunk.iter().map(name).collect()).collect()
    }

    /// Notes which events are parts of aggregations.
    fn remember(&mut self, outcome: &BlockOutcome) {
        for change in &outcome.aggregations {
            if let AggregationChange::Contributed { id, contribution, .. } = change {
                self.aggregation_of.insert(contribution.time, hex_of(id));
            }
        }
    }

    fn member(&self, index: MemberIndex) -> Result<&Member, String> {
        self.state.members().at(index).map(|found| &found.member).ok_or_else(|| "unknown index".to_owned())
    }

    fn chunks(
        &mut self,
        expected: &Value,
        calls: &[Vec<String>],
        outcome: &BlockOutcome,
        before: CantonTimestamp,
    ) -> Result<(), String> {
        let chunks = fields::list(expected, "chunks")?;
        let mut events = outcome.events.iter();
        let mut changes = outcome.aggregations.iter().peekable();
        let mut last = before;
        let mut invalid = Vec::new();
        let mut data_chunks = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            let in_chunk = |reason| format!("chunk {index}: {reason}");
            let kind = fields::text(chunk, "chunk").map_err(in_chunk)?;
            if kind == "EndOfBlock" {
                self.end(chunk, outcome).map_err(in_chunk)?;
                continue;
            }
            let outcomes = fields::list(chunk, "outcomes")?;
            let mut found = Vec::new();
            for outcome in outcomes {
                let event = events.next().ok_or_else(|| in_chunk("there are fewer events".to_owned()))?;
                self.event(outcome, event).map_err(|reason| in_chunk(format!("{}: {reason}", event.message_id)))?;
                found.push(event);
            }
            last = found.last().map_or(last, |event| event.time);
            if kind == "NextChunk" {
                let own = calls.get(data_chunks).ok_or_else(|| in_chunk("there are fewer chunks".to_owned()))?;
                let names = found.iter().map(|event| format!("send {}", event.message_id));
                fields::same("all events are of the chunk", &true, &names.into_iter().all(|name| own.contains(&name)))?;
                data_chunks += 1;
            }
            self.apply_changes(chunk, &found, &mut changes).map_err(in_chunk)?;
            self.chunk(chunk, &found, (before, last)).map_err(in_chunk)?;
            self.acknowledgements(chunk, &mut invalid).map_err(in_chunk)?;
        }
        fields::same("number of data chunks", &data_chunks, &calls.len())?;
        fields::same("more events", &None, &events.next().map(|event| &event.message_id))?;
        fields::same("more changes of aggregations", &None, &changes.next())?;
        self.acknowledged_so_far(outcome, &invalid)
    }

    fn event(&self, expected: &Value, event: &EventRecord) -> Result<(), String> {
        let kind = match event.kind {
            EventKind::Deliver => "Deliver",
            EventKind::Receipt => "DeliverReceipt",
            EventKind::Error => "Reject",
        };
        fields::same("type", &fields::text(expected, "type")?, &kind)?;
        fields::same("message_id", &fields::text(expected, "message_id")?, &event.message_id.as_str())?;
        let sender = event.sender.map_or(Ok(&self.sequencer), |sender| self.member(sender))?;
        fields::same("sender", &fields::text(expected, "sender")?, &sender.to_string().as_str())?;
        fields::same("sequencing_time", &fields::integer(expected, "sequencing_time")?, &event.time.as_micros())?;
        let recipients: BTreeSet<String> =
            fields::texts(expected, "recipients")?.into_iter().map(str::to_owned).collect();
        fields::same("recipients", &recipients, &self.recipients(event, sender)?)?;
        let receipt = event.receipt.map(|receipt| Bytes::from(receipt.to_proto_bytes()));
        same_bytes("traffic_receipt", fields::optional_bytes(expected, "traffic_receipt")?, receipt)?;
        if event.kind == EventKind::Deliver {
            let topology = event.topology_timestamp.map(CantonTimestamp::as_micros);
            fields::same("topology_timestamp", &fields::optional_integer(expected, "topology_timestamp")?, &topology)?;
        }
        self.content(expected, event)?;
        let aggregation = self.aggregation_of.get(&event.time).map(String::as_str);
        fields::same("aggregation_id", &fields::optional_text(expected, "aggregation_id")?, &aggregation)
    }

    fn content(&self, expected: &Value, event: &EventRecord) -> Result<(), String> {
        let batch = event.batch.as_ref().map(|batch| MessageKind::Batch.wrap(self.state.protocol_version(), batch));
        same_bytes("batch", fields::optional_bytes(expected, "batch")?, batch)?;
        same_bytes("status", fields::optional_bytes(expected, "status")?, event.status.clone())?;
        let status = event.status.clone().map(Status::decode).transpose().map_err(|error| error.to_string())?;
        let message = status.map(|status| status.message);
        fields::same("status_message", &fields::optional_text(expected, "status_message")?, &message.as_deref())
    }

    /// The recipients as Canton's pipeline gives them: of a broadcast the members and groups that are addressed beside everybody,
    /// and everybody only beside a group (the marker of a pure broadcast is added later, when it is stored).
    fn recipients(&self, event: &EventRecord, sender: &Member) -> Result<BTreeSet<String>, String> {
        let mut recipients = BTreeSet::new();
        let everybody = Recipient::AllMembersOfSynchronizer.to_string();
        match &event.recipients {
            EventRecipients::Members(members) => {
                for member in members {
                    recipients.insert(self.member(*member)?.to_string());
                }
            }
            EventRecipients::All if event.sender.is_none() => {
                recipients.insert(everybody);
            }
            EventRecipients::All => {
                recipients.insert(sender.to_string());
                for member in event.groups.iter().flat_map(|group| &group.members) {
                    recipients.insert(self.member(*member)?.to_string());
                }
                if !event.groups.is_empty() {
                    recipients.insert(everybody);
                }
                let bytes = event.batch.as_ref().ok_or("a broadcast has a batch")?;
                let batch = Batch::parse_canonical_proto(bytes, self.state.protocol_version());
                let addressed = batch.map_err(|error| error.to_string())?.all_recipients();
                recipients.extend(addressed.iter().filter_map(Recipient::as_member).map(ToString::to_string));
            }
        }
        Ok(recipients)
    }

    /// Takes over the changes of aggregations that a chunk made: the parts that its events are, then what expired. Where the chunk
    /// after has no part, only the vectors say in which of both something expired.
    fn apply_changes<'a>(
        &mut self,
        chunk: &Value,
        events: &[&EventRecord],
        changes: &mut std::iter::Peekable<impl Iterator<Item = &'a AggregationChange>>,
    ) -> Result<(), String> {
        let in_flight = fields::list(fields::value(chunk, "state_after")?, "in_flight_aggregations")?;
        let in_flight: Result<BTreeSet<&str>, String> =
            in_flight.iter().map(|found| fields::text(found, "id")).collect();
        let in_flight = in_flight?;
        let of_chunk = |change: &AggregationChange| match change {
            AggregationChange::Contributed { contribution, .. } => {
                events.iter().any(|event| event.time == contribution.time)
            }
            AggregationChange::Expired { id } => !in_flight.contains(hex_of(id).as_str()),
        };
        let mut updates = BTreeSet::new();
        while let Some(change) = changes.next_if(|change| of_chunk(change)) {
            match change {
                AggregationChange::Contributed { id, max_sequencing_time, contribution, delivered_at, .. } => {
                    let sender = self.member(contribution.sender)?.clone();
                    let aggregation = self.in_flight.entry(hex_of(id)).or_insert_with(|| InFlight {
                        max_sequencing_time: max_sequencing_time.as_micros(),
                        delivered_at: None,
                        parts: BTreeMap::new(),
                    });
                    aggregation.parts.insert(sender, contribution.clone());
                    aggregation.delivered_at = delivered_at.map(CantonTimestamp::as_micros);
                    updates.insert(hex_of(id));
                }
                AggregationChange::Expired { id } => {
                    self.in_flight.remove(&hex_of(id)).ok_or("what expires was not in flight")?;
                }
            }
        }
        let expected: BTreeSet<String> =
            fields::texts(chunk, "in_flight_updates")?.into_iter().map(str::to_owned).collect();
        fields::same("in_flight_updates", &expected, &updates)
    }

    /// The state after a chunk within the block, made up from its events.
    fn chunk(
        &mut self,
        chunk: &Value,
        events: &[&EventRecord],
        (before, last): (CantonTimestamp, CantonTimestamp),
    ) -> Result<(), String> {
        let version = self.state.protocol_version();
        let sequencer_event = events.iter().rev().find(|event| addresses_sequencers(event, version));
        let sequencer_event = sequencer_event.map(|event| event.time.as_micros());
        fields::same(
            "last_sequencer_event_ts",
            &fields::optional_integer(chunk, "last_sequencer_event_ts")?,
            &sequencer_event,
        )?;
        self.latest_sequencer_event = sequencer_event.or(self.latest_sequencer_event);
        for event in events {
            if is_topology_broadcast(event, version) {
                self.latest_pending_topology = Some(event.time.as_micros());
            } else if event.sender.is_none() && event.recipients == EventRecipients::All {
                self.latest_pending_topology = None;
            }
        }
        self.state_after(chunk, (before, last))
    }

    fn state_after(&self, chunk: &Value, (last_block, last): (CantonTimestamp, CantonTimestamp)) -> Result<(), String> {
        let after = fields::value(chunk, "state_after")?;
        let same = |column, found: &Option<i64>| fields::same(column, &fields::optional_integer(after, column)?, found);
        same("last_chunk_ts", &Some(last.as_micros()))?;
        same("last_block_ts", &Some(last_block.as_micros()))?;
        same("latest_sequencer_event_ts", &self.latest_sequencer_event)?;
        same("latest_pending_topology_tx_ts", &self.latest_pending_topology)?;
        self.aggregations(fields::list(after, "in_flight_aggregations")?)
    }

    /// The end of a block: the row of the block, and the state.
    fn end(&self, chunk: &Value, outcome: &BlockOutcome) -> Result<(), String> {
        let block = fields::value(chunk, "block")?;
        let height = i64::try_from(outcome.height).map_err(|error| error.to_string())?;
        fields::same("height", &fields::integer(block, "height")?, &height)?;
        fields::same("last_ts", &fields::integer(block, "last_ts")?, &outcome.last_time.as_micros())?;
        let micros = |time: Option<CantonTimestamp>| time.map(CantonTimestamp::as_micros);
        let same = |column, found: &Option<i64>| fields::same(column, &fields::optional_integer(block, column)?, found);
        let (sequencer, pending) = (micros(outcome.latest_sequencer_event), micros(outcome.latest_pending_topology));
        same("latest_sequencer_event_ts", &sequencer)?;
        same("latest_pending_topology_tx_ts", &pending)?;
        // What was made up chunk by chunk is what the machine has.
        fields::same("latest sequencer event", &self.latest_sequencer_event, &sequencer)?;
        fields::same("latest pending topology", &self.latest_pending_topology, &pending)?;
        let of_state =
            self.state.aggregations().iter().map(|(id, found)| {
                (hex_of(id), (found.max_sequencing_time().as_micros(), micros(found.delivered_at())))
            });
        let of_changes =
            self.in_flight.iter().map(|(id, found)| (id.clone(), (found.max_sequencing_time, found.delivered_at)));
        let (of_state, of_changes): (BTreeMap<_, _>, BTreeMap<_, _>) = (of_state.collect(), of_changes.collect());
        fields::same("aggregations in flight", &of_changes, &of_state)?;
        self.state_after(chunk, (outcome.last_time, outcome.last_time))
    }

    fn aggregations(&self, expected: &[Value]) -> Result<(), String> {
        let ids: Result<BTreeSet<&str>, String> = expected.iter().map(|found| fields::text(found, "id")).collect();
        fields::same("aggregations in flight", &ids?, &self.in_flight.keys().map(String::as_str).collect())?;
        for expected in expected {
            let id = fields::text(expected, "id")?;
            let found = self.in_flight.get(id).ok_or("is not in flight")?;
            let end = fields::integer(expected, "max_sequencing_time")?;
            fields::same("max_sequencing_time", &end, &found.max_sequencing_time)?;
            fields::same("delivered_at", &fields::optional_integer(expected, "delivered_at")?, &found.delivered_at)?;
            let mut senders = BTreeSet::new();
            for sender in fields::list(expected, "senders")? {
                let name = member(fields::text(sender, "sender")?)?;
                let part = found.parts.get(&name).ok_or_else(|| format!("{name} did not contribute to {id}"))?;
                fields::same("at", &fields::integer(sender, "at")?, &part.time.as_micros())?;
                let counts: Result<Vec<i64>, _> =
                    part.signatures.iter().map(|found| i64::try_from(found.len())).collect();
                let counts = counts.map_err(|error| error.to_string())?;
                fields::same(
                    "signatures_per_envelope",
                    &fields::integers(sender, "signatures_per_envelope")?,
                    &counts,
                )?;
                senders.insert(name);
            }
            fields::same("senders", &senders, &found.parts.keys().cloned().collect())?;
        }
        Ok(())
    }

    /// Collects what a chunk says about acknowledgements.
    fn acknowledgements(&mut self, chunk: &Value, invalid: &mut Vec<(String, String)>) -> Result<(), String> {
        let valid =
            fields::value(chunk, "acknowledgements")?.as_object().ok_or("acknowledgements are not an object")?;
        for (name, time) in valid {
            let newest = self.acknowledged.entry(member(name)?).or_insert(i64::MIN);
            *newest = fields::as_integer(time)?.max(*newest);
        }
        for expected in fields::list(chunk, "invalid_acknowledgements")? {
            let time = timestamp(fields::integer(expected, "timestamp")?)?;
            let who = format!("{} acknowledges {time}:", fields::text(expected, "member")?);
            invalid.push((fields::text(expected, "error_code")?.to_owned(), who));
        }
        Ok(())
    }

    fn acknowledged_so_far(&self, outcome: &BlockOutcome, invalid: &[(String, String)]) -> Result<(), String> {
        for (member, expected) in &self.acknowledged {
            let index = self.state.members().get(member).ok_or_else(|| format!("{member} is not registered"))?.index;
            let found = self.state.acknowledged(index).map(CantonTimestamp::as_micros);
            fields::same("acknowledgement", &Some(*expected), &found)?;
        }
        let mut alarms: Vec<(&str, &str)> = Vec::new();
        for alarm in outcome.alarms.iter().filter(|alarm| alarm.kind.id().contains("ACKNOWLEDGEMENT")) {
            alarms.push((alarm.kind.id(), &alarm.detail));
        }
        for (code, who) in invalid {
            let position = alarms.iter().position(|(kind, detail)| kind == code && detail.starts_with(who));
            let position = position.ok_or_else(|| format!("no alarm {code} for {who} but {alarms:?}"))?;
            alarms.remove(position);
        }
        fields::same("more alarms", &None, &alarms.first())
    }
}

fn addresses_sequencers(event: &EventRecord, version: ProtocolVersion) -> bool {
    if event.kind != EventKind::Deliver {
        return false;
    }
    let batch = event.batch.as_ref().and_then(|batch| Batch::parse_canonical_proto(batch, version).ok());
    event.sender.is_none()
        || event.recipients == EventRecipients::All
        || batch.is_some_and(|batch| batch.all_recipients().contains(&Recipient::SequencersOfSynchronizer))
}

/// Whether an event is delivered to everybody, and addressed to nobody else.
fn is_topology_broadcast(event: &EventRecord, version: ProtocolVersion) -> bool {
    let batch = event.batch.as_ref().and_then(|batch| Batch::parse_canonical_proto(batch, version).ok());
    event.sender.is_some()
        && batch.is_some_and(|batch| batch.all_recipients() == BTreeSet::from([Recipient::AllMembersOfSynchronizer]))
}

fn hex_of(id: &AggregationId) -> String {
    fields::to_hex(&id.hash().multihash())
}

fn same_bytes(what: &str, expected: Option<Bytes>, found: Option<Bytes>) -> Result<(), String> {
    match (expected, found) {
        (Some(expected), Some(found)) => fields::same_bytes(what, &expected, &found),
        (expected, found) => fields::same(what, &expected.is_some(), &found.is_some()),
    }
}

fn member(text: &str) -> Result<Member, String> {
    Member::parse(text).map_err(|error| error.to_string())
}

fn timestamp(micros: i64) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(micros).map_err(|error| error.to_string())
}
