//! A process from its runtime to its exit.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

use crate::signals::{self, SignalFault};
use crate::task::{BoxError, NodeFault, Phase, SHUTDOWN_LIMIT, Stopped, Supervisor, TaskKind};

/// Sets the number of threads that run tasks (tokio's own variable).
const THREADS_VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// How long threads that are in a blocking call may hold up the exit after everything else has ended.
const BLOCKING_LIMIT: Duration = Duration::from_millis(500);

/// The process could not run, or its node had a fault. [`crate::exit::code_of`] gives the exit code.
#[derive(Debug, Error)]
pub enum RunFault {
    /// No threads.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// No signals.
    #[error("cannot start")]
    Signals(#[source] SignalFault),
    /// The node stopped by itself.
    #[error("the node stopped")]
    Node(#[source] NodeFault),
}

/// Runs a node: makes a runtime, listens for signals, runs `start`, waits until the node has stopped.
///
/// `start` wires the node and spawns its tasks; when it returns an error, the node stops with that. A signal during the
/// start drops it at its next await point and stops what it has spawned. When the tasks are not to run for ever, `start`
/// (or one of them) calls [`Supervisor::shutdown`].
///
/// # Errors
/// [`RunFault`].
pub fn run<S, F, E>(start: S) -> Result<Stopped, RunFault>
where
    S: FnOnce(Supervisor) -> F,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    let runtime = runtime().map_err(RunFault::Runtime)?;
    let end = runtime.block_on(async {
        let supervisor = Supervisor::new();
        signals::listen(&supervisor).map_err(RunFault::Signals)?;
        let starting = start(supervisor.clone());
        supervisor.spawn("start", TaskKind::finite(Phase::Intake), |stop| async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Ok(()),
                started = starting => started,
            }
        });
        supervisor.wait(SHUTDOWN_LIMIT).await.map_err(RunFault::Node)
    });
    runtime.shutdown_timeout(BLOCKING_LIMIT);
    end
}

/// A thread for every two cores, or as many as [`THREADS_VARIABLE`] says. Tasks that become ready wake sleeping threads:
/// under little load, a thread for each core costs half as much again for a submission (`docs/performance.md`). Under much
/// load the database wants cores too, and blocks with many signatures are validated by threads of their own.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os(THREADS_VARIABLE).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        builder.worker_threads(cores.div_ceil(2));
    }
    builder.enable_all().build()
}
