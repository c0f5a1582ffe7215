//! Makes a waiting node the mediator of a synchronizer, on behalf of the administration API.

use std::sync::Arc;
use std::time::Duration;

use synod_client::PoolConfig;
use synod_node_admin::InitializeRefused;
use synod_node_admin::mediator::MediatorInitializer;
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_runtime::Chain;
use synod_types::PhysicalSynchronizerId;
use tokio::sync::Mutex;
use tonic::async_trait;

use super::{MediatorNode, initial_topology};

/// How long enough sequencers may take to be there.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How long the topology may take to come. Canton tries for ever.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(30);

/// Initializes one node, once.
#[derive(Debug)]
pub(super) struct Initializer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Arc<MediatorNode>,
    /// Of two calls at the same time one waits for the other.
    turn: Mutex<()>,
}

impl Initializer {
    pub(super) fn new(node: Arc<MediatorNode>) -> Self {
        Self(Arc::new(Inner { node, turn: Mutex::default() }))
    }
}

impl Inner {
    async fn initialize(
        &self,
        psid: &PhysicalSynchronizerId,
        connections: &SequencerConnections,
    ) -> Result<(), InitializeRefused> {
        let _turn = self.turn.lock().await;
        let fault = |error: super::MediatorNodeFault| InitializeRefused::Fault(Box::new(error));
        if self.node.store.configuration().await.map_err(|error| fault(error.into()))?.is_some() {
            return Ok(());
        }
        let invalid = |error: &(dyn std::error::Error + 'static)| InitializeRefused::Invalid(Chain(error).to_string());
        let config = PoolConfig::from_proto(connections).map_err(|error| invalid(&error))?;
        let pool = self.node.pool(config, psid.clone()).await.map_err(|error| fault(error.into()))?;
        pool.wait_ready(CONNECT_LIMIT).await.map_err(|error| invalid(&error))?;
        // Nothing is stored before everything is here that the others have to give.
        let topology = match tokio::time::timeout(DOWNLOAD_LIMIT, initial_topology(&pool)).await {
            Ok(topology) => topology.map_err(|error| invalid(&error))?,
            Err(_) => {
                let text = format!("The topology could not be downloaded within {} s", DOWNLOAD_LIMIT.as_secs());
                return Err(InitializeRefused::Invalid(text));
            }
        };
        self.node.initialize(psid, pool, connections, topology).await.map_err(fault)
    }
}

#[async_trait]
impl MediatorInitializer for Initializer {
    async fn initialize(
        &self,
        psid: PhysicalSynchronizerId,
        connections: SequencerConnections,
    ) -> Result<(), InitializeRefused> {
        // In a task of its own: a caller that goes away would leave it half way.
        let inner = Arc::clone(&self.0);
        let initialization = tokio::spawn(async move { inner.initialize(&psid, &connections).await });
        let fault = match initialization.await {
            Ok(Err(InitializeRefused::Fault(fault))) => fault,
            Ok(done_or_refused) => return done_or_refused,
            Err(panicked) => panicked.into(),
        };
        self.0.node.stop_with(fault);
        Err(InitializeRefused::Fault("the node stops".into()))
    }
}
