//! [`Supervisor`].

use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::fault::NodeFault;
use super::kind::{Phase, Policy, TaskKind};

/// Any error, as tasks return it.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// How long a shutdown may take in all.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Part of the limit that is kept for each phase that is still to come, so that one task that hangs does not take the
/// time in which the store would have been closed.
const RESERVE_DIVISOR: u32 = 10;

/// Why the node was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A signal, e.g. `SIGTERM`.
    Signal(&'static str),
    /// The node's own decision: its work is done.
    Requested(&'static str),
    /// A fault; [`Supervisor::wait`] returns it.
    Fault,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "{name}"),
            Self::Requested(why) => f.write_str(why),
            Self::Fault => f.write_str("a fault"),
        }
    }
}

/// How the node stopped, when it was no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Why.
    pub reason: StopReason,
    /// The tasks that were left behind because somebody asked for an immediate stop; empty after an ordered one.
    pub abandoned: Vec<String>,
}

/// Starts and watches all tasks of one node. Clones are the same supervisor.
///
/// The contract: every task ends up in exactly one of *running*, *ended as it may*, *fault*. The first fault stops the
/// node and is what [`wait`](Self::wait) returns; later ones are logged. Two supervisors in one process do not know of
/// each other.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stop: CancellationToken,
    immediate: CancellationToken,
    phases: [PhaseTasks; Phase::ALL.len()],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct PhaseTasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    next_task: u64,
    running: BTreeMap<(Phase, u64), Running>,
    first_fault: Option<NodeFault>,
    reason: Option<StopReason>,
}

#[derive(Debug)]
struct Running {
    name: String,
    abort: Option<AbortHandle>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                stop: CancellationToken::new(),
                immediate: CancellationToken::new(),
                phases: Default::default(),
                state: Mutex::default(),
            }),
        }
    }

    /// Starts a task. `make` gets the token that tells the task to stop, which is cancelled in the task's phase of the
    /// shutdown; a task that is started later finds it cancelled already. The task then ends with `Ok` as soon as it
    /// can without losing anything; within the limit of [`wait`](Self::wait), or it is aborted.
    ///
    /// Has to be called within a tokio runtime, as `tokio::spawn`.
    pub fn spawn<F, E>(&self, name: impl Into<String>, kind: TaskKind, make: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let name = name.into();
        let phase = &self.inner.phases[kind.phase().index()];
        let future = make(phase.stop.clone()).instrument(tracing::error_span!("task", task = name));
        let id = {
            let mut state = self.inner.state();
            state.next_task += 1;
            let id = (kind.phase(), state.next_task);
            state.running.insert(id, Running { name: name.clone(), abort: None });
            id
        };
        let inner = Arc::clone(&self.inner);
        let handle = phase.tracker.spawn(async move {
            let outcome = AssertUnwindSafe(future).catch_unwind().await;
            inner.ended(id, name, kind, outcome.map(|result| result.map_err(Into::into)));
        });
        if let Some(running) = self.inner.state().running.get_mut(&id) {
            running.abort = Some(handle.abort_handle());
        }
    }

    /// The token that is cancelled when tasks of `phase` have to stop: for parts that are no tasks of their own.
    #[must_use]
    pub fn token(&self, phase: Phase) -> CancellationToken {
        self.inner.phases[phase.index()].stop.clone()
    }

    /// Tells the node to stop in order. The first reason counts; more calls change nothing.
    pub fn shutdown(&self, reason: StopReason) {
        self.inner.shutdown(reason);
    }

    /// Makes [`wait`](Self::wait) return at once, with all tasks aborted. What was acknowledged is durable without an
    /// ordered stop; what is lost is the time of those who have to notice it.
    pub fn stop_immediately(&self, reason: StopReason) {
        self.inner.shutdown(reason);
        self.inner.immediate.cancel();
    }

    /// Whether the node was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.inner.stop.is_cancelled()
    }

    /// Waits until the node is told to stop, by [`shutdown`](Self::shutdown) or by a fault, then stops it: phase by
    /// phase, within `limit` in all ([`SHUTDOWN_LIMIT`] for a node).
    ///
    /// # Errors
    /// The first fault, also one that happens while stopping; [`NodeFault::Overdue`] when tasks had to be aborted.
    pub async fn wait(&self, limit: Duration) -> Result<Stopped, NodeFault> {
        self.inner.stop.cancelled().await;
        let reason = self.inner.state().reason.clone().unwrap_or(StopReason::Fault);
        tracing::info!(%reason, "stopping");
        let end = Instant::now() + limit;
        let mut overdue = Vec::new();
        for phase in Phase::ALL {
            let later = u32::try_from(Phase::ALL.len() - 1 - phase.index()).unwrap_or(0);
            let tasks = &self.inner.phases[phase.index()];
            tasks.stop.cancel();
            tasks.tracker.close();
            let phase_end = end - limit / RESERVE_DIVISOR * later;
            tokio::select! {
                biased;
                () = self.inner.immediate.cancelled() => return self.abandon(reason),
                ended = timeout_at(phase_end, tasks.tracker.wait()) => {
                    if ended.is_err() {
                        let names = self.inner.abort(|task| task == phase);
                        tracing::error!(%phase, tasks = names.join(", "), "tasks did not stop in time");
                        overdue.extend(names);
                    }
                }
            }
        }
        match self.inner.state().first_fault.take() {
            Some(fault) => Err(fault),
            None if !overdue.is_empty() => Err(NodeFault::Overdue { tasks: overdue }),
            None => Ok(Stopped { reason, abandoned: Vec::new() }),
        }
    }

    fn abandon(&self, reason: StopReason) -> Result<Stopped, NodeFault> {
        for phase in &self.inner.phases {
            phase.stop.cancel();
        }
        let abandoned = self.inner.abort(|_| true);
        tracing::warn!(tasks = abandoned.join(", "), "stopping at once");
        match self.inner.state().first_fault.take() {
            Some(fault) => Err(fault),
            None => Ok(Stopped { reason, abandoned }),
        }
    }
}

