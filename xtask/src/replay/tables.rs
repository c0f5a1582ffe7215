//! The other tables of a sequencer: blocks, members, acknowledgements, aggregations, traffic.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use synod_machine::{AggregationChange, Contribution};
use synod_proto::crypto::v30::Signature;
use synod_proto::sequencer::admin::v30::sequencer_snapshot::SignaturesForEnvelope;
use synod_testkit::recordings::Row;
use synod_testkit::{Tally, fields};
use synod_types::Member;
use synod_wire::versioned::wrap;

use super::feed::{Replayed, time};
use super::node::Node;

/// Version of messages in the database.
const VERSION: i32 = 30;

/// Compares all of them.
pub(super) fn compare(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let blocks = Keyed { node, table: "seq_block_height", category: "blocks" };
    blocks.compare(block_rows(replayed), tally, |_, row| {
        Ok((
            fields::integer(row, "height")?,
            optional_times(row, ["latest_event_ts", "latest_sequencer_event_ts", "latest_pending_topology_ts"])?,
        ))
    })?;
    let members = Keyed { node, table: "sequencer_members", category: "members" };
    members.compare(member_rows(replayed), tally, |node, row| {
        Ok((node.member_of(fields::integer(row, "id")?)?.clone(), fields::integer(row, "registered_ts")?))
    })?;
    let acknowledgements = Keyed { node, table: "sequencer_acknowledgements", category: "acknowledgements" };
    acknowledgements.compare(acknowledgement_rows(replayed)?, tally, |node, row| {
        Ok((node.member_of(fields::integer(row, "member")?)?.clone(), fields::integer(row, "ts")?))
    })?;
    aggregations(node, replayed, tally)?;
    traffic(node, replayed, tally)?;
    beginning(node, replayed, tally)
}

/// Where a sequencer that was onboarded begins: events at or before the end of the block that its state is from are not there,
/// nor purchases up to the last event that the sequencers saw.
fn beginning(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let start = Some(&replayed.start).filter(|start| start.is_onboarded).map(|start| &start.checkpoint);
    let seen = |found: &synod_machine::Checkpoint| found.latest_sequencer_event.map(|time| time.as_micros());
    let bound = start.map(|found| ((), (found.last_time.as_micros(), seen(found))));
    let table = Keyed { node, table: "sequencer_lower_bound", category: "beginning" };
    table.compare(bound.into_iter().collect(), tally, |_, row| {
        let value = (fields::integer(row, "ts")?, fields::optional_integer(row, "latest_topology_client_timestamp")?);
        Ok(((), value))
    })?;
    let initial = start.map(|found| ((), seen(found)));
    let table = Keyed { node, table: "seq_traffic_control_initial_timestamp", category: "beginning" };
    table.compare(initial.into_iter().collect(), tally, |_, row| {
        Ok(((), fields::optional_integer(row, "initial_timestamp")?))
    })
}

/// A table that has one row for each key.
struct Keyed<'a> {
    node: &'a Node<'a>,
    table: &'static str,
    category: &'static str,
}

impl Keyed<'_> {
    /// Compares the rows of the table with those of the replay: the same keys, the same values.
    fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
        &self,
        mut found: BTreeMap<K, V>,
        tally: &mut Tally,
        read: impl Fn(&Node<'_>, &Row) -> Result<(K, V), String>,
    ) -> Result<(), String> {
        for row in self.node.table(self.table)? {
            let (key, expected) = read(self.node, &row)?;
            let result = match found.remove(&key) {
                Some(value) => fields::same("row", &expected, &value),
                None => Err("there is no such row".to_owned()),
            };
            tally.case(self.category, format!("{key:?}"), result);
        }
        for key in found.into_keys() {
            tally.case(self.category, format!("{key:?}"), Err("was not recorded".to_owned()));
        }
        Ok(())
    }
}

fn optional_times<const N: usize>(row: &Row, columns: [&str; N]) -> Result<Vec<Option<i64>>, String> {
    columns.into_iter().map(|column| fields::optional_integer(row, column)).collect()
}

fn block_rows(replayed: &Replayed) -> BTreeMap<i64, Vec<Option<i64>>> {
    let start = &replayed.start.checkpoint;
    let mut rows = BTreeMap::new();
    let micros = |time: Option<synod_types::CantonTimestamp>| time.map(synod_types::CantonTimestamp::as_micros);
    // A sequencer that was onboarded later has a row for the block that its state is from.
    if let Some(height) = start.height.and_then(|height| i64::try_from(height).ok()) {
        let times = [Some(start.last_time), start.latest_sequencer_event, start.latest_pending_topology];
        rows.insert(height, times.map(micros).to_vec());
    }
    for outcome in &replayed.outcomes {
        let times = [Some(outcome.last_time), outcome.latest_sequencer_event, outcome.latest_pending_topology];
        rows.insert(i64::try_from(outcome.height).unwrap_or(i64::MAX), times.map(micros).to_vec());
    }
    rows
}

fn member_rows(replayed: &Replayed) -> BTreeMap<Member, i64> {
    let row = |found: &synod_machine::Registration| (found.member.clone(), found.registered_from.as_micros());
    replayed.members.iter().map(row).collect()
}

