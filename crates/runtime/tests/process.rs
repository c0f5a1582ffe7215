//! Signals, seen from outside: this test starts itself as the process that is stopped.

use std::future::pending;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use synod_runtime::{Phase, StopReason, TaskKind, exit, run};
use thiserror::Error;

const ROLE: &str = "SYNOD_RUNTIME_TEST_ROLE";

#[derive(Debug, Error)]
#[error("cannot start: {0}")]
struct Refused(&'static str);

/// What the started process does; never run as a test of its own.
fn act(role: &str) -> u8 {
    let stopped = run(|supervisor| {
        let role = role.to_owned();
        async move {
            match role.as_str() {
                "hangs" => {
                    supervisor.spawn("deaf", TaskKind::essential(Phase::Block), |_| pending::<Result<(), Refused>>())
                }
                "starts for ever" => {
                    println!("up");
                    pending::<()>().await;
                }
                "refuses" => return Err(Refused("port 1 is taken")),
                _ => supervisor.spawn("server", TaskKind::essential(Phase::Intake), |stop| async move {
                    stop.cancelled().await;
                    println!("ended");
                    Ok::<_, Refused>(())
                }),
            }
            println!("up");
            Ok(())
        }
    });
    match stopped {
        Ok(stopped) => {
            assert!(matches!(stopped.reason, StopReason::Signal(_)));
            exit::OK
        }
        Err(fault) => exit::code_of(&fault),
    }
}

#[test]
fn role() {
    if let Ok(role) = std::env::var(ROLE) {
        std::process::exit(act(&role).into());
    }
}

struct Process {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Process {
    fn start(role: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["--exact", "role", "--nocapture"]).env(ROLE, role).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        Self { child, lines: Box::new(lines) }
    }

    /// Reads until a line that ends so (the test harness may have begun it); the end of the process ends this too.
    fn says(&mut self, line: &str) -> bool {
        self.lines.any(|found| found.ends_with(line))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    fn ends(mut self, what: &str, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        let status = self.child.wait().unwrap();
        assert!(start.elapsed() < limit, "{what} took {:?}", start.elapsed());
        status
    }
}

#[test]
fn a_signal_stops_in_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut process = Process::start("serves");
        assert!(process.says("up"));
        process.signal(signal);
        assert!(process.says("ended"));
        assert_eq!(process.ends("an ordered stop", Duration::from_secs(5)).code(), Some(0));
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut process = Process::start("hangs");
    assert!(process.says("up"));
    process.signal(Signal::INT);
    process.signal(Signal::TERM);
    assert_eq!(process.ends("an immediate stop", Duration::from_secs(3)).code(), Some(0));
}

#[test]
fn a_task_that_hangs_makes_it_a_fault_within_the_limit() {
    let mut process = Process::start("hangs");
    assert!(process.says("up"));
    process.signal(Signal::TERM);
    assert_eq!(process.ends("an overdue stop", Duration::from_secs(8)).code(), Some(70));
}

#[test]
fn a_signal_ends_a_start_that_does_not_come_to_an_end() {
    let mut process = Process::start("starts for ever");
    assert!(process.says("up"));
    process.signal(Signal::TERM);
    assert_eq!(process.ends("the stop of a start", Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_refused_start_is_a_fault() {
    assert_eq!(Process::start("refuses").ends("a refused start", Duration::from_secs(5)).code(), Some(70));
}
