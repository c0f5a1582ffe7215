//! The calls of recorded Consoles, each sent to a fresh node that has the recorded keys, so that its signatures and hashes
//! are the recorded ones: equal status and equal answers, up to a running sequencer.

use prost::Message;
use synod_node_admin::NodeStage;
use synod_proto::crypto::admin::v30::{GenerateSigningKeyRequest, GenerateSigningKeyResponse};
use synod_proto::topology::admin::v30::GetIdResponse;
use synod_testkit::recordings::Call;
use synod_types::UniqueIdentifier;

use super::compare::text;
use super::data::{authorized_answer, bytes, calls, private_keys, recording, response, rows};
use super::node::{Begin, Port, begin};
use super::raw;

/// Calls that are not compared once the sequencer runs, and why. All others have to be answered as recorded.
const NOT_COMPARED: &[(&str, &str)] = &[
    ("SequencerStatus", "compared by a_running_sequencer_is_described_as_recorded"),
    ("Authorize", "not served: a change of the synchronizer is not broadcast"),
    ("TrafficControlState", "not served"),
    ("PruningStatus", "not served"),
    ("ListSynchronizerParametersState", "compared until the owners change the parameters"),
    ("ListOwnerToKeyMapping", "tells what was ordered after the genesis"),
    ("ListNamespaceDelegation", "tells what was ordered after the genesis"),
    ("ListAllV2", "tells what was ordered after the genesis"),
    ("ExportTopologySnapshotV2", "tells what was ordered after the genesis"),
    ("GenesisStateV2", "tells what was ordered after the genesis"),
];

/// Sends the calls to the node, and compares the answers. How many were compared.
async fn replay(port: &Port, keys: &[(String, synod_crypto::SigningPrivateKey)], calls: &[Call]) -> usize {
    let (mut runs, mut changed, mut compared) = (false, false, 0);
    for (call, next) in calls.iter().zip(calls.iter().skip(1).map(Some).chain([None])) {
        let method = call.method_name();
        // The Console asks until it likes the answer: how often depends on the time that a node takes.
        let is_repeated = method == "SequencerStatus" && next.is_some_and(|next| next.method == call.method);
        let is_left_out = runs && NOT_COMPARED.iter().any(|(left_out, _)| *left_out == method);
        if is_left_out && (changed || method != "ListSynchronizerParametersState") {
            changed |= method == "Authorize";
            continue;
        }
        let answered = raw::call(&port.channel, &call.method, bytes(&call.requests)).await;
        let place = format!("call {} of {method}", call.rpc);
        let end = call.end.as_ref().expect("it ended");
        let answers = answered.unwrap_or_else(|status| panic!("{place}: {status:?}, recorded is {end:?}"));
        assert_eq!(end.status, "OK", "{place} was refused");
        if method == "GenerateSigningKey" {
            same_kind_of_key(port, keys, call, &answers[0]).await;
        } else if !is_repeated {
            assert_eq!(text(method, &answers), text(method, &bytes(&call.responses)), "{place}");
        }
        compared += 1;
        runs |= method == "InitializeSequencerFromGenesisStateV2";
    }
    assert!(runs, "the sequencer runs in the end");
    compared
}

/// A new key is never the recorded one: it has to be of the same kind, and then the recorded one takes its place.
async fn same_kind_of_key(
    port: &Port,
    keys: &[(String, synod_crypto::SigningPrivateKey)],
    call: &Call,
    answer: &bytes::Bytes,
) {
    let asked = GenerateSigningKeyRequest::decode(call.requests[0].bytes.clone().expect("there")).expect("a message");
    let made = GenerateSigningKeyResponse::decode(answer.clone()).expect("a message").public_key.expect("a key");
    let recorded: GenerateSigningKeyResponse = response(call);
    let recorded = recorded.public_key.expect("a key");
    assert_ne!(made.public_key, recorded.public_key);
    let public_key = recorded.public_key.clone();
    assert_eq!(synod_proto::crypto::v30::SigningPublicKey { public_key, ..made.clone() }, recorded);
    let made = synod_crypto::SigningPublicKey::from_proto(made).expect("a key");
    assert!(port.vault.delete(made.fingerprint()).await.expect("deletes"));
    let (_, key) = keys.iter().find(|(name, _)| *name == asked.name).expect("a recorded key");
    port.vault.put(key, Some(asked.name)).await.expect("stores");
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
    for (name, key) in &keys {
        // Those that were made later in the recording are not there yet.
        if !name.contains("-rotated-") {
            port.vault.put(key, Some(name.clone())).await.expect("stores");
        }
    }
    replay(&port, &keys, &calls).await
}

async fn with_manual_identity(name: &str, sequencer: &str) -> usize {
    let calls = calls(name, sequencer);
    let port = begin(Begin { stage: NodeStage::NoIdentity, authorized: Vec::new(), manual: true, founds: true }).await;
    replay(&port, &private_keys(&recording(name), sequencer), &calls).await
}

#[tokio::test]
async fn one_operator_bootstraps_as_recorded() {
    assert_eq!(with_automatic_identity("pv35-basic", "sequencer1").await, 39);
}

#[tokio::test]
async fn two_owners_bootstrap_as_recorded() {
    assert_eq!(with_automatic_identity("pv35-consortium", "sequencer1").await, 49);
    assert_eq!(with_automatic_identity("pv35-consortium", "sequencer2").await, 39);
}

#[tokio::test]
async fn operators_apart_bootstrap_as_recorded() {
    assert_eq!(with_manual_identity("pv35-operators-apart", "sequencer1").await, 51);
    assert_eq!(with_manual_identity("pv35-operators-apart", "sequencer2").await, 40);
}
