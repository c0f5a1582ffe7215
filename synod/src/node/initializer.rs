//! Makes a waiting node part of a synchronizer, on behalf of the administration API.

use std::sync::Arc;

use bytes::Bytes;
use synod_node_admin::sequencer::{InitializeRefused, OnboardingState, SequencerInitializer};
use synod_proto::protocol::v30::StaticSynchronizerParameters;
use tonic::async_trait;

use super::SequencerNode;

/// Initializes one node.
#[derive(Debug)]
pub(super) struct Initializer(pub(super) Arc<SequencerNode>);

#[async_trait]
impl SequencerInitializer for Initializer {
    async fn initialize_from_genesis(
        &self,
        genesis: Bytes,
        parameters: StaticSynchronizerParameters,
    ) -> Result<(), InitializeRefused> {
        let node = Arc::clone(&self.0);
        self.to_its_end(async move { node.initialize(&genesis, &parameters).await }).await
    }

    async fn initialize_from_onboarding(&self, state: OnboardingState) -> Result<(), InitializeRefused> {
        let node = Arc::clone(&self.0);
        self.to_its_end(async move { node.join(&state).await }).await
    }
}

impl Initializer {
    /// In a task of its own: a caller that goes away would leave it half way. A fault stops the node.
    async fn to_its_end(
        &self,
        initialization: impl Future<Output = Result<(), InitializeRefused>> + Send + 'static,
    ) -> Result<(), InitializeRefused> {
        let fault = match tokio::spawn(initialization).await {
            Ok(Err(InitializeRefused::Fault(fault))) => fault,
            Ok(done_or_refused) => return done_or_refused,
            Err(panicked) => panicked.into(),
        };
        self.0.stop_with(fault);
        Err(InitializeRefused::Fault("the node stops".into()))
    }
}
