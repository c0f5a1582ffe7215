//! Runs the binary.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Runs a command to its end.
pub(crate) fn synod(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod")).args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

/// A port from which on 600 ports were free a moment ago.
pub(crate) fn free_port_base() -> u16 {
    let taken = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_err();
    // Spread over the range, so that tests that run side by side do not meet.
    let start = 11_000 + u16::try_from(std::process::id() % 400).expect("below 400") * 20;
    (0..60)
        .map(|step| start + step % 3 * 600)
        .find(|base| {
            let probe = TcpListener::bind(("127.0.0.1", base + 599));
            probe.is_ok() && !(0..8).any(|offset| taken(base + offset))
        })
        .expect("a free range of ports")
}

/// A localnet in a process of its own; killed when dropped.
pub(crate) struct Localnet {
    dir: TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
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
        let mut net = Self { dir, arguments, child: None };
        net.restart();
        net
    }

    /// Starts the process again with the same arguments.
    pub(crate) fn restart(&mut self) {
        let _ = std::fs::remove_file(self.ready_file());
        let log =
            std::fs::File::options().create(true).append(true).open(self.dir.path().join("log")).expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_synod"))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.child = Some(child);
    }

    fn ready_file(&self) -> PathBuf {
        self.dir.path().join("ready.json")
    }

    /// Content of the ready file, as soon as it is there.
    pub(crate) fn wait_until_ready(&mut self, limit: Duration) -> serde_json::Value {
        let text = wait("the ready file", limit, || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("a child")) {
                panic!("localnet ended with {status}:\n{}", self.log());
            }
            std::fs::read_to_string(self.ready_file()).ok()
        });
        match text {
            Some(text) => serde_json::from_str(&text).expect("JSON"),
            None => panic!("no ready file within {limit:?}:\n{}", self.log()),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(Path::new(self.dir.path()).join("log")).unwrap_or_default()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it was started here");
        }
    }

    /// Asks it to end; its exit code, if it ends in time.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        let status = wait("the end of the process", limit, || child.try_wait().expect("a child"));
        if status.is_none() {
            child.kill().expect("it runs");
            child.wait().expect("it was started here");
            panic!("it did not end within {limit:?}:\n{}", self.log());
        }
        let code = status.and_then(|status| status.code());
        if code != Some(0) {
            eprintln!("{}", self.log());
        }
        code
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Each network of this process gets ports of its own.
fn next_port_base() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    free_port_base() + NEXT.fetch_add(8, Ordering::Relaxed) % 480
}

/// Looks every few milliseconds until there is something to see.
fn wait<T>(_what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
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
