//! `synod completion`

use std::process::ExitCode;

use clap::CommandFactory;

use super::CommandResult;
use crate::cli::{Cli, CompletionArgs};

#[expect(clippy::unnecessary_wraps, reason = "as every command")]
pub(super) fn run(arguments: &CompletionArgs) -> CommandResult {
    clap_complete::generate(arguments.shell, &mut Cli::command(), "synod", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
