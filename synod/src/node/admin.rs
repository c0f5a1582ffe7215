//! The administration port of a sequencer node.

use std::sync::Arc;

use synod_node_admin::sequencer::{
    InitializationAdmin, SequencerInitializer, SequencerStatusAdmin, SequencerStatusSource,
};
use synod_node_admin::{
    AdminServer, AdminServerFault, IdentityAdmin, LogLevels, StageReceiver, StatusAdmin, TopologyReadAdmin,
    TopologyStores, TopologyWriteAdmin, Vault, VaultAdmin,
};

/// What the services speak to.
pub(crate) struct AdminParts {
    pub(crate) stage: StageReceiver,
    pub(crate) identity: IdentityAdmin,
    pub(crate) vault: Vault,
    pub(crate) stores: TopologyStores,
    pub(crate) levels: Arc<dyn LogLevels>,
    pub(crate) status: Arc<dyn SequencerStatusSource>,
    pub(crate) initializer: Arc<dyn SequencerInitializer>,
}

/// All services of the port.
pub(crate) fn server(parts: AdminParts) -> Result<AdminServer, AdminServerFault> {
    let AdminParts { stage, identity, vault, stores, levels, status, initializer } = parts;
    Ok(AdminServer::new()?.with(|routes| {
        routes
            .add_service(StatusAdmin::new(levels).into_service())
            .add_service(SequencerStatusAdmin::new(stage.clone(), status).into_service())
            .add_service(VaultAdmin::new(vault).into_service())
            .add_service(identity.into_service())
            .add_service(TopologyReadAdmin::new(stage.clone(), stores.clone()).into_service())
            .add_service(TopologyWriteAdmin::new(stage.clone(), stores).into_service())
            .add_service(InitializationAdmin::new(stage, initializer).into_service())
    }))
}
