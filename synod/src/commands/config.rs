//! `synod config`

use std::process::ExitCode;

use synod_runtime::SettingsErrors;
use synod_runtime::settings::{Entry, Settings};

use super::CommandResult;
use crate::cli::{ConfigArgs, ConfigCommand, NodeKindArg};
use crate::config::{self, MediatorConfig, SequencerConfig};

pub(super) fn run(command: ConfigCommand) -> CommandResult {
    match command {
        ConfigCommand::Check(arguments) => {
            entries(&arguments)?;
            println!("{} has no mistakes", arguments.config.display());
        }
        ConfigCommand::Show(arguments) => {
            for entry in entries(&arguments)? {
                let value = entry.value.as_deref().unwrap_or("(not set)");
                println!("{} = {value}  # {}", entry.key, entry.origin);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn entries(arguments: &ConfigArgs) -> Result<Vec<Entry>, SettingsErrors> {
    match arguments.node {
        NodeKindArg::Sequencer => load::<SequencerConfig>(arguments),
        NodeKindArg::Mediator => load::<MediatorConfig>(arguments),
    }
}

fn load<T: Settings>(arguments: &ConfigArgs) -> Result<Vec<Entry>, SettingsErrors> {
    let loaded = config::sources(&arguments.config).load::<T>()?;
    Ok(loaded.entries())
}
