//! `synod config`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report all mistakes of a configuration
    Check(ConfigArgs),
    /// Show the effective values and where each comes from
    Show(ConfigArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Kind of the node
    #[arg(value_enum)]
    pub(crate) node: NodeKindArg,
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Kinds of nodes that have a configuration.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NodeKindArg {
    /// A sequencer node
    Sequencer,
    /// A mediator node
    Mediator,
}
