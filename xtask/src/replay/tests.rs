//! A gate that cannot fail is none; and two properties that no recording has: restarts and threads.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde_json::Value;
use synod_machine::{BlockOutcome, Checkpoint, Machine, OrderedBlock, State};
use synod_testkit::Tally;
use synod_testkit::recordings::Recording;
use synod_topology::TopologyRow;

use super::feed::apply_rows;
use super::node::Node;
use super::{compare_recording, folders};
use crate::mutate::{Leaf, VARIANTS, leaves, mutate};

/// Columns that are not compared: what a node makes up for itself, and what only describes.
const NOT_COMPARED: &[&str] = &[
    // Of the node, not of the synchronizer.
    "sequencer_events.node_index",
    "sequencer_events.trace_context",
    "sequencer_payloads.instance_discriminator",
    "sequencer_event_recipients.node_index",
    "sequencer_members.enabled",
    "sequencer_members.pruned_previous_event_timestamp",
    "sequencer_lower_bound.single_row_lock",
    "common_sequenced_events.physical_synchronizer_idx",
    "common_sequenced_events.sequencer_counter",
    "common_sequenced_events.trace_context",
    "common_sequenced_events.ignore",
    // Rows of the synchronizer are told from those of other stores by it, and sorted by the other one.
    "common_topology_transactions.store_id",
    "common_topology_transactions.id",
    "common_topology_transactions.representative_protocol_version",
    "med_response_aggregations.request_trace_context",
    // Follows from the signatures, which are compared.
    "common_topology_transactions.hash_of_signatures",
];

/// The tables of a mediator that are compared; those that sequencers have too are compared there.
#[cfg(feature = "mediator")]
const OF_MEDIATORS: &[&str] = &["med_response_aggregations", "mediator_deduplication_store"];
#[cfg(not(feature = "mediator"))]
const OF_MEDIATORS: &[&str] = &[];

/// How many rows of a table a change is tried in before it counts as not found.
const TRIES: usize = 4;

pub(super) fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings");
    folders(&folder).expect("there are recordings")
}

fn failures(recording: &Recording) -> usize {
    let mut tally = Tally::new();
    compare_recording(recording, &mut tally);
    tally.failed()
}

/// The first recording that has each kind of table, which is enough: all go the same way.
fn tables() -> Vec<(PathBuf, String, String)> {
    let mut seen = BTreeSet::new();
    let mut tables = Vec::new();
    for folder in recordings() {
        let recording = Recording::open(&folder).expect("a recording");
        for node in recording.nodes() {
            let is_mediator = node.starts_with("mediator");
            for table in recording.tables(node).into_iter().filter(|table| !is_mediator || OF_MEDIATORS.contains(table))
            {
                let is_compared = is_mediator
                    || table.starts_with("seq_")
                    || (table.starts_with("sequencer_")
                        && !matches!(table, "sequencer_watermarks" | "sequencer_synchronizer_configuration"))
                    || matches!(table, "common_topology_transactions" | "common_sequenced_events");
                if is_compared && seen.insert(table.to_owned()) {
                    tables.push((folder.clone(), node.to_owned(), table.to_owned()));
                }
            }
        }
    }
    tables
}

#[test]
fn a_changed_column_of_any_table_is_found() {
    let mut missed = Vec::new();
    for (folder, node, table) in tables() {
        let file = format!("{node}.{table}.jsonl.gz");
        let rows = Recording::open(&folder).expect("a recording").lines(&file).expect("rows");
        let mut columns: BTreeSet<String> = rows.iter().flat_map(leaves).map(|leaf| leaf.field()).collect();
        columns.retain(|column| !NOT_COMPARED.contains(&format!("{table}.{column}").as_str()));
        for column in columns {
            if !is_found(&folder, &file, &rows, &column) {
                missed.push(format!("{table}.{column}"));
            }
        }
    }
    assert!(missed.is_empty(), "changes that no comparison finds: {missed:?}");
}

fn is_found(folder: &Path, file: &str, rows: &[Value], column: &str) -> bool {
    // From the end: the first rows may be of the node's own store.
    let with_column = rows.iter().enumerate().rev().filter_map(|(index, row)| {
        let leaf = leaves(row).into_iter().find(|leaf| leaf.field() == column)?;
        Some((index, leaf))
    });
    with_column
        .take(TRIES)
        .any(|(index, leaf)| (0..VARIANTS).any(|variant| changed(folder, file, rows, (index, &leaf), variant)))
}

fn changed(folder: &Path, file: &str, rows: &[Value], (index, leaf): (usize, &Leaf), variant: usize) -> bool {
    let mut recording = Recording::open(folder).expect("a recording");
    let mut rows = rows.to_vec();
    rows[index] = mutate(&rows[index], leaf, variant);
    recording.replace(file, rows);
    failures(&recording) > 0
}

#[test]
fn a_missing_row_of_any_table_is_found() {
    let mut missed = Vec::new();
    for (folder, node, table) in tables() {
        let file = format!("{node}.{table}.jsonl.gz");
        let mut recording = Recording::open(&folder).expect("a recording");
        let mut rows = recording.lines(&file).expect("rows");
        // What a node kept of its events is a part of them; a row that is missing there is no mistake.
        if table != "common_sequenced_events" {
            rows.pop();
            recording.replace(&file, rows);
            if failures(&recording) == 0 {
                missed.push(table);
            }
        }
    }
    assert!(missed.is_empty(), "missing rows that no comparison finds: {missed:?}");
}

