//! What keeps running nodes in shape: `synod traffic`, `synod prune`

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use synod_types::{CantonTimestamp, Member};

use super::TargetArgs;
use super::values::{duration, member, time};

#[derive(Debug, Subcommand)]
pub(crate) enum TrafficCommand {
    /// Show what members may still send
    #[command(after_help = "Examples:\n  synod traffic state -c synchronizer.toml\n  \
                            synod traffic state PAR::alice::1220ab… --as-of last-update --json")]
    State(TrafficStateArgs),
    /// Set how much traffic was bought for a member, in total. As many sequencers have to do it as their threshold says
    #[command(
        after_help = "Examples:\n  synod traffic purchase PAR::alice::1220ab… --total 5000000 -c synchronizer.toml\n  \
                            synod traffic purchase PAR::alice::1220ab… --total 5000000 --serial 3"
    )]
    Purchase(TrafficPurchaseArgs),
}

/// As of when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AsOfArg {
    /// After the last processed event: exact
    LatestSafe,
    /// After the last event of each member that changed it
    LastUpdate,
    /// By the clock of the sequencer: may still change
    Approximate,
}

/// `synod traffic state`
#[derive(Debug, Args)]
pub(crate) struct TrafficStateArgs {
    /// Of whom, e.g. PAR::alice::1220…; of all members without it
    #[arg(value_name = "MEMBER", value_parser = member)]
    pub(crate) members: Vec<Member>,
    /// As of when
    #[arg(long, value_enum, default_value = "approximate")]
    pub(crate) as_of: AsOfArg,
    /// As of this time, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "as_of")]
    pub(crate) at: Option<CantonTimestamp>,
    /// Do not shorten fingerprints
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod traffic purchase`
#[derive(Debug, Args)]
pub(crate) struct TrafficPurchaseArgs {
    /// For whom, e.g. PAR::alice::1220…
    #[arg(value_name = "MEMBER", value_parser = member)]
    pub(crate) member: Member,
    /// What is bought for it in total, in bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) total: i64,
    /// Which purchase of the member it is; the next without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_147_483_647))]
    pub(crate) serial: Option<u32>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PruneCommand {
    /// Show what nodes keep, and up to when they may forget
    #[command(after_help = "Examples:\n  synod prune status -c synchronizer.toml\n  \
                            synod prune status --admin http://127.0.0.1:5007 --json")]
    Status(PruneStatusArgs),
    /// Have nodes forget what is old: events of a sequencer, verdicts of a mediator
    #[command(after_help = "Examples:\n  synod prune run -c synchronizer.toml --keep 30d\n  \
                            synod prune run --before 2026-01-31T12:00:00Z --admin http://127.0.0.1:5007\n  \
                            synod prune run --keep 30d --disable-lagging --dry-run")]
    Run(PruneRunArgs),
    /// When mediators forget by themselves
    #[command(subcommand)]
    Schedule(ScheduleCommand),
}

/// `synod prune status`
#[derive(Debug, Args)]
pub(crate) struct PruneStatusArgs {
    /// Do not shorten fingerprints
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod prune run`
#[derive(Debug, Args)]
pub(crate) struct PruneRunArgs {
    /// Keep what is younger, e.g. 30d
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "7d")]
    pub(crate) keep: Duration,
    /// Forget what was before this time, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "keep")]
    pub(crate) before: Option<CantonTimestamp>,
    /// Shut members out that have not read what is to be forgotten. They can never come back to this sequencer
    #[arg(long)]
    pub(crate) disable_lagging: bool,
    /// Show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Show the schedule of mediators
    #[command(after_help = "Examples:\n  synod prune schedule get -c synchronizer.toml")]
    Get(ScheduleArgs),
    /// Set the schedule of mediators
    #[command(
        after_help = "Examples:\n  synod prune schedule set --cron '0 0 3 * * ?' --max-duration 1h --retention 30d \
                            -c synchronizer.toml"
    )]
    Set(ScheduleSetArgs),
    /// Mediators forget by themselves no more
    #[command(after_help = "Examples:\n  synod prune schedule clear --admin http://127.0.0.1:5007")]
    Clear(ScheduleArgs),
}

/// `synod prune schedule get`, `synod prune schedule clear`
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod prune schedule set`
#[derive(Debug, Args)]
pub(crate) struct ScheduleSetArgs {
    /// When it begins, as Quartz writes it: second minute hour day month weekday
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: String,
    /// How long it may take each time, e.g. 1h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_duration: Duration,
    /// Keep what is younger, e.g. 30d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) retention: Duration,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
