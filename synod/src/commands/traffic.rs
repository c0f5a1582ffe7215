//! `synod traffic`

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_proto::protocol::v30::TrafficState;
use synod_runtime::exit;
use synod_topology::{Mapping, MappingCode};
use synod_types::CantonTimestamp;

use super::failure::Failure;
use super::targets::{self, Target};
use super::{CommandResult, json_or};
use crate::admin_client::{Deadline, NodeKind, TopologyQuery, TrafficTime};
use crate::cli::{AsOfArg, StoreArg, TrafficCommand, TrafficPurchaseArgs, TrafficStateArgs};
use crate::render::{Table, optional};

pub(super) fn run(command: TrafficCommand) -> CommandResult {
    match command {
        TrafficCommand::State(arguments) => state(&arguments),
        TrafficCommand::Purchase(arguments) => purchase(&arguments),
    }
}

fn state(arguments: &TrafficStateArgs) -> CommandResult {
    let TrafficStateArgs { members, as_of, at, wide, target } = arguments;
    let time = at.map_or(
        match as_of {
            AsOfArg::LatestSafe => TrafficTime::LatestSafe,
            AsOfArg::LastUpdate => TrafficTime::LastUpdate,
            AsOfArg::Approximate => TrafficTime::Approximate,
        },
        TrafficTime::Exact,
    );
    targets::run(target, async |_| {
        let from = targets::all_of(target, NodeKind::Sequencer).await?.remove(0);
        let states = from.node.traffic(members, time).await?;
        let to_json =
            || json!({ "members": states.iter().map(|(member, state)| to_json(member, state)).collect::<Vec<_>>() });
        json_or(target.json, to_json, || {
            let headings =
                ["MEMBER", "PURCHASED", "CONSUMED", "AVAILABLE", "BASE LEFT", "LAST COST", "SERIAL", "AS OF"];
            let mut table = Table::new(&headings, *wide);
            states.iter().for_each(|(member, state)| table.row(row(member, state)));
            table.to_string()
        });
        Ok(ExitCode::SUCCESS)
    })
}

/// What is left of what was bought.
fn available(state: &TrafficState) -> i64 {
    state.extra_traffic_purchased.saturating_sub(state.extra_traffic_consumed)
}

fn as_of(state: &TrafficState) -> Option<CantonTimestamp> {
    CantonTimestamp::from_micros(state.timestamp).ok()
}

fn row(member: &str, state: &TrafficState) -> Vec<String> {
    vec![
        member.to_owned(),
        state.extra_traffic_purchased.to_string(),
        state.extra_traffic_consumed.to_string(),
        available(state).to_string(),
        state.base_traffic_remainder.to_string(),
        state.last_consumed_cost.to_string(),
        optional(state.serial),
        optional(as_of(state)),
    ]
}

fn to_json(member: &str, state: &TrafficState) -> Value {
    json!({
        "member": member,
        "extra_traffic_purchased": state.extra_traffic_purchased,
        "extra_traffic_consumed": state.extra_traffic_consumed,
        "extra_traffic_available": available(state),
        "base_traffic_remainder": state.base_traffic_remainder,
        "last_consumed_cost": state.last_consumed_cost,
        "serial": state.serial,
        "timestamp": as_of(state).map(|time| time.to_string()),
    })
}

fn purchase(arguments: &TrafficPurchaseArgs) -> CommandResult {
    let TrafficPurchaseArgs { target, .. } = arguments;
    targets::run(target, async |deadline| {
        let sequencers = targets::all_of(target, NodeKind::Sequencer).await?;
        let Purchase { state, serial, note } = buy(&sequencers, arguments, deadline).await?;
        let text = || {
            format!(
                "{}: {} has {} bytes in total, serial {serial}{note}",
                state.replace('_', " "),
                arguments.member,
                arguments.total
            )
        };
        let to_json = || json!({ "state": state, "member": arguments.member.to_string(), "total": arguments.total, "serial": serial });
        json_or(target.json, to_json, text);
        Ok(if state == SENT { ExitCode::from(exit::WAITING) } else { ExitCode::SUCCESS })
    })
}

/// Other sequencers have to send the same.
const SENT: &str = "sent";

/// What came of a purchase.
struct Purchase {
    state: &'static str,
    serial: u32,
    note: String,
}

async fn buy(sequencers: &[Target], arguments: &TrafficPurchaseArgs, deadline: Deadline) -> Result<Purchase, Failure> {
    let TrafficPurchaseArgs { member, total, serial, .. } = arguments;
    let first = sequencers.first().ok_or_else(|| Failure::usage("there is no sequencer"))?;
    let known = async || -> Result<TrafficState, Failure> {
        let states = first.node.traffic(std::slice::from_ref(member), TrafficTime::Approximate).await?;
        let text = || format!("{} does not know the traffic of {member}", first.node.name);
        let state = states.get(&member.to_string()).copied();
        state.ok_or_else(|| Failure::negative(text()).help("`synod traffic state` shows whose traffic is counted"))
    };
    let before = known().await?;
    let last = before.serial.unwrap_or_default();
    if before.extra_traffic_purchased == *total && serial.is_none_or(|serial| serial == last) {
        return Ok(Purchase { state: "unchanged", serial: last, note: String::new() });
    }
    let serial = serial.unwrap_or_else(|| last.saturating_add(1));
    for sequencer in sequencers {
        sequencer.node.purchase_traffic(member, serial, *total).await?;
    }
    let threshold = threshold(first).await?;
    if (sequencers.len() as u64) < u64::from(threshold) {
        let note =
            format!("\nit counts when {threshold} sequencers have sent the same, and {} did now", sequencers.len());
        return Ok(Purchase { state: SENT, serial, note });
    }
    let counted = async || -> Result<Option<()>, Failure> {
        let state = known().await?;
        Ok((state.serial >= Some(serial)).then_some(()))
    };
    match deadline.until(counted).await? {
        Some(()) => Ok(Purchase { state: "in_force", serial, note: String::new() }),
        None => {
            let text = format!("the purchase is not counted after {} s", deadline.limit().as_secs());
            Err(Failure::negative(text).help("`synod traffic state` shows when it is"))
        }
    }
}

/// How many sequencers have to send the same.
async fn threshold(sequencer: &Target) -> Result<u32, Failure> {
    let store = sequencer.store(&StoreArg::Synchronizer).await?;
    let query = TopologyQuery::of(store).kind(MappingCode::SequencerSynchronizerState);
    let found = sequencer.node.transactions(&query).await?;
    let threshold = found.iter().find_map(|stored| match stored.transaction.transaction().mapping() {
        Mapping::SequencerSynchronizerState(state) => Some(state.threshold),
        _ => None,
    });
    Ok(threshold.unwrap_or(1))
}
