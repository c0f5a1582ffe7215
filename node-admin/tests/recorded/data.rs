//! What is recorded of a node and its Console.

use std::path::Path;

use bytes::Bytes;
use prost::Message;
use synod_crypto::SigningPrivateKey;
use synod_proto::crypto::v30::SigningPrivateKey as SigningPrivateKeyProto;
use synod_proto::topology::admin::v30::{ListAllV2Request, ListAllV2Response, store_id};
use synod_testkit::fields;
use synod_testkit::recordings::{Call, Recording};
use synod_topology::TopologyRow;
use synod_topology::genesis::StoredTransaction;
use synod_types::ProtocolVersion;

/// A recording.
pub(crate) fn recording(name: &str) -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings").join(name);
    Recording::open(&folder).expect("a recording")
}

/// All calls of the Console at a node.
pub(crate) fn calls(name: &str, node: &str) -> Vec<Call> {
    recording(name).calls(&format!("console-{node}-admin")).expect("calls")
}

/// The recorded calls of one method at the sequencer of the basic run.
pub(crate) fn recorded(method: &str) -> Vec<Call> {
    let calls = calls("pv35-basic", "sequencer1").into_iter();
    let calls: Vec<_> = calls.filter(|call| call.method_name() == method).collect();
    assert!(!calls.is_empty(), "no call of {method} is recorded");
    calls
}

pub(crate) fn request<M: Message + Default>(call: &Call) -> M {
    M::decode(call.requests[0].bytes.clone().expect("not left out")).expect("a message")
}

pub(crate) fn response<M: Message + Default>(call: &Call) -> M {
    M::decode(call.responses[0].bytes.clone().expect("not left out")).expect("a message")
}

/// All messages of a call in one direction.
pub(crate) fn bytes(messages: &[synod_testkit::recordings::Message]) -> Vec<Bytes> {
    messages.iter().map(|message| message.bytes.clone().expect("not left out")).collect()
}

/// The private keys of a recorded node, with their names.
pub(crate) fn private_keys(recording: &Recording, node: &str) -> Vec<(String, SigningPrivateKey)> {
    let rows = recording.table(node, "common_crypto_private_keys").expect("a table");
    let key = |row| {
        let data = synod_wire::versioned::unwrap(&fields::bytes(row, "data").expect("bytes")).expect("versioned").data;
        let proto = SigningPrivateKeyProto::decode(data).expect("a key");
        let name = fields::text(row, "name").expect("a name").to_owned();
        (name, SigningPrivateKey::from_proto(&proto).expect("a key that signs"))
    };
    rows.iter().map(key).collect()
}

/// What a recorded sequencer answered to the first query of its authorized store.
pub(crate) fn authorized_answer(calls: &[Call]) -> (ListAllV2Request, ListAllV2Response) {
    let queries = calls.iter().filter(|call| call.method_name() == "ListAllV2");
    let mut answers = queries.map(|call| (request::<ListAllV2Request>(call), response(call)));
    let is_authorized = |query: &ListAllV2Request| {
        let store = query.base_query.as_ref().and_then(|base| base.store.as_ref()?.store.as_ref());
        matches!(store, Some(store_id::Store::Authorized(_)))
    };
    answers.find(|(query, _)| is_authorized(query)).expect("a query of the authorized store")
}

/// The rows behind an answer.
pub(crate) fn rows(answer: ListAllV2Response) -> Vec<TopologyRow> {
    let items = answer.result.expect("transactions").items;
    assert!(!items.is_empty());
    let stored = items.into_iter().map(|item| StoredTransaction::from_item(item, ProtocolVersion::V35).expect("valid"));
    (0..).zip(stored).map(|(id, one)| one.into_row(id, 0, ProtocolVersion::V35)).collect()
}
