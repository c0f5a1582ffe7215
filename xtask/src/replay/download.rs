//! `DownloadTopologyStateForInit` and its hash on the wire: the topology that a new member begins with.

use prost::Message as _;
use synod_proto::sequencer::api::v30::{
    DownloadTopologyStateForInitHashRequest, DownloadTopologyStateForInitHashResponse,
    DownloadTopologyStateForInitRequest, DownloadTopologyStateForInitResponse,
};
use synod_testkit::recordings::Call;
use synod_testkit::{Tally, fields};
use synod_topology::genesis::transactions_proto;
use synod_topology::{TopologyRow, init_state};

use super::feed::{Replayed, chain};
use super::node::{Node, parse_member};

/// How many transactions a message of the download has.
const PART: usize = 100;

/// Compares all downloads from this sequencer. Calls that were refused have no answer.
pub(super) fn compare(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let suffix = format!("-{}", node.name);
    for connection in node.recording.connections().into_iter().filter(|connection| connection.ends_with(&suffix)) {
        let calls = node.recording.calls(connection).map_err(|error| chain(&error))?;
        for call in calls.iter().filter(|call| !call.responses.is_empty()) {
            let label = format!("{connection} call {}", call.rpc);
            match call.method_name() {
                "DownloadTopologyStateForInit" => tally.case("topology downloads", label, download(call, replayed)),
                "DownloadTopologyStateForInitHash" => {
                    tally.case("topology download hashes", label, hash(call, replayed))
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn rows_for(member: &str, replayed: &Replayed) -> Result<Vec<TopologyRow>, String> {
    let member = parse_member(member)?;
    let reference =
        init_state::reference_time(replayed.state.topology(), &member, None).map_err(|error| chain(&error))?;
    Ok(init_state::select(replayed.topology.iter().cloned(), reference))
}

fn request(call: &Call) -> Result<bytes::Bytes, String> {
    call.requests.first().and_then(|message| message.bytes.clone()).ok_or_else(|| "there is no request".to_owned())
}

fn download(call: &Call, replayed: &Replayed) -> Result<(), String> {
    let request = DownloadTopologyStateForInitRequest::decode(request(call)?).map_err(|error| error.to_string())?;
    let rows = rows_for(&request.member, replayed)?;
    let parts: Vec<&[TopologyRow]> = rows.chunks(PART).collect();
    fields::same("messages", &call.responses.len(), &parts.len())?;
    for (response, part) in call.responses.iter().zip(parts) {
        let expected = response.bytes.as_ref().ok_or("a message was left out")?;
        let found = DownloadTopologyStateForInitResponse { topology_transactions: Some(transactions_proto(part)) };
        fields::same_bytes("message", expected, &found.encode_to_vec())?;
    }
    Ok(())
}

fn hash(call: &Call, replayed: &Replayed) -> Result<(), String> {
    let request = DownloadTopologyStateForInitHashRequest::decode(request(call)?).map_err(|error| error.to_string())?;
    let response = call.responses.first().and_then(|message| message.bytes.clone()).ok_or("there is no answer")?;
    let response = DownloadTopologyStateForInitHashResponse::decode(response).map_err(|error| error.to_string())?;
    let found = init_state::hash(&rows_for(&request.member, replayed)?);
    fields::same_bytes("topology_state_hash", &response.topology_state_hash, &found.multihash())
}
