use std::sync::Mutex;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
#[error("the disk is full")]
struct DiskFull;

/// Waits for the supervisor, with a limit and a name for what is waited for.
async fn ended(what: &str, supervisor: &Supervisor) -> Result<Stopped, NodeFault> {
    let Ok(end) = timeout(Duration::from_secs(20), supervisor.wait(LIMIT)).await else {
        panic!("no end within 20 s: {what}");
    };
    end
}

async fn until_told(stop: tokio_util::sync::CancellationToken) -> Result<(), DiskFull> {
    stop.cancelled().await;
    Ok(())
}

#[tokio::test]
async fn phases_stop_in_order_each_after_all_of_the_one_before() {
    let supervisor = Supervisor::new();
    let order = std::sync::Arc::new(Mutex::new(Vec::new()));
    for phase in [Phase::Store, Phase::Streams, Phase::Intake, Phase::Block] {
        for number in 0..2 {
            let order = order.clone();
            supervisor.spawn(format!("{phase} {number}"), TaskKind::essential(phase), |stop| async move {
                stop.cancelled().await;
                order.lock().unwrap().push(phase);
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
                order.lock().unwrap().push(phase);
                Ok::<_, DiskFull>(())
            });
        }
    }
    supervisor.shutdown(StopReason::Signal("SIGTERM"));
    let stopped = ended("an ordered stop", &supervisor).await.unwrap();
    assert_eq!(stopped, Stopped { reason: StopReason::Signal("SIGTERM"), abandoned: Vec::new() });
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 16);
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test]
async fn an_error_of_an_essential_task_stops_the_node_and_is_returned() {
    let supervisor = Supervisor::new();
    supervisor.spawn("other", TaskKind::essential(Phase::Streams), until_told);
    supervisor.spawn("committer", TaskKind::essential(Phase::Block), |_| async { Err(DiskFull) });
    let fault = ended("the fault", &supervisor).await.unwrap_err();
    assert_eq!(crate::Chain(&fault).to_string(), "task `committer` failed: the disk is full");
}

#[tokio::test]
async fn the_first_fault_counts() {
    let supervisor = Supervisor::new();
    supervisor.spawn("first", TaskKind::essential(Phase::Intake), |_| async { Err(DiskFull) });
    supervisor.spawn("second", TaskKind::essential(Phase::Intake), |stop| async move {
        stop.cancelled().await;
        Err(DiskFull)
    });
    assert!(matches!(ended("the fault", &supervisor).await, Err(NodeFault::Failed { task, .. }) if task == "first"));
}

#[tokio::test]
async fn a_panic_is_a_fault_with_its_message() {
    let supervisor = Supervisor::new();
    supervisor.spawn("careless", TaskKind::finite(Phase::Intake), |_| async {
        if true {
            panic!("index {} out of range", 7);
        }
        Ok::<_, DiskFull>(())
    });
    let fault = ended("the panic", &supervisor).await.unwrap_err();
    assert_eq!(fault.to_string(), "task `careless` panicked: index 7 out of range");
}

#[tokio::test]
async fn only_an_essential_task_must_not_end() {
    let supervisor = Supervisor::new();
    supervisor.spawn("finite", TaskKind::finite(Phase::Intake), |_| async { Ok::<_, DiskFull>(()) });
    supervisor.spawn("best effort", TaskKind::best_effort(Phase::Intake), |_| async { Err(DiskFull) });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!supervisor.is_stopping());
    supervisor.spawn("listener", TaskKind::essential(Phase::Intake), |_| async { Ok::<_, DiskFull>(()) });
    assert!(matches!(ended("the end", &supervisor).await, Err(NodeFault::Ended { task }) if task == "listener"));
}

#[tokio::test]
async fn an_error_while_stopping_is_a_fault() {
    let supervisor = Supervisor::new();
    supervisor.spawn("store", TaskKind::essential(Phase::Store), |stop| async move {
        stop.cancelled().await;
        Err(DiskFull)
    });
    supervisor.shutdown(StopReason::Requested("done"));
    assert!(matches!(ended("the fault", &supervisor).await, Err(NodeFault::Failed { task, .. }) if task == "store"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_hangs_is_aborted_and_the_store_is_closed_nevertheless() {
    let supervisor = Supervisor::new();
    let closed = std::sync::Arc::new(Mutex::new(false));
    let closing = closed.clone();
    supervisor.spawn("hanging stream", TaskKind::best_effort(Phase::Streams), |_| {
        std::future::pending::<Result<(), DiskFull>>()
    });
    supervisor.spawn("store", TaskKind::essential(Phase::Store), |stop| async move {
        stop.cancelled().await;
        *closing.lock().unwrap() = true;
        Ok::<_, DiskFull>(())
    });
    supervisor.shutdown(StopReason::Requested("done"));
    let start = tokio::time::Instant::now();
    let fault = supervisor.wait(LIMIT).await.unwrap_err();
    assert_eq!(fault.to_string(), "tasks did not stop in time and were aborted: hanging stream");
    assert!(start.elapsed() <= LIMIT, "{:?}", start.elapsed());
    assert!(*closed.lock().unwrap());
}

#[tokio::test]
async fn an_immediate_stop_does_not_wait_and_names_what_it_left() {
    let supervisor = Supervisor::new();
    supervisor.spawn("deaf", TaskKind::essential(Phase::Block), |_| std::future::pending::<Result<(), DiskFull>>());
    supervisor.shutdown(StopReason::Signal("SIGINT"));
    supervisor.stop_immediately(StopReason::Signal("SIGTERM"));
    let stopped = ended("the immediate stop", &supervisor).await.unwrap();
    assert_eq!(stopped, Stopped { reason: StopReason::Signal("SIGINT"), abandoned: vec!["deaf".to_owned()] });
}

#[tokio::test]
async fn a_task_that_starts_while_stopping_is_told_at_once() {
    let supervisor = Supervisor::new();
    supervisor.shutdown(StopReason::Requested("early"));
    let late = supervisor.clone();
    supervisor.spawn("starter", TaskKind::finite(Phase::Intake), |stop| async move {
        stop.cancelled().await;
        late.spawn("late", TaskKind::essential(Phase::Intake), until_told);
        Ok::<_, DiskFull>(())
    });
    ended("the stop", &supervisor).await.unwrap();
}
