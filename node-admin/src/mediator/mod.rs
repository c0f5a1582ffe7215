//! What only a mediator's administration port has.

mod connection_service;
mod connections;
mod initialization;
mod inspection;
mod pruning;
mod status;
mod verdicts;

pub use connection_service::{MediatorConnectionAdmin, MediatorConnections, ReplaceRefused};
pub use connections::{InvalidConnections, check_connections};
pub use initialization::{MediatorInitializationAdmin, MediatorInitializer};
pub use inspection::MediatorInspectionAdmin;
pub use pruning::{
    ChangeScheduleRefused, Cron, InvalidCron, MediatorPruning, MediatorPruningAdmin, PruneRefused, PruningSchedule,
    ScheduleChange,
};
pub use status::{MediatorStatusAdmin, MediatorStatusSource, MediatorStatusView};
pub use verdicts::{VerdictPage, VerdictQuorum, VerdictRecord, VerdictSource, VerdictView};

#[cfg(test)]
pub(crate) mod testing;
