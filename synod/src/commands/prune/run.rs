//! `synod prune run`

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_types::CantonTimestamp;

use super::status::{safe_time, safe_time_of_all};
use crate::admin_client::NodeKind;
use crate::cli::PruneRunArgs;
use crate::commands::failure::Failure;
use crate::commands::targets::{self, Target};
use crate::commands::{CommandResult, now};

/// What a node did, or would do.
struct Done {
    before: CantonTimestamp,
    /// Members that are shut out.
    disabled: Vec<String>,
    details: String,
}

pub(super) fn run(arguments: &PruneRunArgs) -> CommandResult {
    let PruneRunArgs { dry_run, target, .. } = arguments;
    targets::run(target, async |_| {
        let mut told: Vec<Value> = Vec::new();
        for at in targets::all(target, NodeKind::Sequencer).await? {
            let done = match at.kind {
                NodeKind::Sequencer => sequencer(&at, arguments).await?,
                NodeKind::Mediator => mediator(&at, arguments).await?,
            };
            let (name, kind) = (&at.node.name, at.kind.to_string());
            if !target.json {
                println!("{name} ({kind}): {}", done.details);
                done.disabled.iter().for_each(|member| {
                    println!("    {member} {} shut out", if *dry_run { "would be" } else { "is" });
                });
            }
            told.push(json!({
                "node": name,
                "kind": kind,
                "before": done.before.to_string(),
                "disabled": done.disabled,
                "details": done.details,
                "dry_run": dry_run,
            }));
        }
        if target.json {
            println!("{}", json!({ "nodes": told }));
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn sequencer(at: &Target, arguments: &PruneRunArgs) -> Result<Done, Failure> {
    let status = at.node.sequencer_pruning().await?;
    let clock = CantonTimestamp::from_micros(status.now).unwrap_or_else(|_| now());
    let before = arguments.before.unwrap_or_else(|| clock.saturating_sub(arguments.keep));
    let lagging = status.members.iter().filter(|member| member.enabled && safe_time(member) < before.as_micros());
    let lagging: Vec<String> = lagging.map(|member| member.member.clone()).collect();
    let disabled = if arguments.disable_lagging { lagging } else { Vec::new() };
    if arguments.dry_run {
        let safe = safe_time_of_all(&status);
        let details = if arguments.disable_lagging || before.as_micros() <= safe {
            format!("would forget events before {before}")
        } else {
            format!("would refuse to forget events before {before}: somebody has not read them")
        };
        return Ok(Done { before, disabled, details });
    }
    for member in &disabled {
        at.node.disable_member(member).await?;
    }
    let details = at.node.prune_sequencer(before).await?;
    Ok(Done { before, disabled, details })
}

async fn mediator(at: &Target, arguments: &PruneRunArgs) -> Result<Done, Failure> {
    let before = arguments.before.unwrap_or_else(|| now().saturating_sub(arguments.keep));
    let oldest = at.node.oldest_verdict().await?;
    let done = |details| Done { before, disabled: Vec::new(), details };
    if oldest.is_none_or(|oldest| oldest > before) {
        return Ok(done(format!("has no verdicts up to {before}")));
    }
    if arguments.dry_run {
        return Ok(done(format!("would forget verdicts up to {before}")));
    }
    at.node.prune_mediator(before).await?;
    Ok(done(format!("forgot verdicts up to {before}")))
}
