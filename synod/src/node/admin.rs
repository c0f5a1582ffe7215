//! The administration ports of nodes.

use std::sync::Arc;

use synod_node_admin::mediator::{
    MediatorConnectionAdmin, MediatorConnections, MediatorInitializationAdmin, MediatorInitializer,
    MediatorInspectionAdmin, MediatorPruning, MediatorPruningAdmin, MediatorStatusAdmin, MediatorStatusSource,
    VerdictSource,
};
use synod_node_admin::sequencer::{
    InitializationAdmin, SequencerAdministrationAdmin, SequencerInitializer, SequencerPruningAdmin,
    SequencerStatusAdmin, SequencerStatusSource,
};
use synod_node_admin::{
    AdminServer, AdminServerFault, LogLevels, StatusAdmin, SynchronizerTime, SynchronizerTimeAdmin,
    TopologyAggregationAdmin, TopologyReadAdmin, TopologyStores, TopologyWriteAdmin,
};

use super::foundation::Foundation;
use super::operations::Operations;

/// What the services of a sequencer speak to.
pub(super) struct AdminParts<'a> {
    pub(super) foundation: &'a Foundation,
    pub(super) stores: TopologyStores,
    pub(super) levels: Arc<dyn LogLevels>,
    pub(super) status: Arc<dyn SequencerStatusSource>,
    pub(super) initializer: Arc<dyn SequencerInitializer>,
    pub(super) operations: Arc<Operations>,
}

/// What the services of a mediator speak to.
pub(super) struct MediatorAdminParts<'a> {
    pub(super) foundation: &'a Foundation,
    pub(super) stores: TopologyStores,
    pub(super) levels: Arc<dyn LogLevels>,
    pub(super) status: Arc<dyn MediatorStatusSource>,
    pub(super) initializer: Arc<dyn MediatorInitializer>,
    pub(super) connections: Arc<dyn MediatorConnections>,
    pub(super) verdicts: Arc<dyn VerdictSource>,
    pub(super) pruning: Arc<dyn MediatorPruning>,
    pub(super) time: Arc<dyn SynchronizerTime>,
}

/// What every node serves.
fn shared(
    foundation: &Foundation,
    stores: TopologyStores,
    levels: Arc<dyn LogLevels>,
) -> Result<AdminServer, AdminServerFault> {
    let stage = foundation.stage.clone();
    Ok(AdminServer::new()?.with(|routes| {
        routes
            .add_service(StatusAdmin::new(levels).into_service())
            .add_service(foundation.vault_admin().into_service())
            .add_service(foundation.identity_admin(&stores).into_service())
            .add_service(TopologyReadAdmin::new(stage.clone(), stores.clone()).into_service())
            .add_service(TopologyAggregationAdmin::new(stage.clone(), stores.clone()).into_service())
            .add_service(TopologyWriteAdmin::new(stage, stores).into_service())
    }))
}

/// All services of a sequencer's port.
pub(super) fn sequencer(parts: AdminParts<'_>) -> Result<AdminServer, AdminServerFault> {
    let AdminParts { foundation, stores, levels, status, initializer, operations } = parts;
    let stage = foundation.stage.clone();
    Ok(shared(foundation, stores, levels)?.with(|routes| {
        routes
            .add_service(SequencerStatusAdmin::new(stage.clone(), status).into_service())
            .add_service(InitializationAdmin::new(stage.clone(), initializer).into_service())
            .add_service(SequencerPruningAdmin::new(stage.clone(), Arc::clone(&operations) as _).into_service())
            .add_service(
                SequencerAdministrationAdmin::new(
                    stage,
                    Arc::clone(&operations) as _,
                    Arc::clone(&operations) as _,
                    operations,
                )
                .into_service(),
            )
    }))
}

/// All services of a mediator's port.
pub(super) fn mediator(parts: MediatorAdminParts<'_>) -> Result<AdminServer, AdminServerFault> {
    let MediatorAdminParts { foundation, stores, levels, status, initializer, connections, verdicts, pruning, time } =
        parts;
    let stage = foundation.stage.clone();
    Ok(shared(foundation, stores, levels)?.with(|routes| {
        routes
            .add_service(MediatorStatusAdmin::new(stage.clone(), status).into_service())
            .add_service(MediatorInitializationAdmin::new(stage.clone(), initializer).into_service())
            .add_service(MediatorConnectionAdmin::new(stage.clone(), connections).into_service())
            .add_service(MediatorInspectionAdmin::new(stage.clone(), verdicts).into_service())
            .add_service(MediatorPruningAdmin::new(stage.clone(), pruning).into_service())
            .add_service(SynchronizerTimeAdmin::new(stage, time).into_service())
    }))
}
