//! Where a recorded sequencer started: the genesis that the Console gave it, or the onboarding state of another one.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use synod_machine::{
    Checkpoint, Contribution, InFlightAggregation, Registration, State, TrafficConsumed, TrafficPurchased,
};
use synod_proto::sequencer::admin::v30::{
    InitializeSequencerFromGenesisStateV2Request, InitializeSequencerFromOnboardingStateV2Request,
    OnboardingStateForSequencerV2, SequencerSnapshot, sequencer_snapshot,
};
use synod_testkit::fields;
use synod_testkit::recordings::Call;
use synod_topology::TopologyRow;
use synod_types::{CantonTimestamp, Member, MemberIndex, PhysicalSynchronizerId};
use synod_wire::versioned::{MessageKind, unwrap};

use super::feed::{chain, time};
use super::node::{Node, parse_member};

/// Where a sequencer started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) checkpoint: Checkpoint,
    /// Time of the last event of members before. Not of the sequencer itself, which reads from its start.
    pub(super) previous: BTreeMap<Member, CantonTimestamp>,
    /// Whether it joined when there were blocks already: then it stores nothing of them, and remembers where it began.
    pub(super) is_onboarded: bool,
}

/// Where `node` started.
pub(super) fn start(node: &Node<'_>) -> Result<Start, String> {
    let calls = node.recording.calls(&format!("console-{}-admin", node.name)).map_err(|error| chain(&error))?;
    let found = |method: &str| calls.iter().find(|call| call.method_name() == method);
    if let Some(call) = found("InitializeSequencerFromGenesisStateV2") {
        let checkpoint = genesis(node, call)?;
        return Ok(Start { checkpoint, previous: BTreeMap::new(), is_onboarded: false });
    }
    let call = found("InitializeSequencerFromOnboardingStateV2").ok_or("the sequencer was not initialized")?;
    onboarding(node, call)
}

fn requests(call: &Call) -> Result<Vec<Bytes>, String> {
    call.requests
        .iter()
        .map(|message| message.bytes.clone().ok_or_else(|| "a request was left out".to_owned()))
        .collect()
}

fn genesis(node: &Node<'_>, call: &Call) -> Result<Checkpoint, String> {
    let mut snapshot = Vec::new();
    let mut parameters = None;
    for request in requests(call)? {
        let request =
            InitializeSequencerFromGenesisStateV2Request::decode(request).map_err(|error| error.to_string())?;
        snapshot.extend_from_slice(&request.topology_snapshot);
        parameters = request.synchronizer_parameters.or(parameters);
    }
    let parameters = parameters.ok_or("there are no parameters")?;
    let version = psid(node)?.protocol_version();
    let parameters = MessageKind::Topology.wrap(version, &parameters.encode_to_vec());
    synod_machine::genesis(&parameters, &Bytes::from(snapshot)).map_err(|error| chain(&error))
}

fn psid(node: &Node<'_>) -> Result<PhysicalSynchronizerId, String> {
    let rows = node.table("sequencer_synchronizer_configuration")?;
    let [row] = rows.as_slice() else { return Err("there is not one synchronizer".to_owned()) };
    PhysicalSynchronizerId::parse(fields::text(row, "physical_synchronizer_id")?).map_err(|error| error.to_string())
}

/// The state that another sequencer gave (ch. 03 §7.3).
fn onboarding(node: &Node<'_>, call: &Call) -> Result<Start, String> {
    let mut stream = Vec::new();
    for request in requests(call)? {
        let request =
            InitializeSequencerFromOnboardingStateV2Request::decode(request).map_err(|error| error.to_string())?;
        stream.extend_from_slice(&request.onboarding_state);
    }
    let (mut rows, mut parameters, mut snapshot) = (Vec::new(), None, None);
    for item in delimited(&Bytes::from(stream))? {
        let item = unwrap(&item).map_err(|error| chain(&error))?.data;
        let item = OnboardingStateForSequencerV2::decode(item).map_err(|error| error.to_string())?;
        rows.extend(item.topology_transaction);
        parameters = item.static_synchronizer_parameters.or(parameters);
        snapshot = item.sequencer_snapshot.or(snapshot);
    }
    let (parameters, snapshot) = (parameters.ok_or("no parameters")?, snapshot.ok_or("no snapshot")?);
    let psid = psid(node)?;
    let topology =
        synod_topology::genesis::parse_stored_items(&rows, psid.protocol_version()).map_err(|error| chain(&error))?;
    let mut start = checkpoint(psid, parameters, topology, &snapshot)?;
    start.previous.remove(&node.member);
    Ok(start)
}

/// Messages with their lengths before them.
fn delimited(stream: &Bytes) -> Result<Vec<Bytes>, String> {
    let mut rest = stream.clone();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).map_err(|error| error.to_string())?;
        if length > rest.len() {
            return Err("an item ends after the end of the stream".to_owned());
        }
        items.push(rest.split_to(length));
    }
    Ok(items)
}

