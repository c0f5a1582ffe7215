//! `synod bootstrap`

use std::process::ExitCode;

use serde_json::json;
use synod_runtime::settings::Sources;

use super::{CommandResult, block_on};
use crate::bootstrap::{self, SynchronizerDescription};
use crate::cli::DescriptionArgs;

/// Variables that override keys of `synchronizer.toml`.
pub(super) const ENVIRONMENT_PREFIX: &str = "SYNOD_SYNCHRONIZER_";

pub(super) fn run(arguments: &DescriptionArgs) -> CommandResult {
    let description: SynchronizerDescription =
        Sources::of_process(ENVIRONMENT_PREFIX).file(&arguments.config).load()?.value;
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
