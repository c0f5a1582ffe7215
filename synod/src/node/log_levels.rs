//! Log levels of the process, for the administration API.

use synod_node_admin::{LogLevels, UnknownLogLevel};
use synod_runtime::telemetry::LogControl;

/// The process's log.
#[derive(Debug, Clone)]
pub(crate) struct NodeLogLevels(pub(crate) LogControl);

impl LogLevels for NodeLogLevels {
    fn set(&self, level: &str) -> Result<(), UnknownLogLevel> {
        self.0.set_level(level).map_err(|_| UnknownLogLevel(level.to_owned()))
    }
}