fn checkpoint(
    psid: PhysicalSynchronizerId,
    static_parameters: Bytes,
    topology: Vec<TopologyRow>,
    snapshot: &SequencerSnapshot,
) -> Result<Start, String> {
    let last_time = time(snapshot.latest_timestamp)?;
    let status = snapshot.status.as_ref().ok_or("the snapshot has no members")?;
    let mut members = Vec::new();
    let mut acknowledgements = Vec::new();
    for (index, found) in (0..).map(MemberIndex).zip(&status.members) {
        let member = parse_member(&found.member)?;
        members.push(Registration { member, index, registered_from: time(found.registered_at)? });
        if let Some(acknowledged) = found.last_acknowledged {
            acknowledgements.push((index, time(acknowledged)?));
        }
    }
    let names = Names(&members);
    let mut previous = BTreeMap::new();
    for found in &snapshot.member_previous_timestamps {
        if let Some(micros) = found.previous_timestamp {
            previous.insert(parse_member(&found.member)?, time(micros)?);
        }
    }
    // What was sequenced last for all sequencers follows from the topology, and so does what waits.
    let latest_sequencer_event = topology.iter().map(|row| row.sequenced).max();
    let plain = Checkpoint {
        psid,
        static_parameters,
        height: Some(snapshot.last_block_height),
        base_time: last_time,
        last_time,
        latest_sequencer_event,
        latest_pending_topology: topology
            .iter()
            .filter(|row| row.valid_from > last_time)
            .map(|row| row.sequenced)
            .max(),
        traffic_consumed: snapshot
            .traffic_consumed
            .iter()
            .map(|row| consumed(row, &names))
            .collect::<Result<_, _>>()?,
        traffic_purchased: snapshot.traffic_purchased.iter().map(purchased).collect::<Result<_, _>>()?,
        aggregations: snapshot
            .in_flight_aggregations
            .iter()
            .map(|row| aggregation(row, &names))
            .collect::<Result<_, _>>()?,
        topology,
        members,
        acknowledgements,
        frames: Vec::new(),
        app_hash: [0; 32],
    };
    // Whether an aggregation was delivered is not in the snapshot.
    let mut state = State::restore(plain.clone()).map_err(|error| chain(&error))?;
    state.recompute_deliveries(last_time);
    let mut checkpoint = plain;
    for aggregation in &mut checkpoint.aggregations {
        let judged = state.aggregations().get(&aggregation.id).ok_or("an aggregation is lost")?;
        aggregation.delivered_at = judged.delivered_at();
    }
    Ok(Start { checkpoint, previous, is_onboarded: true })
}

struct Names<'a>(&'a [Registration]);

impl Names<'_> {
    fn index(&self, member: &str) -> Result<MemberIndex, String> {
        let member = parse_member(member)?;
        let found = self.0.iter().find(|registration| registration.member == member);
        found.map(|registration| registration.index).ok_or_else(|| format!("{member} is not registered"))
    }
}

fn signed(number: u64) -> Result<i64, String> {
    i64::try_from(number).map_err(|error| error.to_string())
}

fn consumed(row: &synod_proto::protocol::v30::TrafficConsumed, names: &Names<'_>) -> Result<TrafficConsumed, String> {
    Ok(TrafficConsumed {
        member: names.index(&row.member)?,
        time: time(row.sequencing_timestamp)?,
        extra_consumed: signed(row.extra_traffic_consumed)?,
        base_remainder: signed(row.base_traffic_remainder)?,
        last_cost: signed(row.last_consumed_cost)?,
        journaled: true,
    })
}

fn purchased(row: &synod_proto::protocol::v30::TrafficPurchased) -> Result<TrafficPurchased, String> {
    Ok(TrafficPurchased {
        member: parse_member(&row.member)?,
        time: time(row.sequencing_timestamp)?,
        serial: row.serial,
        extra_purchased: signed(row.extra_traffic_purchased)?,
    })
}

fn aggregation(
    row: &sequencer_snapshot::InFlightAggregationWithId,
    names: &Names<'_>,
) -> Result<InFlightAggregation, String> {
    let mut contributions = Vec::new();
    for part in &row.aggregated_senders {
        let signatures = part.signatures_by_envelope.iter();
        let signatures = signatures
            .map(|of_envelope| of_envelope.signatures.iter().map(|one| one.encode_to_vec().into()).collect())
            .collect();
        contributions.push(Contribution {
            sender: names.index(&part.sender)?,
            time: time(part.sequencing_timestamp)?,
            signatures,
        });
    }
    contributions.sort_by_key(|part| part.time);
    Ok(InFlightAggregation {
        id: synod_wire::AggregationId(
            synod_crypto::Hash::from_multihash(&row.aggregation_id).map_err(|error| error.to_string())?,
        ),
        max_sequencing_time: time(row.max_sequencing_time)?,
        rule: row.aggregation_rule.as_ref().ok_or("an aggregation has no rule")?.encode_to_vec().into(),
        contributions,
        delivered_at: None,
    })
}
