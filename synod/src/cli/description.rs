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

/// `synod bootstrap`
#[derive(Debug, Args)]
pub(crate) struct BootstrapArgs {
    #[command(flatten)]
    pub(crate) description: DescriptionArgs,
    #[command(flatten)]
    pub(crate) apart: Option<ApartArgs>,
}

/// `synod bootstrap` by an operator who reaches its own nodes alone.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operators apart")]
pub(crate) struct ApartArgs {
    /// Who runs this: the nodes with this `operator` in the description are reached, and no others
    #[arg(long, value_name = "NAME", required = false, requires = "export")]
    pub(crate) operator: String,
    /// File to write for the other operators; a later run goes on with it. Public: no private key is in it
    #[arg(long, value_name = "FILE", required = false, requires = "operator")]
    pub(crate) export: PathBuf,
    /// Files that other operators have written, in any order; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "export")]
    pub(crate) import: Vec<PathBuf>,
}
