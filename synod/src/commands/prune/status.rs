//! `synod prune status`

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_proto::sequencer::admin::v30::{SequencerMemberStatus, SequencerPruningStatus};
use synod_types::CantonTimestamp;

use super::schedule;
use crate::admin_client::NodeKind;
use crate::cli::PruneStatusArgs;
use crate::commands::failure::Failure;
use crate::commands::targets::{self, Target};
use crate::commands::{CommandResult, json_or};
use crate::render::{Table, optional};

/// What is told of a node.
struct Told {
    json: Value,
    text: String,
}

pub(super) fn run(arguments: &PruneStatusArgs) -> CommandResult {
    let PruneStatusArgs { wide, target } = arguments;
    targets::run(target, async |_| {
        let mut told = Vec::new();
        for at in targets::all(target, NodeKind::Sequencer).await? {
            told.push(match at.kind {
                NodeKind::Sequencer => sequencer(&at, *wide).await?,
                NodeKind::Mediator => mediator(&at).await?,
            });
        }
        json_or(
            target.json,
            || json!({ "nodes": told.iter().map(|told| &told.json).collect::<Vec<_>>() }),
            || told.iter().map(|told| told.text.as_str()).collect::<Vec<_>>().join("\n\n"),
        );
        Ok(ExitCode::SUCCESS)
    })
}

fn time(micros: i64) -> Option<CantonTimestamp> {
    CantonTimestamp::from_micros(micros).ok()
}

/// Before this time a member does not read any more.
pub(super) fn safe_time(member: &SequencerMemberStatus) -> i64 {
    member.last_acknowledged.unwrap_or(member.registered_at)
}

/// Before this time no member that is not shut out reads any more.
pub(super) fn safe_time_of_all(status: &SequencerPruningStatus) -> i64 {
    let enabled = status.members.iter().filter(|member| member.enabled);
    enabled.map(safe_time).min().unwrap_or(status.now)
}

async fn sequencer(at: &Target, wide: bool) -> Result<Told, Failure> {
    let status = at.node.sequencer_pruning().await?;
    let (now, earliest) = (time(status.now), time(status.earliest_event_timestamp));
    let safe = time(safe_time_of_all(&status));
    let mut table = Table::new(&["MEMBER", "REGISTERED", "LAST ACKNOWLEDGED", "ENABLED"], wide);
    for member in &status.members {
        table.row(vec![
            member.member.clone(),
            optional(time(member.registered_at)),
            optional(member.last_acknowledged.and_then(time)),
            if member.enabled { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let text = format!(
        "{} (sequencer) keeps events from {}; up to {} nobody needs them\n{table}",
        at.node.name,
        optional(earliest),
        optional(safe)
    );
    let members = status.members.iter().map(|member| {
        json!({
            "member": member.member,
            "registered_at": optional(time(member.registered_at)),
            "last_acknowledged": member.last_acknowledged.and_then(time).map(|time| time.to_string()),
            "enabled": member.enabled,
        })
    });
    let json = json!({
        "node": at.node.name,
        "kind": "sequencer",
        "now": now.map(|time| time.to_string()),
        "earliest_event": earliest.map(|time| time.to_string()),
        "safe_before": safe.map(|time| time.to_string()),
        "members": members.collect::<Vec<_>>(),
    });
    Ok(Told { json, text })
}

async fn mediator(at: &Target) -> Result<Told, Failure> {
    let (oldest, schedule) = (at.node.oldest_verdict().await?, at.node.pruning_schedule().await?);
    let text = format!(
        "{} (mediator) keeps verdicts from {}; {}",
        at.node.name,
        optional(oldest),
        schedule::text(schedule.as_ref())
    );
    let json = json!({
        "node": at.node.name,
        "kind": "mediator",
        "oldest_verdict": oldest.map(|time| time.to_string()),
        "schedule": schedule.as_ref().map(schedule::to_json),
    });
    Ok(Told { json, text })
}
