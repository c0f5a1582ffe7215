//! `MediatorInitializationService`: makes a mediator part of a synchronizer (chapter 05 §1.6).

use std::fmt::Debug;
use std::sync::Arc;

use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_proto::mediator::admin::v30::{InitializeMediatorRequest, InitializeMediatorResponse};
use synod_rpc::mediator::admin::v30::mediator_initialization_service_server::{
    MediatorInitializationService, MediatorInitializationServiceServer,
};
use synod_types::PhysicalSynchronizerId;
use tonic::{Request, Response, Status, async_trait};

use super::connections::{InvalidConnections, check_connections, check_validation};
use crate::errors::{AdminError, ErrorCode, Trace, malformed};
use crate::{InitializeRefused, NodeStage, StageReceiver, times};

/// Whoever starts the mediator behind the service.
#[async_trait]
pub trait MediatorInitializer: Debug + Send + Sync {
    /// Connects the mediator to the synchronizer, keeps the connections and starts. Returns when as many sequencers as the
    /// threshold asks for were reached and are of this synchronizer, the configuration is persisted, and the mediator
    /// runs. A mediator that is initialized already answers `Ok` and compares nothing (`MediatorNode.initialize`); of two
    /// calls at the same time one initializes, and the other waits for it.
    ///
    /// `connections` have passed [`check_connections`].
    ///
    /// # Errors
    /// [`InitializeRefused`]: `Invalid` when the sequencers cannot be reached or are of another synchronizer.
    async fn initialize(
        &self,
        psid: PhysicalSynchronizerId,
        connections: SequencerConnections,
    ) -> Result<(), InitializeRefused>;
}

/// Serves the initialization of a mediator: from when its identity and its keys are there, and for good.
#[derive(Debug, Clone)]
pub struct MediatorInitializationAdmin {
    stage: StageReceiver,
    initializer: Arc<dyn MediatorInitializer>,
}

impl MediatorInitializationAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, initializer: Arc<dyn MediatorInitializer>) -> Self {
        Self { stage, initializer }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> MediatorInitializationServiceServer<Self> {
        MediatorInitializationServiceServer::new(self)
    }
}

#[async_trait]
impl MediatorInitializationService for MediatorInitializationAdmin {
    async fn initialize_mediator(
        &self,
        request: Request<InitializeMediatorRequest>,
    ) -> Result<Response<InitializeMediatorResponse>, Status> {
        let stage = self.stage.current();
        if matches!(stage, NodeStage::NoIdentity | NodeStage::NoTopology { .. }) {
            return Err(Status::unimplemented("the node does not wait to be initialized"));
        }
        let trace = Trace::of(&request);
        let (psid, connections) = parse(request.into_inner()).map_err(|error| error.status(&trace))?;
        if matches!(stage, NodeStage::NoSynchronizer { .. }) {
            let initialized = self.initializer.initialize(psid, connections).await;
            initialized.map_err(|refused| status_of(&refused, &trace))?;
        }
        Ok(Response::new(InitializeMediatorResponse {}))
    }
}

fn parse(request: InitializeMediatorRequest) -> Result<(PhysicalSynchronizerId, SequencerConnections), AdminError> {
    let psid = PhysicalSynchronizerId::parse(&request.physical_synchronizer_id).map_err(malformed)?;
    let connections =
        request.sequencer_connections.ok_or_else(|| malformed(times::not_set("sequencer_connections")))?;
    let connections = check_connections(connections).map_err(|invalid| match invalid {
        InvalidConnections::Malformed(reason) => malformed(reason),
        InvalidConnections::ShortPatience(_) => failed(invalid.to_string()),
    })?;
    check_validation(request.sequencer_connection_validation).map_err(malformed)?;
    Ok((psid, connections))
}

fn failed(cause: String) -> AdminError {
    AdminError::new(ErrorCode::SYNCHRONIZER_NODE_INITIALISATION_FAILED, cause)
}

fn status_of(refused: &InitializeRefused, trace: &Trace) -> Status {
    match refused {
        InitializeRefused::Invalid(text) | InitializeRefused::WrongStage(text) => failed(text.clone()).status(trace),
        InitializeRefused::Fault(_) => {
            tracing::error!(error = %synod_runtime::Chain(refused), "the mediator could not be initialized");
            Status::internal("the mediator could not be initialized; see the log of the node")
        }
    }
}

#[cfg(test)]
mod tests;