fn acknowledgement_rows(replayed: &Replayed) -> Result<BTreeMap<Member, i64>, String> {
    let mut rows = BTreeMap::new();
    let changed = replayed.outcomes.iter().flat_map(|outcome| &outcome.acknowledgements);
    for (member, time) in replayed.start.checkpoint.acknowledgements.iter().chain(changed) {
        let newest = rows.entry(replayed.member(*member)?.clone()).or_insert(i64::MIN);
        *newest = time.as_micros().max(*newest);
    }
    Ok(rows)
}

/// Rows of aggregations stay after they expired, so all that ever were are compared.
fn aggregations(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let mut opened: BTreeMap<String, (i64, Bytes)> = BTreeMap::new();
    let mut parts: BTreeMap<(String, Member), (i64, Bytes)> = BTreeMap::new();
    let mut add = |id: &synod_wire::AggregationId, end: i64, rule: &Bytes, parts_of: &[Contribution]| {
        let id = fields::to_hex(&id.hash().multihash());
        opened.insert(id.clone(), (end, wrap(VERSION, rule)));
        for part in parts_of {
            let row = (part.time.as_micros(), signatures(part)?);
            parts.insert((id.clone(), replayed.member(part.sender)?.clone()), row);
        }
        Ok::<(), String>(())
    };
    for aggregation in &replayed.start.checkpoint.aggregations {
        add(
            &aggregation.id,
            aggregation.max_sequencing_time.as_micros(),
            &aggregation.rule,
            &aggregation.contributions,
        )?;
    }
    for change in replayed.outcomes.iter().flat_map(|outcome| &outcome.aggregations) {
        if let AggregationChange::Contributed { id, max_sequencing_time, rule, contribution, .. } = change {
            add(id, max_sequencing_time.as_micros(), rule, std::slice::from_ref(contribution))?;
        }
    }
    let table = Keyed { node, table: "seq_in_flight_aggregation", category: "aggregations" };
    table.compare(opened, tally, |_, row| {
        let value = (fields::integer(row, "max_sequencing_time")?, fields::bytes(row, "aggregation_rule")?);
        Ok((fields::text(row, "aggregation_id")?.to_owned(), value))
    })?;
    let table = Keyed { node, table: "seq_in_flight_aggregated_sender", category: "aggregated senders" };
    table.compare(parts, tally, |node, row| {
        let sender = node.member_of(fields::integer(row, "sender_id")?)?.clone();
        let value = (fields::integer(row, "sequencing_timestamp")?, fields::bytes(row, "signatures")?);
        Ok(((fields::text(row, "aggregation_id")?.to_owned(), sender), value))
    })
}

/// The signatures of a sender as they are stored: for each envelope a message with its signatures.
fn signatures(part: &Contribution) -> Result<Bytes, String> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct AggregatedSignaturesOfSender {
        #[prost(message, repeated, tag = "1")]
        by_envelope: Vec<SignaturesForEnvelope>,
    }
    let mut by_envelope = Vec::with_capacity(part.signatures.len());
    for of_envelope in &part.signatures {
        let signatures: Result<Vec<Signature>, _> =
            of_envelope.iter().map(|bytes| Signature::decode(bytes.clone())).collect();
        by_envelope.push(SignaturesForEnvelope { signatures: signatures.map_err(|error| error.to_string())? });
    }
    Ok(wrap(VERSION, &AggregatedSignaturesOfSender { by_envelope }.encode_to_vec()))
}

fn traffic(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let mut consumed = BTreeMap::new();
    let changed = replayed.outcomes.iter().flat_map(|outcome| &outcome.traffic_consumed);
    for row in replayed.start.checkpoint.traffic_consumed.iter().chain(changed).filter(|row| row.journaled) {
        let value = (row.extra_consumed, row.base_remainder, row.last_cost);
        consumed.insert((replayed.member(row.member)?.clone(), row.time.as_micros()), value);
    }
    let table = Keyed { node, table: "seq_traffic_control_consumed_journal", category: "traffic consumed" };
    let key = |node: &Node<'_>, row: &Row| {
        let member = node.member_of(fields::integer(row, "member_id")?)?.clone();
        Ok::<_, String>((member, time(fields::integer(row, "sequencing_timestamp")?)?.as_micros()))
    };
    table.compare(consumed, tally, |node, row| {
        let value = |column| fields::integer(row, column);
        let value = (value("extra_traffic_consumed")?, value("base_traffic_remainder")?, value("last_consumed_cost")?);
        Ok((key(node, row)?, value))
    })?;
    let changed = replayed.outcomes.iter().flat_map(|outcome| &outcome.traffic_purchased);
    let purchased = replayed.start.checkpoint.traffic_purchased.iter().chain(changed);
    let purchased = purchased
        .map(|row| ((row.member.clone(), row.time.as_micros()), (row.extra_purchased, i64::from(row.serial))))
        .collect();
    let table = Keyed { node, table: "seq_traffic_control_balance_updates", category: "traffic purchased" };
    table.compare(purchased, tally, |node, row| {
        Ok((key(node, row)?, (fields::integer(row, "balance")?, fields::integer(row, "serial")?)))
    })
}
