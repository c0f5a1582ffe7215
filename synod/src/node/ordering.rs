//! Who orders for a sequencer node: itself, or CometBFT.

use std::sync::Arc;

use synod_abci_app::{AbciFault, AbciMetrics, AbciNode, AbciParts};
use synod_client::{KeyRing, MemberSigner};
use synod_ordering::comet::OutboxLimits;
use synod_ordering::{BlockLimits, Clock, IntakeLimits, LocalOrdering, Orderer};
use synod_pipeline::{BlockExecutor, Committer, HeadReceiver};
use synod_runtime::{MetricsRegistry, Phase, Supervisor, TaskKind};
use synod_sequencer_gateway::SequencingTimeSource;
use synod_store::Store;
use synod_types::SequencerId;
use thiserror::Error;

use super::consortium::{Consortium, ConsortiumError};
use super::keys::FrameKeys;

/// Ordering by CometBFT cannot start.
#[derive(Debug, Error)]
pub(crate) enum OrderingError {
    #[error(transparent)]
    Consortium(#[from] ConsortiumError),
    #[error("ordering by CometBFT")]
    Abci(#[from] AbciFault),
    #[error("metrics")]
    Metrics(#[from] prometheus::Error),
}

/// What applies and commits blocks, and for whom.
pub(super) struct Pipeline {
    pub(super) store: Store,
    pub(super) executor: BlockExecutor,
    pub(super) committer: Committer,
    pub(super) sequencer: SequencerId,
}

/// Ordering that runs.
pub(super) struct Ordering {
    pub(super) orderer: Arc<dyn Orderer>,
    pub(super) head: HeadReceiver,
    pub(super) time: SequencingTimeSource,
    /// The chain that the blocks are of; none when the sequencer orders by itself.
    pub(super) chain: Option<String>,
}

/// The sequencer orders itself.
pub(super) fn local(pipeline: Pipeline, clock: Arc<dyn Clock>, supervisor: &Supervisor) -> Ordering {
    let Pipeline { executor, committer, sequencer, .. } = pipeline;
    let head = committer.head();
    let limits = (IntakeLimits::default(), BlockLimits::default());
    let (orderer, ordering) = LocalOrdering::new(executor, committer, sequencer, clock, limits);
    let orderer = Arc::new(orderer);
    // Ordering ends when nobody can submit any more: until it is told to, its own task can.
    let entrance = Arc::clone(&orderer);
    supervisor.spawn("ordering", TaskKind::essential(Phase::Block), |stop| async move {
        let _entrance = entrance;
        ordering.run(stop).await
    });
    Ordering { orderer, head, time: SequencingTimeSource::LocalClock, chain: None }
}

/// CometBFT orders. Returns when it is up; the other operators need not be there.
pub(super) async fn by_cometbft(
    pipeline: Pipeline,
    consortium: &Consortium,
    keys: KeyRing,
    metrics: &MetricsRegistry,
    supervisor: &Supervisor,
) -> Result<Ordering, OrderingError> {
    let Pipeline { store, executor, committer, sequencer } = pipeline;
    let head = committer.head();
    let state = &head.current().state;
    let genesis_app_hash = state.height().is_none().then(|| state.app_hash());
    let chain = consortium.prepare(genesis_app_hash.as_ref())?;
    let signer = FrameKeys { signer: MemberSigner::new(sequencer.member(), keys), head: head.clone() };
    let (orderer, node) = AbciNode::start(AbciParts {
        store,
        executor,
        committer,
        origin: sequencer,
        signer: Arc::new(signer),
        chain_id: chain.as_str().to_owned(),
        program: consortium.program.clone(),
        home: consortium.home().to_owned(),
        app_socket: consortium.app_socket().to_owned(),
        rpc_address: consortium.rpc_address(),
        intake_limits: IntakeLimits::default(),
        outbox_limits: OutboxLimits::default(),
        metrics: AbciMetrics::new(metrics.prometheus())?,
    })
    .await?;
    supervisor.spawn("ordering by CometBFT", TaskKind::essential(Phase::Block), |stop| node.run(stop));
    let chain = Some(chain.as_str().to_owned());
    Ok(Ordering { orderer: Arc::new(orderer), head, time: SequencingTimeSource::LastBlock, chain })
}
