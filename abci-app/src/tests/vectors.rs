//! The pipeline traces of Canton, through FinalizeBlock and Commit and through the executor alone: both leave the same in
//! the database, and every member reads the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_machine::{
    Checkpoint, EventRecord, FrameStamp, Machine, OrderedBlock, OrderedEvent, OrderedKind, TrafficPurchased,
};
use synod_ordering::Entry;
use synod_ordering::frame::{FrameContent, OrderingFrame};
use synod_store::Store;
use synod_testkit::fields;
use synod_testkit::nodes::NodeParts;
use synod_testkit::vectors::{Case, read_cases};
use synod_topology::{SignedTopologyTransaction, StaticSynchronizerParameters, TopologyRow, TopologyState};
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, ProtocolVersion, SequencerId};
use tempfile::TempDir;

use super::mock::{Block, MockNode};
use crate::codes;
use crate::height::to_comet;

fn timestamp(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("in range")
}

fn time_of(value: &Value, field: &str) -> CantonTimestamp {
    timestamp(fields::integer(value, field).expect(field))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traces_leave_the_same_as_without_consensus() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/sequencer_pipeline.jsonl.gz");
    let (mut keys, mut traces, mut events) = (BTreeMap::new(), 0, 0);
    for case in read_cases(&path).expect("the file is there") {
        let case = case.expect("JSON");
        match case.kind() {
            "key" => {
                keys.insert(case.text("fingerprint").expect("a key").to_owned(), case.bytes("private_key_pkcs8"));
            }
            "pipeline" if case.protocol_version() == Some(35) => {
                events += trace(&case, &keys).await;
                traces += 1;
            }
            _ => {}
        }
    }
    assert_eq!((traces, events), (20, 996), "traces, and events that members read");
}

/// Some traces are without the ticks that make topology changes observable.
fn machine(case: &Case) -> Machine {
    let machine = Machine::new(NonZeroUsize::MIN);
    let ticks = case.boolean("produce_post_ordering_topology_ticks").expect("a flag");
    if ticks { machine } else { machine.without_post_ordering_ticks() }
}

/// Runs a trace both ways, compares after every block, and gives the number of events that members read.
async fn trace(case: &Case, keys: &BTreeMap<String, Result<Bytes, String>>) -> usize {
    let checkpoint = checkpoint(case);
    let folders = [(); 2].map(|()| TempDir::new().expect("temporary folder"));
    let [framed_url, direct_url] =
        folders.each_ref().map(|folder| format!("sqlite://{}/node.db", folder.path().display()));
    let framed = NodeParts::open_with(machine(case), &framed_url, &checkpoint).await;
    let mut node = MockNode::serve(folders[0].path(), framed);
    let mut direct = NodeParts::open_with(machine(case), &direct_url, &checkpoint).await;
    let origin = SequencerId::parse(case.text("sequencer").expect("a sequencer")).expect("valid");
    let signer = protocol_key(direct.executor.state(), &origin, keys);
    for (index, block) in case.list("blocks").expect("blocks").iter().enumerate() {
        let label = format!("{} block {index}", case.label());
        let time = time_of(block, "base_sequencing_time");
        let entries = entries(block);
        let frames = seal(&checkpoint.psid, &origin, time, entries.clone(), &signer);
        let block = Block { height: to_comet(Some(direct.executor.state().next_height())), time, txs: frames };
        let answer = node.finalize(&block).expect("answered");
        assert!(answer.tx_results.iter().all(|result| result.code == codes::OK), "{label}");
        node.commit().expect("answered");

        let ordered = as_local(&direct, &origin, time, entries);
        let staged = direct.executor.stage(&ordered).expect("the block follows");
        direct.committer.commit(vec![staged]).await.expect("it commits");
        let (framed, alone) = (comparable(&node.store).await, comparable(&direct.store).await);
        assert!(framed == alone, "{label}: the stored states differ");
    }
    let (framed, alone) = (events(&node.store, &checkpoint).await, events(&direct.store, &checkpoint).await);
    assert!(framed == alone, "{}: events differ", case.label());
    node.stop().await;
    alone.iter().map(Vec::len).sum()
}

/// The block that ordering without consensus makes of the entries, when its clock shows the base time of the other one:
/// some blocks of the traces are closer to each other than blocks of consensus can be.
fn as_local(direct: &NodeParts, origin: &SequencerId, time: CantonTimestamp, entries: Vec<Entry>) -> OrderedBlock {
    let state = direct.executor.state();
    let base_time = synod_ordering::frame::next_base_time(state, time);
    let event = |(index, entry): (i64, Entry)| OrderedEvent {
        time: base_time.saturating_add_micros(index),
        origin: origin.clone(),
        kind: entry.kind,
        bytes: entry.bytes,
    };
    let events = (0..).zip(entries).map(event).collect();
    OrderedBlock { height: state.next_height(), base_time, tick_at: None, frames: Vec::new(), events }
}

