//! `synod mediator`

use std::process::ExitCode;
use std::sync::Arc;

use synod_ordering::SystemClock;
use synod_runtime::telemetry;

use super::CommandResult;
use crate::cli::NodeArgs;
use crate::config::{self, MediatorConfig};
use crate::node::{MediatorNode, NodeLogLevels};

pub(super) fn run(arguments: &NodeArgs) -> CommandResult {
    let config: MediatorConfig = config::sources(&arguments.config).load()?.value;
    let log = telemetry::init(config.logging.format, &config.logging.level)?;
    synod_runtime::run(|supervisor| async move {
        MediatorNode::start(config, supervisor, Arc::new(SystemClock), Arc::new(NodeLogLevels(log))).await.map(|_| ())
    })?;
    Ok(ExitCode::SUCCESS)
}
