//! CometBFT as a process of ours: found, checked, started, watched and ended.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::diagnosis::Diagnosis;

/// Name of the program.
const PROGRAM: &str = "cometbft";
/// The line of versions whose behaviour this code relies on, and the first of them with all fixes that it needs.
const SERIES: (u32, u32) = (0, 38);
const FIRST_PATCH: u32 = 25;
/// How long `cometbft version` may take.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a CometBFT of an earlier run may hold its port and its data: it ends when it loses our socket.
const EARLIER_TIMEOUT: Duration = Duration::from_secs(10);
const EARLIER_POLL: Duration = Duration::from_millis(50);
/// Files in the data folder that CometBFT locks while it runs (goleveldb).
const LOCKS: [&str; 2] = ["blockstore.db/LOCK", "state.db/LOCK"];
/// How long CometBFT may take to end after it was asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);
/// Last lines of its output that are kept for the report of its end.
const KEPT_LINES: usize = 20;

/// Why CometBFT does not run.
#[derive(Debug, Error)]
pub enum CometProcessFault {
    /// The program is not there.
    #[error(
        "cometbft is not in {place}: install it with \
         `go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25`, or name its folder"
    )]
    NotInstalled {
        /// Where it was looked for.
        place: String,
    },
    /// Another version than one that is known to work.
    #[error("{path} is version `{found}`; 0.38.{FIRST_PATCH} or a later 0.38 is needed")]
    Version {
        /// The program.
        path: PathBuf,
        /// What it says of itself.
        found: String,
    },
    /// The program cannot be run.
    #[error("{path} cannot be run")]
    Run {
        /// The program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody uses the port of its RPC.
    #[error("port {port} for CometBFT's RPC is in use")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// Another CometBFT uses the data.
    #[error("another CometBFT is running in {home}: end it first")]
    HomeInUse {
        /// The home.
        home: PathBuf,
    },
    /// It ended without being asked to.
    #[error("CometBFT ended with {status}{}; its last words:\n{last_words}", explain(diagnosis.as_ref()))]
    Ended {
        /// How.
        status: ExitStatus,
        /// What its last words mean, if that is known.
        diagnosis: Option<Diagnosis>,
        /// The end of its output.
        last_words: String,
    },
    /// The system lost track of it.
    #[error("CometBFT cannot be waited for")]
    Wait(#[source] io::Error),
}

fn explain(diagnosis: Option<&Diagnosis>) -> String {
    diagnosis.map(|diagnosis| format!(" ({diagnosis})")).unwrap_or_default()
}

/// The program, of a version that works.
#[derive(Debug, Clone)]
pub struct CometProgram {
    path: PathBuf,
}

impl CometProgram {
    /// Finds the program in `folder`, or else on the PATH, and asks it for its version.
    ///
    /// # Errors
    /// [`CometProcessFault::NotInstalled`], [`CometProcessFault::Version`] or [`CometProcessFault::Run`].
    pub async fn find(folder: Option<&Path>) -> Result<Self, CometProcessFault> {
        let path = locate(folder)?;
        let run = |source| CometProcessFault::Run { path: path.clone(), source };
        let asked = Command::new(&path).arg("version").stdin(Stdio::null()).kill_on_drop(true).output();
        let output =
            timeout(VERSION_TIMEOUT, asked).await.map_err(|_| run(io::ErrorKind::TimedOut.into()))?.map_err(run)?;
        let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if is_supported(&found) { Ok(Self { path }) } else { Err(CometProcessFault::Version { path, found }) }
    }
}

fn locate(folder: Option<&Path>) -> Result<PathBuf, CometProcessFault> {
    let is_program = |path: &PathBuf| path.is_file();
    match folder {
        Some(folder) => Some(folder.join(PROGRAM))
            .filter(is_program)
            .ok_or_else(|| CometProcessFault::NotInstalled { place: folder.display().to_string() }),
        None => std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            .map(|folder| folder.join(PROGRAM))
            .find(is_program)
            .ok_or_else(|| CometProcessFault::NotInstalled { place: "any folder of the PATH".to_owned() }),
    }
}

/// `0.38.25`, `v0.38.26`, `0.38.25+a1b2c3`.
fn is_supported(version: &str) -> bool {
    let numbers = version.trim_start_matches('v').split(['+', '-']).next().unwrap_or_default();
    let numbers: Vec<u32> = numbers.split('.').map_while(|number| number.parse().ok()).collect();
    matches!(numbers[..], [major, minor, patch] if (major, minor) == SERIES && patch >= FIRST_PATCH)
}

/// A running CometBFT. Has to be polled by [`Self::wait`], which reads what it prints; killed when dropped.
#[derive(Debug)]
pub(crate) struct CometProcess {
    child: Child,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    stderr: Option<Lines<BufReader<ChildStderr>>>,
    last_words: VecDeque<String>,
}

impl CometProcess {
    /// Starts CometBFT for `home`, whose configuration names `rpc_address`. Waits for a while for the end of the
    /// CometBFT of an earlier run.
    pub(crate) async fn start(
        program: &CometProgram,
        home: &Path,
        rpc_address: SocketAddr,
    ) -> Result<Self, CometProcessFault> {
        wait_for_earlier(home, rpc_address, EARLIER_TIMEOUT).await?;
        let mut command = Command::new(&program.path);
        command.arg("start").arg("--home").arg(home);
        // A group of its own: an interrupt at the terminal reaches us alone, and we end it in the right order.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|source| CometProcessFault::Run { path: program.path.clone(), source })?;
        let stdout = child.stdout.take().map(|output| BufReader::new(output).lines());
        let stderr = child.stderr.take().map(|output| BufReader::new(output).lines());
        Ok(Self { child, stdout, stderr, last_words: VecDeque::new() })
    }

    /// Waits for its end, which is a fault. Safe to cancel.
    pub(crate) async fn wait(&mut self) -> CometProcessFault {
        match self.wait_for_end().await {
            Ok(status) => {
                let last_words = Vec::from(self.last_words.clone()).join("\n");
                CometProcessFault::Ended { status, diagnosis: Diagnosis::of(&last_words), last_words }
            }
            Err(source) => CometProcessFault::Wait(source),
        }
    }

    async fn wait_for_end(&mut self) -> io::Result<ExitStatus> {
        while self.stdout.is_some() || self.stderr.is_some() {
            let line = tokio::select! {
                line = next_line(&mut self.stdout) => line,
                line = next_line(&mut self.stderr) => line,
            };
            if let Some(line) = line {
                tracing::warn!(target: "cometbft", "{line}");
                self.last_words.push_back(line);
                if self.last_words.len() > KEPT_LINES {
                    self.last_words.pop_front();
                }
            }
        }
        self.child.wait().await
    }

    /// Asks it to end and waits; after a limit it is killed.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        if timeout(STOP_TIMEOUT, self.wait_for_end()).await.is_err() {
            tracing::warn!("CometBFT did not end within {} s and is killed", STOP_TIMEOUT.as_secs());
            self.signal(Signal::KILL);
            // It ends at once; its pipes may be held open by somebody else.
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails when it has just ended.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// The next line that is not empty; `None` when this output has ended.
async fn next_line<R: tokio::io::AsyncRead + Unpin>(lines: &mut Option<Lines<BufReader<R>>>) -> Option<String> {
    let Some(open) = lines else { return std::future::pending().await };
    // What is not text ends the reading of this output, no more.
    let line = open.next_line().await.ok().flatten();
    if line.is_none() {
        *lines = None;
    }
    line
}

/// Waits for the end of the CometBFT of an earlier run.
async fn wait_for_earlier(home: &Path, address: SocketAddr, limit: Duration) -> Result<(), CometProcessFault> {
    let deadline = Instant::now() + limit;
    loop {
        let taken = if TcpListener::bind(address).is_err() {
            CometProcessFault::PortTaken { port: address.port() }
        } else if LOCKS.iter().any(|lock| is_locked(&home.join("data").join(lock))) {
            CometProcessFault::HomeInUse { home: home.to_owned() }
        } else {
            return Ok(());
        };
        if Instant::now() > deadline {
            return Err(taken);
        }
        sleep(EARLIER_POLL).await;
    }
}

/// Whether another process holds the lock. A file that cannot be opened is not locked by anybody who runs as we do.
fn is_locked(path: &Path) -> bool {
    let opened = File::options().read(true).write(true).open(path);
    // The lock ends with the file.
    opened.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// A program that does what the script says.
    fn program(script: &str) -> (TempDir, PathBuf) {
        let folder = TempDir::new().expect("temporary folder");
        let path = folder.path().join(PROGRAM);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        let path = folder.path().to_owned();
        (folder, path)
    }

    fn free_address() -> SocketAddr {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("free port")
    }

    async fn start(script: &str) -> (TempDir, CometProcess) {
        let (folder, path) = program(&format!("if [ \"$1\" = version ]; then echo 0.38.25; exit; fi\n{script}"));
        let program = CometProgram::find(Some(&path)).await.expect("there");
        let process = CometProcess::start(&program, &path, free_address()).await.expect("starts");
        (folder, process)
    }

    #[test]
    fn versions_of_the_series_from_the_first_patch_on() {
        for version in ["0.38.25", "v0.38.25", "0.38.26+abc", "0.38.100"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["", "0.38", "0.38.24", "0.37.25", "1.0.0", "1.38.25", "0.38.x", "0.38.25.1"] {
            assert!(!is_supported(version), "{version}");
        }
    }

    #[tokio::test]
    async fn an_error_says_how_to_install_it() {
        let folder = TempDir::new().expect("temporary folder");
        let error = CometProgram::find(Some(folder.path())).await.expect_err("empty").to_string();
        assert!(error.contains("go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25"), "{error}");
        let (_folder, path) = program("echo 0.34.0");
        let error = CometProgram::find(Some(&path)).await.expect_err("old").to_string();
        assert!(error.ends_with("is version `0.34.0`; 0.38.25 or a later 0.38 is needed"), "{error}");
    }

    #[tokio::test]
    async fn its_end_is_reported_with_its_last_words() {
        let (_folder, mut process) =
            start("echo out; echo 'app block height (7) is higher than core (5)' >&2; exit 3").await;
        let CometProcessFault::Ended { status, diagnosis, last_words } = process.wait().await else {
            panic!("it has ended")
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(diagnosis, Some(Diagnosis::StateTooNew));
        assert!(last_words.contains("out") && last_words.contains("higher"), "{last_words}");
    }

    #[tokio::test]
    async fn it_is_asked_to_end_with_its_children() {
        let (folder, process) = start("trap 'echo term > $3.ended; exit' TERM; sleep 1000 & wait").await;
        // The shell may not have got to its trap yet, in which case the signal ends it all the same.
        process.stop().await;
        drop(folder);
    }

    #[tokio::test]
    async fn what_an_earlier_run_holds_is_named() {
        let home = TempDir::new().expect("temporary folder");
        // Other tests take ports of 127.0.0.1.
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).expect("free port");
        let address = listener.local_addr().expect("bound");
        let taken = wait_for_earlier(home.path(), address, Duration::ZERO).await.expect_err("taken").to_string();
        assert_eq!(taken, format!("port {} for CometBFT's RPC is in use", address.port()));
        drop(listener);
        let lock = home.path().join("data").join(LOCKS[1]);
        fs::create_dir_all(lock.parent().expect("a folder")).expect("created");
        fs::write(&lock, "").expect("written");
        // A process that another test starts may hold the port until it has become its program.
        let limit = Duration::from_secs(10);
        wait_for_earlier(home.path(), address, limit).await.expect("nobody holds the lock");
    }
}