/// Everything that is stored, but what only frames leave.
async fn comparable(store: &Store) -> Checkpoint {
    let stored = store.load_checkpoint().await.expect("it can be read").expect("there is a state");
    Checkpoint { frames: Vec::<FrameStamp>::new(), app_hash: [0; 32], ..stored }
}

async fn events(store: &Store, checkpoint: &Checkpoint) -> Vec<Vec<EventRecord>> {
    let mut events = Vec::new();
    for member in &checkpoint.members {
        let read = store
            .events(member.index, member.registered_from, CantonTimestamp::MIN, 1_000_000, usize::MAX)
            .await
            .expect("events can be read");
        events.push(read);
    }
    events
}

fn entries(block: &Value) -> Vec<Entry> {
    fields::list(block, "events")
        .expect("events")
        .iter()
        .map(|event| {
            let kind = match fields::text(event, "type").expect("a type") {
                "send" => OrderedKind::Send,
                _ => OrderedKind::Acknowledge,
            };
            Entry { kind, bytes: fields::bytes(event, "bytes").expect("bytes") }
        })
        .collect()
}

/// Two frames, if there is enough for two.
fn seal(
    psid: &PhysicalSynchronizerId,
    origin: &SequencerId,
    time: CantonTimestamp,
    entries: Vec<Entry>,
    signer: &SigningPrivateKey,
) -> Vec<Bytes> {
    let half = entries.len().div_ceil(2).max(1);
    let content = |entries: &[Entry]| FrameContent {
        synchronizer: psid.clone(),
        origin: origin.clone(),
        nonce: *b"frames of traces",
        valid_until: time.saturating_add_micros(1_000_000),
        entries: entries.to_vec(),
    };
    let frame = |entries| OrderingFrame::seal(content(entries), signer).expect("the key signs").1;
    entries.chunks(half).map(frame).collect()
}

/// The private key of one of the protocol keys that the topology has for the sequencer.
fn protocol_key(
    state: &synod_machine::State,
    origin: &SequencerId,
    keys: &BTreeMap<String, Result<Bytes, String>>,
) -> SigningPrivateKey {
    let snapshot = state.snapshot(state.approximate_time());
    let public = snapshot
        .signing_keys(&origin.member())
        .iter()
        .find(|key| key.usages().matches(KeyUsages::PROTOCOL))
        .expect("the sequencer signs");
    let private = keys[public.fingerprint().as_str()].as_ref().expect("hex");
    SigningPrivateKey::from_pkcs8(private, SigningKeySpec::EcCurve25519, public.usages()).expect("a private key")
}

/// The state before the first block of a trace (README of the vectors).
fn checkpoint(case: &Case) -> Checkpoint {
    let psid = PhysicalSynchronizerId::parse(case.text("psid").expect("psid")).expect("valid");
    let static_parameters = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
    let mut topology = TopologyState::new(psid.clone(), &static_parameters);
    let mut rows: Vec<TopologyRow> = Vec::new();
    let mut members = synod_machine::Members::default();
    for batch in case.list("topology_batches").expect("batches") {
        let parse = |tx: &Value| {
            let bytes = fields::bytes(tx, "bytes").expect("bytes");
            SignedTopologyTransaction::parse(&bytes, ProtocolVersion::V35).expect("a transaction")
        };
        let transactions = fields::list(batch, "txs").expect("transactions").iter().map(parse).collect();
        let changes = topology.apply(time_of(batch, "sequenced"), time_of(batch, "effective"), transactions, false);
        rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            rows.iter_mut().find(|row| row.id == id).expect("closed rows are there").valid_until = Some(until);
        }
        for (member, registered_from) in changes.registrations {
            members.register(member, registered_from);
        }
    }
    let last_time = time_of(case.optional("initial_state").expect("a state"), "last_block_ts");
    let first = &case.list("blocks").expect("blocks")[0];
    let height = u64::try_from(fields::integer(first, "height").expect("a height")).expect("not negative");
    Checkpoint {
        psid,
        static_parameters: static_parameters.encode(),
        height: height.checked_sub(1),
        base_time: last_time,
        last_time,
        latest_sequencer_event: None,
        latest_pending_topology: None,
        topology: rows,
        traffic_purchased: purchased(case, &members),
        members: members.iter().cloned().collect(),
        traffic_consumed: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        app_hash: [0; 32],
    }
}

fn purchased(case: &Case, members: &synod_machine::Members) -> Vec<TrafficPurchased> {
    let is_second = |member: &Member| member.to_string().starts_with("PAR::p2::");
    members
        .iter()
        .filter(|found| case.name().starts_with("traffic") && is_second(&found.member))
        .map(|found| TrafficPurchased {
            member: found.member.clone(),
            time: found.registered_from,
            serial: 1,
            extra_purchased: 500,
        })
        .collect()
}
