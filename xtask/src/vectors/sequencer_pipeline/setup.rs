//! What a trace begins with, and its blocks.

use serde_json::Value;
use synod_machine::{Checkpoint, Members, OrderedBlock, OrderedEvent, OrderedKind, State, TrafficPurchased};
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_topology::{SignedTopologyTransaction, StaticSynchronizerParameters, TopologyRow, TopologyState};
use synod_types::{Member, PhysicalSynchronizerId, SequencerId};

use super::timestamp;

/// The state before the first block: the topology of the trace, and the traffic that it says.
pub(super) fn state(case: &Case) -> Result<State, String> {
    let psid = PhysicalSynchronizerId::parse(case.text("psid")?).map_err(|error| error.to_string())?;
    let version = psid.protocol_version();
    let static_parameters = StaticSynchronizerParameters::jce_defaults(version);
    let mut topology = TopologyState::new(psid.clone(), &static_parameters);
    let mut rows: Vec<TopologyRow> = Vec::new();
    let mut members = Members::default();
    for batch in case.list("topology_batches")? {
        let (sequenced, effective) = (fields::integer(batch, "sequenced")?, fields::integer(batch, "effective")?);
        let parse = |tx: &Value| {
            SignedTopologyTransaction::parse(&fields::bytes(tx, "bytes")?, version).map_err(|error| error.to_string())
        };
        let transactions = fields::list(batch, "txs")?.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let changes = topology.apply(timestamp(sequenced)?, timestamp(effective)?, transactions, false);
        rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            let row = rows.iter_mut().find(|row| row.id == id).ok_or_else(|| format!("no row {id}"))?;
            row.valid_until = Some(until);
        }
        for (member, registered_from) in changes.registrations {
            members.register(member, registered_from);
        }
    }
    let last_time = timestamp(fields::integer(fields::value(&case.value, "initial_state")?, "last_block_ts")?)?;
    let first = case.list("blocks")?.first().ok_or("there is no block")?;
    let height = u64::try_from(fields::integer(first, "height")?).map_err(|error| error.to_string())?.checked_sub(1);
    State::restore(Checkpoint {
        psid,
        static_parameters: static_parameters.encode(),
        height,
        base_time: last_time,
        last_time,
        latest_sequencer_event: None,
        latest_pending_topology: None,
        topology: rows,
        traffic_purchased: purchased(case, &members)?,
        members: members.iter().cloned().collect(),
        traffic_consumed: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        app_hash: [0; 32],
    })
    .map_err(|error| error.to_string())
}

/// In the traces about traffic one participant has purchased some (README of the vectors).
fn purchased(case: &Case, members: &Members) -> Result<Vec<TrafficPurchased>, String> {
    if !case.name().starts_with("traffic") {
        return Ok(Vec::new());
    }
    let is_second = |member: &Member| member.to_string().starts_with("PAR::p2::");
    let found = members.iter().find(|registration| is_second(&registration.member)).ok_or("p2 is not registered")?;
    Ok(vec![TrafficPurchased {
        member: found.member.clone(),
        time: found.registered_from,
        serial: 1,
        extra_purchased: 500,
    }])
}

pub(super) fn ordered(block: &Value, origin: &Member) -> Result<OrderedBlock, String> {
    let origin = SequencerId::try_from(origin.clone()).map_err(|_| "the origin is no sequencer".to_owned())?;
    let event = |event: &Value| {
        let kind = match fields::text(event, "type")? {
            "send" => OrderedKind::Send,
            "ack" => OrderedKind::Acknowledge,
            other => return Err(format!("unknown type {other}")),
        };
        let time = timestamp(fields::integer(event, "timestamp")?)?;
        Ok(OrderedEvent { time, origin: origin.clone(), kind, bytes: fields::bytes(event, "bytes")? })
    };
    Ok(OrderedBlock {
        height: u64::try_from(fields::integer(block, "height")?).map_err(|error| error.to_string())?,
        base_time: timestamp(fields::integer(block, "base_sequencing_time")?)?,
        tick_at: fields::optional_integer(block, "tick_topology_at")?.map(timestamp).transpose()?,
        frames: Vec::new(),
        events: fields::list(block, "events")?.iter().map(event).collect::<Result<_, _>>()?,
    })
}
