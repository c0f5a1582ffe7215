//! `synod localnet`

use std::process::ExitCode;

use synod_runtime::telemetry::{self, LogFormat};

use super::CommandResult;
use crate::cli::LocalnetArgs;
use crate::localnet;

/// What a localnet logs unless `SYNOD_LOGGING__LEVEL` says otherwise.
const LOG_LEVEL: &str = "warn";

pub(super) fn run(arguments: LocalnetArgs) -> CommandResult {
    let level = std::env::var("SYNOD_LOGGING__LEVEL").unwrap_or_else(|_| LOG_LEVEL.to_owned());
    let log = telemetry::init(LogFormat::Text, &level)?;
    // Removed at the end, after the node has stopped.
    let temporary =
        if arguments.dir.is_none() { Some(tempfile::Builder::new().prefix("synod-").tempdir()?) } else { None };
    let dir = arguments.dir.clone().or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
    synod_runtime::run(|supervisor| localnet::start(arguments, dir, supervisor, log))?;
    drop(temporary);
    Ok(ExitCode::SUCCESS)
}
