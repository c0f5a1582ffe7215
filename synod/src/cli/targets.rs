//! Which nodes a command is for.

use std::path::PathBuf;

use clap::Args;

use crate::admin_client::AdminAccess;

const NODES: &str = "Nodes";

/// The nodes of a command.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How long the command may take, waiting included
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// Administration API of a node, e.g. http://127.0.0.1:5009; several times for several nodes. Without it and without
    /// --config a node on this machine at its default port
    #[arg(long, value_name = "URL", help_heading = NODES, conflicts_with = "config")]
    pub(crate) admin: Vec<String>,
    /// The nodes of a synchronizer (`synchronizer.toml`)
    #[arg(short, long, value_name = "FILE", help_heading = NODES)]
    pub(crate) config: Option<PathBuf>,
    /// Of the nodes in FILE the one of this name; several times for several
    #[arg(long, value_name = "NAME", help_heading = NODES, requires = "config")]
    pub(crate) node: Vec<String>,
    #[command(flatten)]
    pub(crate) access: AdminAccess,
}
