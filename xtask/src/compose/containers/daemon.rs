//! A Docker daemon of our own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::programs;

const KEEPER: &str = include_str!("keeper.sh");

/// The daemon. It ends, and what it has made goes, when this value is dropped and also when the process ends in any
/// other way: a small process keeps it, which does that as soon as its standard input closes.
pub(super) struct Daemon {
    keeper: Child,
    folder: PathBuf,
}

impl Daemon {
    /// Starts it and waits until it answers.
    pub(super) fn start() -> Result<Self, String> {
        let context = |error: std::io::Error| format!("a Docker daemon: {error}");
        let folder = tempfile::Builder::new().prefix("synod-docker-").tempdir().map_err(context)?.keep();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&folder).env("PATH", programs::path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt from the terminal ends us first, and the daemon through the pipe.
        let mut keeper = command.process_group(0).spawn().map_err(context)?;
        let mut answer = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut answer).map_err(context)?;
        }
        let daemon = Self { keeper, folder };
        if answer.trim() == "ready" {
            return Ok(daemon);
        }
        let log = fs::read_to_string(daemon.folder.join("daemon.log")).unwrap_or_default();
        Err(format!("the Docker daemon does not start: {}", log.lines().last().unwrap_or("it logs nothing")))
    }

    /// Where things for its containers can be put; goes with it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program that talks to this daemon.
    pub(super) fn client(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let host = format!("unix://{}", self.folder.join("docker.sock").display());
        // The builder that the daemon itself has; the other one would have to be installed.
        command.args(arguments).env("DOCKER_HOST", host).env("DOCKER_BUILDKIT", "0").env("PATH", programs::path());
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nothing can be done about an error here.
        let _ = self.keeper.wait();
    }
}
