//! Makes a waiting node part of a synchronizer, on behalf of the administration API.

use std::sync::Arc;

use bytes::Bytes;
use synod_node_admin::sequencer::{InitializeRefused, SequencerInitializer};
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
        // In a task of its own: a caller that goes away would leave it half way.
        let node = Arc::clone(&self.0);
        let initialization = tokio::spawn(async move { node.initialize(&genesis, &parameters).await });
        let fault = match initialization.await {
            Ok(Err(InitializeRefused::Fault(fault))) => fault,
            Ok(done_or_refused) => return done_or_refused,
            Err(panicked) => panicked.into(),
        };
        self.0.stop_with(fault);
        Err(InitializeRefused::Fault("the node stops".into()))
    }
}
