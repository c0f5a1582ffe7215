//! Commands for all nodes of a `synchronizer.toml`: `synod bootstrap`, `synod status`

use std::path::PathBuf;

use clap::Args;

use crate::admin_client::AdminAccess;

/// `synod bootstrap`, `synod status`
#[derive(Debug, Args)]
pub(crate) struct DescriptionArgs {
    /// What the synchronizer is to be, and where its nodes are (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) access: AdminAccess,
}
