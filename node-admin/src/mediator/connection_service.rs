//! `SequencerConnectionService` of a mediator (chapter 04 §7).

use std::fmt::Debug;
use std::sync::Arc;

use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_proto::mediator::admin::v30::{
    GetConnectionRequest, GetConnectionResponse, LogoutRequest, LogoutResponse, SetConnectionRequest,
    SetConnectionResponse,
};
use synod_rpc::mediator::admin::v30::sequencer_connection_service_server::{
    SequencerConnectionService, SequencerConnectionServiceServer,
};
use thiserror::Error;
use tonic::{Request, Response, Status, async_trait};

use super::connections::{check_connections, check_validation};
use crate::{NodeFault, StageReceiver, times};

const SERVICE: &str = "SequencerConnectionService";

/// Why the connections of a mediator were not replaced. The old ones stay.
#[derive(Debug, Error)]
pub enum ReplaceRefused {
    /// Fewer sequencers than the threshold could be reached, or they are of another synchronizer.
    #[error("{0}")]
    NotUsable(String),
    /// The node could not do it.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

/// The connections of a running mediator.
#[async_trait]
pub trait MediatorConnections: Debug + Send + Sync {
    /// The connections that are persisted; `None` before the initialization.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn connections(&self) -> Result<Option<SequencerConnections>, NodeFault>;

    /// Uses these connections from now on, and after a restart. As many as the threshold asks for are tried first, whatever
    /// validation the caller asked for; then they are persisted, then put in place. They have passed [`check_connections`].
    ///
    /// # Errors
    /// [`ReplaceRefused`].
    async fn replace(&self, connections: SequencerConnections) -> Result<(), ReplaceRefused>;

    /// Revokes the tokens of the mediator at its sequencers, and disconnects from them.
    ///
    /// # Errors
    /// What a sequencer answered, which is told to the caller as it is.
    async fn logout(&self) -> Result<(), Status>;
}

/// Serves the connections of a mediator, from when it runs.
#[derive(Debug, Clone)]
pub struct MediatorConnectionAdmin {
    stage: StageReceiver,
    connections: Arc<dyn MediatorConnections>,
}

impl MediatorConnectionAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, connections: Arc<dyn MediatorConnections>) -> Self {
        Self { stage, connections }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SequencerConnectionServiceServer<Self> {
        SequencerConnectionServiceServer::new(self)
    }

    async fn current(&self) -> Result<Option<SequencerConnections>, Status> {
        self.connections.connections().await.map_err(|fault| fault.status(&self.stage))
    }
}

#[async_trait]
impl SequencerConnectionService for MediatorConnectionAdmin {
    async fn get_connection(
        &self,
        _: Request<GetConnectionRequest>,
    ) -> Result<Response<GetConnectionResponse>, Status> {
        self.stage.running_or_unimplemented(SERVICE)?;
        Ok(Response::new(GetConnectionResponse { sequencer_connections: self.current().await? }))
    }

    async fn set_connection(
        &self,
        request: Request<SetConnectionRequest>,
    ) -> Result<Response<SetConnectionResponse>, Status> {
        self.stage.running_or_unimplemented(SERVICE)?;
        if self.current().await?.is_none() {
            return Err(Status::failed_precondition("the node has no connections yet that could be replaced"));
        }
        let request = request.into_inner();
        let given = request.sequencer_connections;
        let given = given.ok_or_else(|| Status::invalid_argument(times::not_set("sequencerConnections")))?;
        let checked = check_connections(given).map_err(|error| Status::invalid_argument(error.to_string()))?;
        check_validation(request.sequencer_connection_validation).map_err(Status::invalid_argument)?;
        self.connections.replace(checked).await.map_err(|refused| match refused {
            ReplaceRefused::NotUsable(text) => Status::failed_precondition(text),
            ReplaceRefused::Fault(fault) => fault.status(&self.stage),
        })?;
        Ok(Response::new(SetConnectionResponse {}))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        self.stage.running_or_unimplemented(SERVICE)?;
        self.connections.logout().await?;
        Ok(Response::new(LogoutResponse {}))
    }
}

#[cfg(test)]
mod tests;
