//! SIGINT and SIGTERM: the first one stops the node in order, the second one at once.

use std::convert::Infallible;
use std::io;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::task::{Phase, StopReason, Supervisor, TaskKind};

/// The operating system does not let us listen for signals.
#[derive(Debug, Error)]
#[error("cannot listen for SIGINT and SIGTERM")]
pub struct SignalFault(#[source] io::Error);

/// Listens from now on: a signal that comes after this call stops the node instead of killing the process.
///
/// # Errors
/// [`SignalFault`].
pub fn listen(supervisor: &Supervisor) -> Result<(), SignalFault> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SignalFault)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(SignalFault)?;
    let told = supervisor.clone();
    // The last phase: a second signal has to be heard until the end.
    supervisor.spawn("signals", TaskKind::best_effort(Phase::Store), |stop| async move {
        let both = async {
            let first = next(&mut interrupt, &mut terminate).await;
            tracing::info!(signal = first, "stopping in order; a second signal stops at once");
            told.shutdown(StopReason::Signal(first));
            let second = next(&mut interrupt, &mut terminate).await;
            told.stop_immediately(StopReason::Signal(second));
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = both => {}
        }
        Ok::<_, Infallible>(())
    });
    Ok(())
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
