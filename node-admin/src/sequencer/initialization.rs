//! `SequencerInitializationService`: makes a sequencer part of a synchronizer (chapter 05 §1.5).

use std::fmt::Debug;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use synod_proto::protocol::v30::StaticSynchronizerParameters;
use synod_proto::sequencer::admin::v30::{
    InitializeSequencerFromGenesisStateRequest, InitializeSequencerFromGenesisStateResponse,
    InitializeSequencerFromGenesisStateV2Request, InitializeSequencerFromGenesisStateV2Response,
    InitializeSequencerFromLsuPredecessorRequest, InitializeSequencerFromLsuPredecessorResponse,
    InitializeSequencerFromOnboardingStateRequest, InitializeSequencerFromOnboardingStateResponse,
    InitializeSequencerFromOnboardingStateV2Request, InitializeSequencerFromOnboardingStateV2Response,
};
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_server::{
    SequencerInitializationService, SequencerInitializationServiceServer,
};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::onboarding::{self, OnboardingState};
use crate::errors::{AdminError, ErrorCode, Trace};
use crate::server::{MAX_INBOUND_MESSAGE_BYTES, MAX_STREAM_BYTES};
use crate::{InitializeRefused, NodeStage, StageReceiver};

/// Whoever starts the sequencer behind the service.
#[async_trait]
pub trait SequencerInitializer: Debug + Send + Sync {
    /// Starts a synchronizer from its genesis: length-delimited versioned items of `TopologyTransactions`. Returns when
    /// the state is persisted and the sequencer runs. Never waits for a block.
    ///
    /// # Errors
    /// [`InitializeRefused`].
    async fn initialize_from_genesis(
        &self,
        genesis: Bytes,
        parameters: StaticSynchronizerParameters,
    ) -> Result<(), InitializeRefused>;

    /// Joins a running synchronizer from the state that one of its sequencers gave. Returns when the sequencer has reached
    /// that state by itself, and runs: that may take long.
    ///
    /// # Errors
    /// [`InitializeRefused`].
    async fn initialize_from_onboarding(&self, state: OnboardingState) -> Result<(), InitializeRefused>;
}

/// Serves the initialization of a sequencer from a genesis and from an onboarding state in their current forms. The older
/// forms and upgrades are not served.
#[derive(Debug, Clone)]
pub struct InitializationAdmin {
    stage: StageReceiver,
    initializer: Arc<dyn SequencerInitializer>,
}

impl InitializationAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, initializer: Arc<dyn SequencerInitializer>) -> Self {
        Self { stage, initializer }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> SequencerInitializationServiceServer<Self> {
        SequencerInitializationServiceServer::new(self).max_decoding_message_size(MAX_INBOUND_MESSAGE_BYTES)
    }

    /// The service exists only while the node waits for it.
    fn check_stage(&self) -> Result<(), Status> {
        match self.stage.current() {
            NodeStage::NoSynchronizer { .. } => Ok(()),
            _ => Err(Status::unimplemented("the node does not wait to be initialized")),
        }
    }
}

#[async_trait]
impl SequencerInitializationService for InitializationAdmin {
    async fn initialize_sequencer_from_genesis_state_v2(
        &self,
        request: Request<Streaming<InitializeSequencerFromGenesisStateV2Request>>,
    ) -> Result<Response<InitializeSequencerFromGenesisStateV2Response>, Status> {
        self.check_stage()?;
        let mut parts = request.into_inner();
        let (mut genesis, mut parameters) = (BytesMut::new(), None);
        while let Some(part) = parts.message().await? {
            let given = part
                .synchronizer_parameters
                .ok_or_else(|| Status::invalid_argument("the synchronizer parameters are missing"))?;
            if parameters.as_ref().is_some_and(|first| *first != given) {
                return Err(Status::invalid_argument("the synchronizer parameters differ between messages"));
            }
            parameters = Some(given);
            if genesis.len() + part.topology_snapshot.len() > MAX_STREAM_BYTES {
                return Err(Status::invalid_argument("the genesis is larger than 512 MiB"));
            }
            genesis.extend_from_slice(&part.topology_snapshot);
        }
        let parameters = parameters.ok_or_else(|| Status::invalid_argument("the request is empty"))?;
        self.initializer
            .initialize_from_genesis(genesis.freeze(), parameters)
            .await
            .map_err(|refused| status_of(&refused))?;
        Ok(Response::new(InitializeSequencerFromGenesisStateV2Response { replicated: false }))
    }

    async fn initialize_sequencer_from_genesis_state(
        &self,
        _: Request<Streaming<InitializeSequencerFromGenesisStateRequest>>,
    ) -> Result<Response<InitializeSequencerFromGenesisStateResponse>, Status> {
        Err(not_served())
    }

    async fn initialize_sequencer_from_onboarding_state(
        &self,
        _: Request<Streaming<InitializeSequencerFromOnboardingStateRequest>>,
    ) -> Result<Response<InitializeSequencerFromOnboardingStateResponse>, Status> {
        Err(not_served())
    }

    async fn initialize_sequencer_from_onboarding_state_v2(
        &self,
        request: Request<Streaming<InitializeSequencerFromOnboardingStateV2Request>>,
    ) -> Result<Response<InitializeSequencerFromOnboardingStateV2Response>, Status> {
        self.check_stage()?;
        let trace = Trace::of(&request);
        let mut parts = request.into_inner();
        let mut state = BytesMut::new();
        while let Some(part) = parts.message().await? {
            if state.len() + part.onboarding_state.len() > MAX_STREAM_BYTES {
                return Err(Status::invalid_argument("the onboarding state is larger than 512 MiB"));
            }
            state.extend_from_slice(&part.onboarding_state);
        }
        let state = onboarding::parse(&state.freeze()).map_err(|error| error.status(&trace))?;
        self.initializer.initialize_from_onboarding(state).await.map_err(|refused| match &refused {
            // `FailedToInitialiseSynchronizerNode`.
            InitializeRefused::Invalid(text) => {
                AdminError::new(ErrorCode::SYNCHRONIZER_NODE_INITIALISATION_FAILED, text).status(&trace)
            }
            _ => status_of(&refused),
        })?;
        Ok(Response::new(InitializeSequencerFromOnboardingStateV2Response { replicated: false }))
    }

    async fn initialize_sequencer_from_lsu_predecessor(
        &self,
        _: Request<Streaming<InitializeSequencerFromLsuPredecessorRequest>>,
    ) -> Result<Response<InitializeSequencerFromLsuPredecessorResponse>, Status> {
        Err(not_served())
    }
}

fn not_served() -> Status {
    Status::unimplemented("this way of initializing a sequencer is not served by this node")
}

fn status_of(refused: &InitializeRefused) -> Status {
    match refused {
        InitializeRefused::Invalid(text) => Status::invalid_argument(text.clone()),
        InitializeRefused::WrongStage(text) => Status::failed_precondition(text.clone()),
        InitializeRefused::Fault(_) => {
            tracing::error!(error = %synod_runtime::Chain(refused), "the sequencer could not be initialized");
            Status::internal("the sequencer could not be initialized; see the log of the node")
        }
    }
}
