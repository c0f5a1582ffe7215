//! The calls of recorded Consoles, each sent to a fresh node that has the recorded keys, so that its signatures and hashes
//! are the recorded ones: equal status and equal answers, up to a running node.

use std::time::Duration;

use prost::Message;
use synod_crypto::SigningPrivateKey;
use synod_node_admin::{NodeStage, Vault};
use synod_proto::crypto::admin::v30::{GenerateSigningKeyRequest, GenerateSigningKeyResponse};
use synod_proto::topology::admin::v30::{AuthorizeRequest, AuthorizeResponse, GetIdResponse, store_id};
use synod_testkit::recordings::Call;
use synod_topology::SignedTopologyTransaction;
use synod_types::{ProtocolVersion, UniqueIdentifier};
use tonic::Code;
use tonic::transport::Channel;

use super::compare::text;
use super::data::{authorized_answer, bytes, calls, private_keys, recording, request, response, rows};
use super::node::{Begin, Port, begin};
use super::raw;

/// What is different between the kinds of nodes.
pub(crate) struct Rules {
    /// The call that asks for the status.
    pub(crate) status: &'static str,
    /// The call after which the node runs.
    pub(crate) initializes: &'static str,
    /// Calls that are not compared once the node runs, and why. All others have to be answered as recorded.
    pub(crate) not_compared: &'static [(&'static str, &'static str)],
}

const SEQUENCER: Rules = Rules {
    status: "SequencerStatus",
    initializes: "InitializeSequencerFromGenesisStateV2",
    not_compared: NOT_COMPARED,
};

const NOT_COMPARED: &[(&str, &str)] = &[
    ("SequencerStatus", "compared by a_running_sequencer_is_described_as_recorded"),
    ("TrafficControlState", "not served"),
    ("PruningStatus", "not served"),
    ("ListOwnerToKeyMapping", "tells what was ordered after the genesis"),
    ("ListNamespaceDelegation", "tells what was ordered after the genesis"),
    ("ListAllV2", "tells what was ordered after the genesis"),
    ("ExportTopologySnapshotV2", "tells what was ordered after the genesis"),
    ("GenesisStateV2", "tells what was ordered after the genesis"),
];

/// Sends the calls to the node, and compares the answers. How many were compared.
pub(crate) async fn replay(
    rules: &Rules,
    channel: &Channel,
    vault: &Vault,
    keys: &[(String, SigningPrivateKey)],
    calls: &[Call],
) -> usize {
    replay_amid(rules, channel, vault, keys, calls, async |_| {}).await
}

/// The same, with what happens on the synchronizer before each call.
async fn replay_amid(
    rules: &Rules,
    channel: &Channel,
    vault: &Vault,
    keys: &[(String, SigningPrivateKey)],
    calls: &[Call],
    mut before: impl AsyncFnMut(&Call),
) -> usize {
    let (mut runs, mut compared) = (false, 0);
    for (call, next) in calls.iter().zip(calls.iter().skip(1).map(Some).chain([None])) {
        let method = call.method_name();
        // The Console asks until it likes the answer: how often depends on the time that a node takes.
        let is_repeated = method == rules.status && next.is_some_and(|next| next.method == call.method);
        let is_left_out = runs && rules.not_compared.iter().any(|(left_out, _)| *left_out == method);
        if is_left_out {
            continue;
        }
        if runs {
            before(call).await;
        }
        let place = format!("call {} of {method}", call.rpc);
        let end = call.end.as_ref().expect("it ended");
        // A stream that goes on is left when it has told as much as the recorded one.
        let wanted = if end.status == "CLIENT_CANCELLED" { call.responses.len() } else { usize::MAX };
        let answered = raw::call(channel, &call.method, bytes(&call.requests), wanted).await;
        let answers = match answered {
            Ok(answers) => answers,
            Err(status) => {
                let found = (status.code(), status.message());
                assert_eq!(found, (code(&end.status), end.details.as_str()), "{place}: recorded is {end:?}");
                compared += 1;
                continue;
            }
        };
        assert!(end.status == "OK" || end.status == "CLIENT_CANCELLED", "{place} was refused");
        if method == "GenerateSigningKey" {
            same_kind_of_key(vault, keys, call, &answers[0]).await;
        } else if !is_repeated {
            assert_eq!(text(method, &answers), text(method, &bytes(&call.responses)), "{place}");
        }
        compared += 1;
        runs |= method == rules.initializes;
    }
    assert!(runs, "the node runs in the end");
    compared
}

