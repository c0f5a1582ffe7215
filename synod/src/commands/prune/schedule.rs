//! `synod prune schedule`

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::admin_client::{NodeKind, Schedule};
use crate::cli::{ScheduleArgs, ScheduleCommand, ScheduleSetArgs, TargetArgs};
use crate::commands::failure::Failure;
use crate::commands::targets::{self, Target};
use crate::commands::{CommandResult, json_or};

pub(super) fn run(command: ScheduleCommand) -> CommandResult {
    match command {
        ScheduleCommand::Get(ScheduleArgs { target }) => at_each(&target, async |_| Ok(())),
        ScheduleCommand::Clear(ScheduleArgs { target }) => {
            at_each(&target, async |at| Ok(at.node.clear_pruning_schedule().await?))
        }
        ScheduleCommand::Set(ScheduleSetArgs { cron, max_duration, retention, target }) => {
            let schedule = Schedule { cron, max_duration, retention };
            at_each(&target, async |at| Ok(at.node.set_pruning_schedule(&schedule).await?))
        }
    }
}

/// Changes something at each mediator, and shows the schedule after that.
fn at_each(target: &TargetArgs, change: impl AsyncFn(&Target) -> Result<(), Failure>) -> CommandResult {
    targets::run(target, async |_| {
        let (mut nodes, mut lines) = (Vec::new(), Vec::new());
        for at in targets::all_of(target, NodeKind::Mediator).await? {
            change(&at).await?;
            let schedule = at.node.pruning_schedule().await?;
            lines.push(format!("{}: {}", at.node.name, text(schedule.as_ref())));
            nodes.push(json!({ "node": at.node.name, "schedule": schedule.as_ref().map(to_json) }));
        }
        json_or(target.json, || json!({ "nodes": nodes }), || lines.join("\n"));
        Ok(ExitCode::SUCCESS)
    })
}

/// A schedule for people.
pub(super) fn text(schedule: Option<&Schedule>) -> String {
    schedule.map_or_else(
        || "there is no schedule".to_owned(),
        |schedule| {
            let (cron, seconds) = (&schedule.cron, schedule.max_duration.as_secs());
            format!("forgets at `{cron}` what is older than {} s, within {seconds} s", schedule.retention.as_secs())
        },
    )
}

/// A schedule for scripts.
pub(super) fn to_json(schedule: &Schedule) -> Value {
    json!({
        "cron": schedule.cron,
        "max_duration_s": schedule.max_duration.as_secs(),
        "retention_s": schedule.retention.as_secs(),
    })
}
