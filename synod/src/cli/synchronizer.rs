//! What the owners of a synchronizer change about it: `synod parameters`, `synod permissions`

use clap::{Args, Subcommand};
use synod_types::{CantonTimestamp, ParticipantId};

use super::TargetArgs;
use super::topology::SigningArgs;
use super::values::{PermissionArg, participant, time};

#[derive(Debug, Subcommand)]
pub(crate) enum ParametersCommand {
    /// Show the dynamic parameters of a synchronizer
    #[command(after_help = "Examples:\n  synod parameters get -c synchronizer.toml\n  \
                            synod parameters get max_request_size\n  synod parameters get --json")]
    Get(ParametersGetArgs),
    /// Change dynamic parameters of a synchronizer; nothing changes when they are like that
    #[command(after_help = "Names are those that `synod parameters get` shows. `traffic_control=off` and \
                            `acs_commitments_catch_up=off` turn these off; a parameter of theirs turns them on.\n\n\
                            Examples:\n  synod parameters set confirmation_response_timeout_ms=20000\n  \
                            synod parameters set onboarding_restriction=restricted-open -c synchronizer.toml\n  \
                            synod parameters set traffic_control.max_base_traffic_amount=500000")]
    Set(ParametersSetArgs),
}

/// `synod parameters get`
#[derive(Debug, Args)]
pub(crate) struct ParametersGetArgs {
    /// Only these
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod parameters set`
#[derive(Debug, Args)]
pub(crate) struct ParametersSetArgs {
    /// What to change; times in milliseconds
    #[arg(value_name = "NAME=VALUE", required = true)]
    pub(crate) changes: Vec<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PermissionsCommand {
    /// Show which participants have a permission, and which
    #[command(after_help = "Examples:\n  synod permissions list -c synchronizer.toml\n  synod permissions list --json")]
    List(PermissionsListArgs),
    /// Give a participant a permission, or change it
    #[command(after_help = "Examples:\n  synod permissions set PAR::alice::1220ab… --permission submission\n  \
                            synod permissions set PAR::alice::1220ab… --permission confirmation --login-after \
                            2026-01-31T12:00:00Z -c synchronizer.toml")]
    Set(PermissionsSetArgs),
    /// Take the permission of a participant away
    #[command(after_help = "Examples:\n  synod permissions remove PAR::alice::1220ab… -c synchronizer.toml")]
    Remove(PermissionsRemoveArgs),
}

/// `synod permissions list`
#[derive(Debug, Args)]
pub(crate) struct PermissionsListArgs {
    /// Do not shorten fingerprints
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod permissions set`
#[derive(Debug, Args)]
pub(crate) struct PermissionsSetArgs {
    /// Who, e.g. PAR::alice::1220…
    #[arg(value_name = "PARTICIPANT", value_parser = participant)]
    pub(crate) participant: ParticipantId,
    /// The most that it may do for any party
    #[arg(long, value_enum)]
    pub(crate) permission: PermissionArg,
    /// Confirmation requests per second. Without effect in Canton 3.5
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=2_147_483_647))]
    pub(crate) max_rate: Option<u32>,
    /// When it may log in first
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) login_after: Option<CantonTimestamp>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod permissions remove`
#[derive(Debug, Args)]
pub(crate) struct PermissionsRemoveArgs {
    /// Who, e.g. PAR::alice::1220…
    #[arg(value_name = "PARTICIPANT", value_parser = participant)]
    pub(crate) participant: ParticipantId,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
