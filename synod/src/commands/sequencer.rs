//! `synod sequencer`

use std::process::ExitCode;
use std::sync::Arc;

use synod_ordering::SystemClock;
use synod_runtime::telemetry;

use super::CommandResult;
use crate::cli::NodeArgs;
use crate::config::{self, SequencerConfig};
use crate::node::{NodeLogLevels, SequencerNode};

pub(super) fn run(arguments: &NodeArgs) -> CommandResult {
    let config: SequencerConfig = config::sources(&arguments.config).load()?.value;
    let log = telemetry::init(config.logging.format, &config.logging.level)?;
    synod_runtime::run(|supervisor| async move {
        SequencerNode::start(config, supervisor, Arc::new(SystemClock), Arc::new(NodeLogLevels(log))).await.map(|_| ())
    })?;
    Ok(ExitCode::SUCCESS)
}
