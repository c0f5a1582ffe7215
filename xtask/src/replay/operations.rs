//! What the Console was told of members and traffic, against the state of the machine when it asked.

use std::collections::BTreeMap;

use prost::Message;
use synod_machine::State;
use synod_machine::traffic::TrafficStatus;
use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::admin::v30::{
    PruningStatusResponse, TrafficControlStateRequest, TrafficControlStateResponse,
};
use synod_testkit::Tally;
use synod_testkit::recordings::Call;
use synod_types::{CantonTimestamp, Member, MemberKind};

use super::feed;
use super::node::Node;

/// Compares each call of a kind whose answer the state decides.
pub(super) fn compare(node: &Node<'_>, tally: &mut Tally) -> Result<(), String> {
    let connection = format!("console-{}-admin", node.name);
    if !node.recording.connections().contains(&connection.as_str()) {
        return Ok(());
    }
    let calls = node.recording.calls(&connection).map_err(|error| feed::chain(&error))?;
    let calls: Vec<&Call> =
        calls.iter().filter(|call| matches!(call.method_name(), "TrafficControlState" | "PruningStatus")).collect();
    if calls.is_empty() {
        return Ok(());
    }
    for (call, state) in calls.iter().zip(states(node, &calls)?) {
        let compared = match call.method_name() {
            "PruningStatus" => members(&state, call),
            _ => traffic(&state, call),
        };
        tally.case("operations", format!("call {} of {}", call.rpc, call.method_name()), compared);
    }
    Ok(())
}

/// The state after the last event before each call; calls are in order.
fn states(node: &Node<'_>, calls: &[&Call]) -> Result<Vec<State>, String> {
    let (start, blocks) = node.input()?;
    let machine = feed::machine();
    let mut state = State::restore(start.checkpoint).map_err(|error| feed::chain(&error))?;
    let mut states = Vec::new();
    for block in &blocks {
        let before = state.clone();
        machine.apply(&mut state, block).map_err(|error| feed::chain(&error))?;
        // Acknowledgements are ordered, too, but are no events.
        let last = block.events.iter().map(|event| event.time).max().unwrap_or(block.base_time);
        while let Some(call) = calls.get(states.len())
            && last.as_micros() > call.opened_us
        {
            states.push(before.clone());
        }
    }
    states.resize(calls.len(), state);
    Ok(states)
}

fn answer<M: Message + Default>(call: &Call) -> Result<M, String> {
    let [answer] = call.responses.as_slice() else { return Err("it has not one answer".to_owned()) };
    M::decode(answer.bytes.clone().ok_or("the answer is left out")?).map_err(|error| error.to_string())
}

/// Times of registration and acknowledgement.
fn members(state: &State, call: &Call) -> Result<(), String> {
    let told = answer::<PruningStatusResponse>(call)?.pruning_status.ok_or("there is no status")?;
    let told: BTreeMap<String, _> =
        told.members.into_iter().map(|one| (one.member, (one.registered_at, one.last_acknowledged))).collect();
    let found: BTreeMap<String, _> = state
        .members()
        .iter()
        .map(|one| {
            let acknowledged = state.acknowledged(one.index).map(CantonTimestamp::as_micros);
            (one.member.to_string(), (one.registered_from.as_micros(), acknowledged))
        })
        .collect();
    if told == found { Ok(()) } else { Err(format!("told {told:?}, found {found:?}")) }
}

/// Right after the last event, which is the only time that was asked for.
fn traffic(state: &State, call: &Call) -> Result<(), String> {
    let asked = call.requests.first().and_then(|request| request.bytes.clone()).ok_or("the request is left out")?;
    let asked = TrafficControlStateRequest::decode(asked).map_err(|error| error.to_string())?;
    let latest_safe = TrafficControlStateRequest {
        timestamp_selector: Some(
            synod_proto::sequencer::admin::v30::traffic_control_state_request::TimestampSelector::RelativeTimestamp(0),
        ),
        members: Vec::new(),
    };
    if asked != latest_safe {
        return Err(format!("it asks for something else: {asked:?}"));
    }
    let told = answer::<TrafficControlStateResponse>(call)?.traffic_states;
    let known = state.snapshot(state.approximate_time()).known_members();
    let counted = known.iter().filter(|member| member.kind() != MemberKind::Sequencer);
    let found: BTreeMap<String, TrafficState> =
        counted.filter_map(|member| Some((member.to_string(), status(state, member)?))).collect();
    if told == found { Ok(()) } else { Err(format!("told {told:?}, found {found:?}")) }
}

fn status(state: &State, member: &Member) -> Option<TrafficState> {
    let index = state.members().get(member)?.index;
    let (balance, before) = state.traffic_balance_at(index, Some(state.approximate_time()));
    let status = TrafficStatus::new(balance, state.traffic().purchased_before(member, before));
    Some(TrafficState {
        extra_traffic_purchased: status.extra_purchased,
        extra_traffic_consumed: status.extra_consumed,
        base_traffic_remainder: status.base_remainder,
        last_consumed_cost: u64::try_from(status.last_cost).ok()?,
        timestamp: status.time.as_micros(),
        serial: status.serial,
    })
}
