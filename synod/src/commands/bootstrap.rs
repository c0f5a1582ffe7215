//! `synod bootstrap`

use std::process::ExitCode;

use serde_json::json;

use super::{CommandResult, block_on};
use crate::bootstrap::{self, SynchronizerDescription};
use crate::cli::DescriptionArgs;

pub(super) fn run(arguments: &DescriptionArgs) -> CommandResult {
    let description = SynchronizerDescription::load(&arguments.config, &arguments.access)?;
    block_on(async {
        let synchronizer_id = bootstrap::run(&description).await?;
        if arguments.json {
            println!("{}", json!({ "synchronizer_id": synchronizer_id }));
        } else {
            println!("{synchronizer_id}");
        }
        Ok(ExitCode::SUCCESS)
    })
}
