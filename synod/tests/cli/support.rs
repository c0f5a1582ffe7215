//! Runs the binary.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn command(arguments: &[impl AsRef<OsStr>]) -> Command {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&inherited)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(arguments).stdin(Stdio::null()).env("PATH", path.expect("no colon in a folder"));
    command
}

/// Runs a command to its end.
pub(crate) fn synod(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary runs")
}

/// A process that writes to a log; killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(arguments: &[impl AsRef<OsStr>], log: &Path) -> Self {
        Self::start_with(arguments, &[], log)
    }

    /// With these environment variables.
    pub(crate) fn start_with(arguments: &[impl AsRef<OsStr>], variables: &[(&str, &str)], log: &Path) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(log).expect("a log file");
        let child = command(arguments)
            .envs(variables.iter().copied())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the binary runs");
        Self { child, log: log.to_owned() }
    }

    /// Fails when the process has ended.
    pub(crate) fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child") {
            panic!("it ended with {status}:\n{}", self.log());
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to end; its exit code. Fails when it does not end in time.
    pub(crate) fn terminate(mut self, limit: Duration) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        self.exit_code(limit)
    }

    /// Its exit code, as soon as it has ended. Fails when it does not end in time.
    pub(crate) fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        let status = wait(limit, || self.child.try_wait().expect("a child"));
        let Some(status) = status else { panic!("it did not end within {limit:?}:\n{}", self.log()) };
        if status.code() != Some(0) {
            eprintln!("{}", self.log());
        }
        status.code()
    }

    fn end(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A localnet in a process of its own; killed when dropped.
pub(crate) struct Localnet {
    dir: TempDir,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Localnet {
    /// Starts one in a new directory.
    pub(crate) fn start(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut arguments = vec![
            "localnet".to_owned(),
            "--dir".to_owned(),
            dir.path().join("net").display().to_string(),
            "--ready-file".to_owned(),
            dir.path().join("ready.json").display().to_string(),
            "--port-base".to_owned(),
            next_port_base().to_string(),
        ];
        arguments.extend(more.iter().map(ToString::to_string));
        let mut net = Self { dir, arguments, process: None };
        net.restart();
        net
    }

    /// Where it keeps its data.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.path().join("net")
    }

    /// Starts the process again with the same arguments.
    pub(crate) fn restart(&mut self) {
        let _ = std::fs::remove_file(self.ready_file());
        self.process = Some(Process::start(&self.arguments, &self.dir.path().join("log")));
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn ready_file(&self) -> PathBuf {
        self.dir.path().join("ready.json")
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }

    /// Content of the ready file, as soon as it is there.
    pub(crate) fn wait_until_ready(&mut self, limit: Duration) -> serde_json::Value {
        let file = self.ready_file();
        let process = self.process();
        let text = wait(limit, || {
            let text = std::fs::read_to_string(&file).ok();
            if text.is_none() {
                process.assert_runs();
            }
            text
        });
        match text {
            Some(text) => serde_json::from_str(&text).expect("JSON"),
            None => panic!("no ready file within {limit:?}:\n{}", process.log()),
        }
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it was started").kill();
    }

    /// Asks it to end; its exit code. Fails when it does not end in time.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Option<i32> {
        self.process.take().expect("it was started").terminate(limit)
    }

    /// Its exit code, as soon as it has ended by itself. Fails when it does not end in time.
    pub(crate) fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        self.process().exit_code(limit)
    }
}

/// A port from which on a network of up to four sequencers finds its ports free; no two networks of this process meet.
pub(crate) fn next_port_base() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    /// Ports of one sequencer and one mediator; those of the next ones of the same network are `SHIFT` above.
    const WIDTH: u16 = 12;
    const SHIFT: u16 = 100;
    const IN_ONE_SHIFT: u16 = SHIFT / WIDTH;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Below the ports that the system gives to connections, and away from those of another process of these tests.
    let start = 11_000 + u16::try_from(std::process::id() % 400).expect("below 400") * 20;
    let base = |network: u16| start + network / IN_ONE_SHIFT * 4 * SHIFT + network % IN_ONE_SHIFT * WIDTH;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let all_free = |base: &u16| (0..4).all(|shift| (0..WIDTH).all(|port| is_free(base + shift * SHIFT + port)));
    (0..200).map(|_| base(NEXT.fetch_add(1, Ordering::Relaxed))).find(all_free).expect("free ports")
}

/// Looks every few milliseconds until there is something to see.
pub(crate) fn wait<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
