//! `MediatorAdministrationService`: pruning by hand and by a schedule (chapter 04 §5.4, §7).

mod cron;
mod schedule;
mod service;

use std::fmt::Debug;
use std::num::NonZeroU32;

pub use cron::{Cron, InvalidCron};
pub use schedule::{PruningSchedule, ScheduleChange};
pub use service::MediatorPruningAdmin;
use synod_types::CantonTimestamp;
use thiserror::Error;
use tonic::async_trait;

use crate::NodeFault;

/// Why nothing was pruned.
#[derive(Debug, Error)]
pub enum PruneRefused {
    /// No request was finalized yet (`NoDataAvailableForPruning`).
    #[error("There is no mediator data available for pruning")]
    NoData,
    /// Requests before this time may still be open (`CannotPruneAtTimestamp`).
    #[error(
        "Requested pruning timestamp [{requested}] is later than the earliest available pruning timestamp [{safe}]"
    )]
    TooLate {
        /// Up to when data was to be deleted.
        requested: CantonTimestamp,
        /// The latest time that is possible now.
        safe: CantonTimestamp,
    },
    /// The node could not do it.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// Why a part of the schedule was not changed.
#[derive(Debug, Error)]
pub enum ChangeScheduleRefused {
    /// There is no schedule that could be changed.
    #[error("there is no schedule")]
    NoSchedule,
    /// The node could not do it.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// What is stored of a mediator, and when it is deleted.
#[async_trait]
pub trait MediatorPruning: Debug + Send + Sync {
    /// Deletes the finalized requests up to and including `up_to`. May be called again with the same time or an earlier one:
    /// then nothing happens.
    ///
    /// # Errors
    /// [`PruneRefused`]; nothing is deleted then.
    async fn prune(&self, up_to: CantonTimestamp) -> Result<(), PruneRefused>;

    /// Record time of the finalized request at this position, from 1 for the oldest; `None` when there are not that many.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn find_pruning_timestamp(&self, index: NonZeroU32) -> Result<Option<CantonTimestamp>, NodeFault>;

    /// The schedule that is persisted, if any.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn schedule(&self) -> Result<Option<PruningSchedule>, NodeFault>;

    /// Persists the schedule in the place of the old one, and goes by it from now on; `None` ends scheduled pruning.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn set_schedule(&self, schedule: Option<PruningSchedule>) -> Result<(), NodeFault>;

    /// Changes a part of the schedule that is there: two calls at the same time both have their effect.
    ///
    /// # Errors
    /// [`ChangeScheduleRefused`].
    async fn change_schedule(&self, change: ScheduleChange) -> Result<(), ChangeScheduleRefused>;
}