type Outcome = Result<Result<(), BoxError>, Box<dyn Any + Send>>;

impl Inner {
    /// A poisoned lock is one in which a panic happened between two plain assignments; there is none.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shutdown(&self, reason: StopReason) {
        self.state().reason.get_or_insert(reason);
        self.stop.cancel();
    }

    fn ended(&self, id: (Phase, u64), task: String, kind: TaskKind, outcome: Outcome) {
        self.state().running.remove(&id);
        let was_told = self.phases[kind.phase().index()].stop.is_cancelled();
        let fault = match outcome {
            Ok(Ok(())) if was_told || kind.policy() != Policy::Essential => {
                tracing::debug!(task, "task ended");
                return;
            }
            Ok(Ok(())) => NodeFault::Ended { task },
            Ok(Err(source)) => NodeFault::Failed { task, source },
            Err(panic) => NodeFault::Panicked { task, message: message_of(panic.as_ref()) },
        };
        let error = crate::Chain(&fault).to_string();
        if kind.policy() == Policy::BestEffort {
            tracing::warn!(error, "a task that the node does without has ended");
            return;
        }
        tracing::error!(error, "a task that the node needs has ended");
        let mut state = self.state();
        state.first_fault.get_or_insert(fault);
        drop(state);
        self.shutdown(StopReason::Fault);
    }

    /// Aborts the running tasks of the phases that `which` names, and says their names.
    fn abort(&self, which: impl Fn(Phase) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        self.state().running.retain(|(phase, _), running| {
            let aborted = which(*phase);
            if aborted {
                if let Some(abort) = &running.abort {
                    abort.abort();
                }
                names.push(std::mem::take(&mut running.name));
            }
            !aborted
        });
        names
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
