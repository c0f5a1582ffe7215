//! What each command does.

mod bench;
mod bootstrap;
mod change;
mod completion;
mod config;
mod failure;
mod health;
mod init;
mod keys;
mod localnet;
mod mediator;
mod parameters;
mod permissions;
mod probe;
mod prune;
mod sequencer;
mod status;
mod targets;
mod topology;
mod traffic;

use std::error::Error;
use std::process::ExitCode;

use crate::cli::Command;
pub(crate) use failure::code_of;

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
        Command::Topology(command) => topology::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Parameters(command) => parameters::run(command),
        Command::Permissions(command) => permissions::run(command),
        Command::Traffic(command) => traffic::run(command),
        Command::Prune(command) => prune::run(command),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Config(command) => config::run(command),
    };
    result.map_err(|error| error as Box<dyn Error>)
}

/// Runs a short command that talks to nodes.
fn block_on<F: Future<Output = CommandResult>>(work: F) -> CommandResult {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Prints what was found: for scripts, or for people.
fn json_or(as_json: bool, json: impl FnOnce() -> serde_json::Value, text: impl FnOnce() -> String) {
    if as_json {
        println!("{}", json());
    } else {
        println!("{}", text());
    }
}

/// The time of this machine.
fn now() -> synod_types::CantonTimestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    synod_types::CantonTimestamp::from_micros(micros).unwrap_or(synod_types::CantonTimestamp::MAX)
}
