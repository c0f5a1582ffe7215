//! The administration port of a sequencer node.

use std::sync::Arc;

use synod_node_admin::sequencer::{
    InitializationAdmin, SequencerInitializer, SequencerStatusAdmin, SequencerStatusSource,
};
use synod_node_admin::{
    AdminServer, AdminServerFault, IdentityAdmin, LogLevels, StageReceiver, StatusAdmin, TopologyReadAdmin,
};
use synod_topology::TopologyRow;

/// What the services speak to.
pub(crate) struct AdminParts {
    pub(crate) stage: StageReceiver,
    pub(crate) authorized: Arc<[TopologyRow]>,
    pub(crate) levels: Arc<dyn LogLevels>,
    pub(crate) status: Arc<dyn SequencerStatusSource>,
    pub(crate) initializer: Arc<dyn SequencerInitializer>,
}

/// All services of the port.
pub(crate) fn server(parts: AdminParts) -> Result<AdminServer, AdminServerFault> {
    let AdminParts { stage, authorized, levels, status, initializer } = parts;
    Ok(AdminServer::new()?.with(|routes| {
        routes
            .add_service(StatusAdmin::new(levels).into_service())
            .add_service(SequencerStatusAdmin::new(stage.clone(), status).into_service())
            .add_service(IdentityAdmin::new(stage.clone()).into_service())
            .add_service(TopologyReadAdmin::new(stage.clone(), authorized).into_service())
            .add_service(InitializationAdmin::new(stage, initializer).into_service())
    }))
}
