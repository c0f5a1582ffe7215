//! Pruning of decided requests, by hand and by a schedule (chapter 04 §5.4).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use synod_mediator::rules::latest_safe_pruning_time;
use synod_mediator::store::{self, MediatorStore};
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{
    ChangeScheduleRefused, Cron, MediatorPruning, PruneRefused, PruningSchedule, ScheduleChange,
};
use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_store::{Lease, StoreFault};
use synod_types::CantonTimestamp;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tonic::async_trait;

use super::status::MediatorStatus;

/// Requests that a scheduled run deletes before it looks at the time again.
const STEP: u64 = 50_000;

/// What one mediator keeps, and for how long.
#[derive(Debug)]
pub(super) struct Pruning {
    pub(super) store: MediatorStore,
    pub(super) lease: Lease,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) status: Arc<MediatorStatus>,
    /// Changes of the schedule, one after the other.
    turn: Mutex<()>,
    changed: watch::Sender<()>,
}

impl Pruning {
    pub(super) fn new(store: MediatorStore, lease: Lease, clock: Arc<dyn Clock>, status: Arc<MediatorStatus>) -> Self {
        Self { store, lease, clock, status, turn: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// The latest time up to which may be pruned; `None` before the first request is decided.
    fn safe_time(&self) -> Option<CantonTimestamp> {
        let head = self.status.running.get()?.head.borrow().clone();
        let clean = head.clean?;
        Some(latest_safe_pruning_time(clean, &head.now().parameter_changes()))
    }

    async fn read_schedule(&self) -> Result<Option<PruningSchedule>, NodeFault> {
        let stored = self.store.pruning_schedule().await.map_err(NodeFault::broken)?;
        stored.map(|stored| of_stored(&stored)).transpose()
    }

    async fn write_schedule(&self, schedule: Option<&PruningSchedule>) -> Result<(), NodeFault> {
        match schedule {
            Some(schedule) => self.store.set_pruning_schedule(&to_stored(schedule)).await.map_err(NodeFault::broken)?,
            None => {
                self.store.clear_pruning_schedule().await.map_err(NodeFault::broken)?;
            }
        }
        self.changed.send_replace(());
        Ok(())
    }

    /// Prunes by the schedule until it is told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), StoreFault> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let schedule = match self.read_schedule().await {
                Ok(schedule) => schedule,
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "the schedule of pruning cannot be read");
                    None
                }
            };
            let wait = schedule.as_ref().and_then(|schedule| schedule.cron.next_after(self.clock.now()));
            let wait = wait.map(|next| between(self.clock.now(), next));
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = changed.changed() => continue,
                () = sleep(wait) => {}
            }
            if let Some(schedule) = schedule {
                self.run_once(&schedule, &stop).await?;
            }
        }
    }

    /// One scheduled run: step by step, until nothing is left or its time is over.
    async fn run_once(&self, schedule: &PruningSchedule, stop: &CancellationToken) -> Result<(), StoreFault> {
        let started = self.clock.now();
        let Some(safe) = self.safe_time() else { return Ok(()) };
        let up_to = started.saturating_sub(schedule.retention).min(safe);
        while !stop.is_cancelled() && between(started, self.clock.now()) < schedule.max_duration {
            let step = || self.store.prune(&self.lease, up_to, STEP);
            let deleted = self.store.while_unreachable(step).await?;
            if deleted > 0 {
                tracing::info!(%up_to, deleted, "decided requests are pruned");
            }
            if deleted < STEP {
                break;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl MediatorPruning for Pruning {
    async fn prune(&self, up_to: CantonTimestamp) -> Result<(), PruneRefused> {
        let safe = self.safe_time().ok_or(PruneRefused::NoData)?;
        if up_to > safe {
            return Err(PruneRefused::TooLate { requested: up_to, safe });
        }
        let broken = |error: StoreFault| PruneRefused::Fault(NodeFault::broken(error));
        let deleted = self.store.prune(&self.lease, up_to, u64::MAX).await.map_err(broken)?;
        tracing::info!(%up_to, deleted, "decided requests are pruned");
        Ok(())
    }

    async fn find_pruning_timestamp(&self, index: NonZeroU32) -> Result<Option<CantonTimestamp>, NodeFault> {
        self.store.nth_finalized(u64::from(index.get())).await.map_err(NodeFault::broken)
    }

    async fn schedule(&self) -> Result<Option<PruningSchedule>, NodeFault> {
        self.read_schedule().await
    }

    async fn set_schedule(&self, schedule: Option<PruningSchedule>) -> Result<(), NodeFault> {
        let _turn = self.turn.lock().await;
        self.write_schedule(schedule.as_ref()).await
    }

    async fn change_schedule(&self, change: ScheduleChange) -> Result<(), ChangeScheduleRefused> {
        let _turn = self.turn.lock().await;
        let schedule = self.read_schedule().await?.ok_or(ChangeScheduleRefused::NoSchedule)?;
        Ok(self.write_schedule(Some(&schedule.with(change))).await?)
    }
}

fn to_stored(schedule: &PruningSchedule) -> store::PruningSchedule {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    store::PruningSchedule {
        cron: schedule.cron.to_string(),
        max_duration_s: seconds(schedule.max_duration),
        retention_s: seconds(schedule.retention),
    }
}

fn of_stored(stored: &store::PruningSchedule) -> Result<PruningSchedule, NodeFault> {
    let duration = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    Ok(PruningSchedule {
        cron: Cron::parse(&stored.cron).map_err(NodeFault::broken)?,
        max_duration: duration(stored.max_duration_s),
        retention: duration(stored.retention_s),
    })
}

fn between(from: CantonTimestamp, to: CantonTimestamp) -> Duration {
    let micros = to.as_micros().saturating_sub(from.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
