//! `synod sequencer`, `synod mediator`

use std::path::PathBuf;

use clap::Args;

/// `synod sequencer`, `synod mediator`
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}