/// A new key is never the recorded one: it has to be of the same kind, and then the recorded one takes its place.
async fn same_kind_of_key(vault: &Vault, keys: &[(String, SigningPrivateKey)], call: &Call, answer: &bytes::Bytes) {
    let asked = GenerateSigningKeyRequest::decode(call.requests[0].bytes.clone().expect("there")).expect("a message");
    let made = GenerateSigningKeyResponse::decode(answer.clone()).expect("a message").public_key.expect("a key");
    let recorded: GenerateSigningKeyResponse = response(call);
    let recorded = recorded.public_key.expect("a key");
    assert_ne!(made.public_key, recorded.public_key);
    let public_key = recorded.public_key.clone();
    assert_eq!(synod_proto::crypto::v30::SigningPublicKey { public_key, ..made.clone() }, recorded);
    let made = synod_crypto::SigningPublicKey::from_proto(made).expect("a key");
    assert!(vault.delete(made.fingerprint()).await.expect("deletes"));
    let (_, key) = keys.iter().find(|(name, _)| *name == asked.name).expect("a recorded key");
    vault.put(key, Some(asked.name)).await.expect("stores");
}

/// The code of an end that is recorded, of those that occur.
fn code(name: &str) -> Code {
    match name {
        "OK" | "CLIENT_CANCELLED" => Code::Ok,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        other => panic!("{other} is not recorded"),
    }
}

/// Gives the vault the recorded keys, except those that were made later in the recording.
pub(crate) async fn put_first_keys(vault: &Vault, keys: &[(String, SigningPrivateKey)]) {
    for (name, key) in keys.iter().filter(|(name, _)| !name.contains("-rotated-")) {
        vault.put(key, Some(name.clone())).await.expect("stores");
    }
}

/// A node that made the recorded identity itself.
async fn with_automatic_identity(name: &str, sequencer: &str) -> usize {
    let calls = calls(name, sequencer);
    let id = calls.iter().find(|call| call.method_name() == "GetId").expect("a call");
    let uid = UniqueIdentifier::parse(&response::<GetIdResponse>(id).unique_identifier).expect("an identifier");
    let (_, authorized) = authorized_answer(&calls);
    let stage = NodeStage::NoSynchronizer { uid };
    let port = begin(Begin { stage, authorized: rows(authorized), manual: false, founds: true }).await;
    let keys = private_keys(&recording(name), sequencer);
    put_first_keys(&port.vault, &keys).await;
    replay_sequencer(&port, name, sequencer, &keys, &calls).await
}

async fn with_manual_identity(name: &str, sequencer: &str) -> usize {
    let calls = calls(name, sequencer);
    let port = begin(Begin { stage: NodeStage::NoIdentity, authorized: Vec::new(), manual: true, founds: true }).await;
    let keys = private_keys(&recording(name), sequencer);
    replay_sequencer(&port, name, sequencer, &keys, &calls).await
}

/// What the Console changes at the other sequencers happens on the synchronizer at its time.
async fn replay_sequencer(
    port: &Port,
    name: &str,
    sequencer: &str,
    keys: &[(String, SigningPrivateKey)],
    calls: &[Call],
) -> usize {
    let mut changes = changes_at_others(name, sequencer).into_iter().peekable();
    let before = async |call: &Call| {
        while let Some((_, change)) = changes.next_if(|(at, _)| *at < call.opened_us) {
            port.node.synchronizer.sequence(vec![change]).await;
            port.node.synchronizer.pass(Duration::from_secs(1)).await;
        }
    };
    replay_amid(&SEQUENCER, &port.channel, &port.vault, keys, calls, before).await
}

/// The changes of the synchronizer that the Console made at other sequencers, by time.
fn changes_at_others(name: &str, sequencer: &str) -> Vec<(i64, SignedTopologyTransaction)> {
    let others = ["sequencer1", "sequencer2"].into_iter().filter(|other| *other != sequencer);
    let others = others.filter(|other| recording(name).calls(&format!("console-{other}-admin")).is_ok());
    let is_change = |call: &Call| {
        let authorizes = call.method_name() == "Authorize" && call.end.as_ref().is_some_and(|end| end.status == "OK");
        authorizes && {
            let store = request::<AuthorizeRequest>(call).store.and_then(|store| store.store);
            matches!(store, Some(store_id::Store::Synchronizer(_)))
        }
    };
    let changes = others.flat_map(|other| calls(name, other)).filter(is_change).map(|call| {
        let signed = response::<AuthorizeResponse>(&call).transaction.expect("set").encode_to_vec();
        let signed = SignedTopologyTransaction::parse_unversioned(&signed, ProtocolVersion::V35);
        (call.opened_us, signed.expect("a transaction"))
    });
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|(at, _)| *at);
    changes
}

#[tokio::test]
async fn one_operator_bootstraps_as_recorded() {
    assert_eq!(with_automatic_identity("pv35-basic", "sequencer1").await, 47);
}

#[tokio::test]
async fn two_owners_bootstrap_as_recorded() {
    assert_eq!(with_automatic_identity("pv35-consortium", "sequencer1").await, 57);
    assert_eq!(with_automatic_identity("pv35-consortium", "sequencer2").await, 43);
}

#[tokio::test]
async fn operators_apart_bootstrap_as_recorded() {
    assert_eq!(with_manual_identity("pv35-operators-apart", "sequencer1").await, 53);
    assert_eq!(with_manual_identity("pv35-operators-apart", "sequencer2").await, 41);
}