#[test]
fn a_changed_answer_on_the_wire_is_found() {
    let (folder, connection) = (&recordings()[0], "participant1-sequencer1");
    let file = format!("wire.{connection}.jsonl.gz");
    let lines = Recording::open(folder).expect("a recording").lines(&file).expect("lines");
    let mut found = 0;
    for method in ["Subscribe", "DownloadTopologyStateForInit", "DownloadTopologyStateForInitHash"] {
        let call =
            lines.iter().find(|line| line["method"].as_str().is_some_and(|name| name.ends_with(&format!("/{method}"))));
        let rpc = call.expect("the call was made")["rpc"].clone();
        let answer = lines.iter().position(|line| line["kind"] == "rsp" && line["rpc"] == rpc).expect("an answer");
        let mut changed = lines.clone();
        let text = changed[answer]["bytes"].as_str().expect("bytes").to_owned();
        // One letter in the middle, still base64.
        let (begin, end) = text.split_at(text.len() / 2);
        let other = if end.starts_with('A') { 'B' } else { 'A' };
        changed[answer]["bytes"] = Value::String(format!("{begin}{other}{}", &end[1..]));
        let mut recording = Recording::open(folder).expect("a recording");
        recording.replace(&file, changed);
        found += usize::from(failures(&recording) > 0);
    }
    assert_eq!(found, 3);
}

#[cfg(feature = "mediator")]
#[test]
fn a_changed_verdict_on_the_wire_is_found() {
    let (folder, file) = (&recordings()[0], "wire.mediators-sequencer1.jsonl.gz");
    let lines = Recording::open(folder).expect("a recording").lines(file).expect("lines");
    let is_send = |line: &&Value| line["method"].as_str().is_some_and(|name| name.ends_with("/SendAsync"));
    // The one in the middle: the first and the last ones may ask for the time.
    let calls: Vec<&Value> = lines.iter().filter(is_send).map(|line| &line["rpc"]).collect();
    let rpc = calls[calls.len() / 2];
    let request = lines.iter().position(|line| line["kind"] == "req" && line["rpc"] == *rpc).expect("a request");
    let mut changed = lines.clone();
    let text = changed[request]["bytes"].as_str().expect("bytes").to_owned();
    let (begin, end) = text.split_at(text.len() / 2);
    let other = if end.starts_with('A') { 'B' } else { 'A' };
    changed[request]["bytes"] = Value::String(format!("{begin}{other}{}", &end[1..]));
    let mut recording = Recording::open(folder).expect("a recording");
    recording.replace(file, changed);
    assert!(failures(&recording) > 0);
    // All of the call is missing.
    let rest: Vec<Value> = lines.iter().filter(|line| line["rpc"] != *rpc).cloned().collect();
    recording.replace(file, rest);
    assert!(failures(&recording) > 0);
}

#[test]
fn a_file_that_nobody_knows_is_found() {
    let mut recording = Recording::open(&recordings()[0]).expect("a recording");
    recording.replace("sequencer1.seq_something_new.jsonl.gz", Vec::new());
    assert!(failures(&recording) > 0);
}

/// Every sequencer of every recording: where it starts, and its blocks.
fn inputs() -> Vec<(String, Checkpoint, Vec<OrderedBlock>)> {
    let mut inputs = Vec::new();
    for folder in recordings() {
        let recording = Recording::open(&folder).expect("a recording");
        for name in recording.nodes().into_iter().filter(|name| name.starts_with("sequencer")) {
            let (start, blocks) = Node::open(&recording, name).and_then(|node| node.input()).expect("a sequencer");
            inputs.push((format!("{} {name}", recording.name()), start.checkpoint, blocks));
        }
    }
    inputs
}

fn machine(threads: usize) -> Machine {
    Machine::new(NonZeroUsize::new(threads).expect("not zero"))
}

fn apply(machine: &Machine, state: &mut State, block: &OrderedBlock) -> BlockOutcome {
    machine.apply(state, block).expect("the block follows")
}

#[test]
fn a_restart_at_every_block_gives_the_same_outcomes() {
    for (name, start, blocks) in inputs() {
        let machine = machine(1);
        let mut whole = State::restore(start.clone()).expect("a sound start");
        let mut restarted = whole.clone();
        let mut rows: Vec<TopologyRow> = start.topology;
        for block in &blocks {
            let expected = apply(&machine, &mut whole, block);
            let found = apply(&machine, &mut restarted, block);
            assert_eq!(found, expected, "{name}: block {}", block.height);
            apply_rows(&mut rows, &found).expect("rows that are closed are there");
            let checkpoint = restarted.checkpoint(rows.clone());
            restarted = State::restore(checkpoint.clone()).expect("a sound checkpoint");
            assert_eq!(restarted.checkpoint(rows.clone()), checkpoint, "{name}: block {}", block.height);
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for (name, start, blocks) in inputs() {
        // All requests in a few large blocks, so that there is something to do in parallel.
        let large: Vec<OrderedBlock> =
            blocks.chunks(40).zip(start.height.map_or(0, |height| height + 1)..).map(join).collect();
        let run = |threads: usize| {
            let machine = machine(threads);
            let mut state = State::restore(start.clone()).expect("a sound start");
            large.iter().map(|block| apply(&machine, &mut state, block)).collect::<Vec<_>>()
        };
        let one = run(1);
        assert!(one.iter().any(|outcome| outcome.events.len() > 4), "{name}");
        assert_eq!(run(2), one, "{name}");
        assert_eq!(run(7), one, "{name}");
    }
}

fn join((blocks, height): (&[OrderedBlock], u64)) -> OrderedBlock {
    OrderedBlock {
        height,
        base_time: blocks.iter().map(|block| block.base_time).max().expect("a block"),
        tick_at: None,
        frames: Vec::new(),
        events: blocks.iter().flat_map(|block| block.events.clone()).collect(),
    }
}
