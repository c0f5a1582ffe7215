//! What each command does.

mod bench;
mod bootstrap;
mod config;
mod health;
mod init;
mod localnet;
mod mediator;
mod probe;
mod sequencer;
mod status;

use std::error::Error;
use std::process::ExitCode;

use crate::cli::Command;

type CommandError = Box<dyn Error + Send + Sync>;
type CommandResult = Result<ExitCode, CommandError>;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    let result = match command {
        Command::Localnet(arguments) => localnet::run(arguments),
        Command::Sequencer(arguments) => sequencer::run(&arguments),
        Command::Mediator(arguments) => mediator::run(&arguments),
        Command::Init(command) => init::run(command),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Bootstrap(arguments) => bootstrap::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Config(command) => config::run(command),
    };
    result.map_err(|error| error as Box<dyn Error>)
}

/// Runs a short command that talks to nodes.
fn block_on<F: Future<Output = CommandResult>>(work: F) -> CommandResult {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
