//! `synod prune`

mod run;
mod schedule;
mod status;

use super::CommandResult;
use crate::cli::PruneCommand;

pub(super) fn run(command: PruneCommand) -> CommandResult {
    match command {
        PruneCommand::Status(arguments) => status::run(&arguments),
        PruneCommand::Run(arguments) => run::run(&arguments),
        PruneCommand::Schedule(command) => schedule::run(command),
    }
}
