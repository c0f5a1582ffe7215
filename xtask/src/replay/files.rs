//! Every file of a recording is compared, or listed here with the reason why it is not.

use synod_testkit::Tally;
use synod_testkit::recordings::Recording;

/// Files that nothing can be compared with yet: a name, or the beginning or end of names around `*`.
const NOT_SERVED_YET: &[(&str, &str)] = &[
    #[cfg(not(feature = "mediator"))]
    ("mediator*.med_response_aggregations.jsonl.gz", "this xtask was built without its feature `mediator`"),
    #[cfg(not(feature = "mediator"))]
    ("mediator*.mediator_deduplication_store.jsonl.gz", "this xtask was built without its feature `mediator`"),
    ("mediator*.mediator_synchronizer_configuration.jsonl.gz", "no replay starts from it"),
    ("mediator*.common_topology_transactions.jsonl.gz", "the replay follows the topology by itself"),
    (
        "cases.jsonl",
        "the gateway's tests send its calls again (`every_edge_ends_as_recorded`), or name the test that has its own",
    ),
];

/// Files that hold nothing to compare: keys and names of the nodes, progress of their databases, the script of the run.
const CONTEXT: &[&str] = &[
    "*.common_crypto_private_keys.jsonl.gz",
    "*.common_crypto_public_keys.jsonl.gz",
    "*.common_node_id.jsonl.gz",
    "*.sequencer_watermarks.jsonl.gz",
    "*.sequencer_synchronizer_configuration.jsonl.gz",
    "wire.console-mediator*-admin.jsonl.gz",
    "wire.console-sequencer*-admin.jsonl.gz",
    "steps.txt",
];

/// Fails for each file that was neither read nor listed.
pub(super) fn account(recording: &Recording, tally: &mut Tally) {
    for file in recording.unread() {
        if let Some((_, reason)) = NOT_SERVED_YET.iter().find(|(pattern, _)| matches(pattern, file)) {
            tally.skip("files", reason);
        } else if !CONTEXT.iter().any(|pattern| matches(pattern, file)) {
            tally.case("files", file, Err("was not compared".to_owned()));
        }
    }
}

/// Whether the name fits the pattern, in which `*` stands for anything, once.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((begin, end)) => name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end),
        None => name == pattern,
    }
}
