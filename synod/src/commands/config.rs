//! `synod config`

use std::process::ExitCode;

use synod_runtime::settings::Sources;

use super::CommandResult;
use crate::cli::{ConfigArgs, ConfigCommand, NodeKindArg};
use crate::config::{ENVIRONMENT_PREFIX, SequencerConfig};

pub(super) fn run(command: ConfigCommand) -> CommandResult {
    match command {
        ConfigCommand::Check(arguments) => {
            load(&arguments)?;
            println!("{} has no mistakes", arguments.config.display());
        }
        ConfigCommand::Show(arguments) => {
            for entry in load(&arguments)?.entries() {
                let value = entry.value.as_deref().unwrap_or("(not set)");
                println!("{} = {value}  # {}", entry.key, entry.origin);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(
    arguments: &ConfigArgs,
) -> Result<synod_runtime::settings::Loaded<SequencerConfig>, synod_runtime::SettingsErrors> {
    match arguments.node {
        NodeKindArg::Sequencer => Sources::of_process(ENVIRONMENT_PREFIX).file(&arguments.config).load(),
    }
}
