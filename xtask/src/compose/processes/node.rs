//! A node as a process.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::limited::until;

/// A process that writes to a log; killed when dropped.
pub(super) struct Node(Child);

impl Node {
    pub(super) fn start(mut command: Command, log: PathBuf) -> Result<Self, String> {
        let context = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::options().create(true).append(true).open(&log).map_err(context)?;
        let other = file.try_clone().map_err(context)?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(other).spawn();
        child.map(Self).map_err(|error| format!("{command:?}: {error}"))
    }

    /// `Err` when it has ended.
    pub(super) fn runs(&mut self) -> Result<(), String> {
        match self.0.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("it ended with {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Ends it without warning.
    pub(super) fn kill(mut self) {
        self.end();
    }

    /// Asks it to end, which it has to do within the limit, and with the exit code 0.
    pub(super) fn terminate(mut self, limit: Duration) -> Result<(), String> {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().map_err(|error| format!("kill: {error}"))?;
        let status = until(limit, || self.0.try_wait().ok().flatten());
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("it ended with {status}")),
            None => Err(format!("it did not end within {limit:?}")),
        }
    }

    fn end(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}
