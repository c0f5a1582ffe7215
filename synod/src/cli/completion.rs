//! `synod completion`

use clap::Args;
use clap_complete::Shell;

/// `synod completion`
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
