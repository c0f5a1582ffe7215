//! Why a node stopped by itself.

use thiserror::Error;

use super::supervisor::BoxError;

/// The node is broken and has stopped: the process ends with [`crate::exit::FAULT`].
#[derive(Debug, Error)]
pub enum NodeFault {
    /// A task returned an error.
    #[error("task `{task}` failed")]
    Failed {
        /// Name of the task.
        task: String,
        /// Its error.
        #[source]
        source: BoxError,
    },
    /// A task panicked: a mistake in the program.
    #[error("task `{task}` panicked: {message}")]
    Panicked {
        /// Name of the task.
        task: String,
        /// What it said.
        message: String,
    },
    /// A task ended that has to run as long as the node.
    #[error("task `{task}` ended although the node has not been told to stop")]
    Ended {
        /// Name of the task.
        task: String,
    },
    /// Tasks did not stop in time and were aborted.
    #[error("tasks did not stop in time and were aborted: {}", .tasks.join(", "))]
    Overdue {
        /// Names of the tasks, by phase.
        tasks: Vec<String>,
    },
}
