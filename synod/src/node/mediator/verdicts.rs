//! Verdicts for the inspection service.

use std::sync::Arc;

use synod_mediator::store::MediatorStore;
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{VerdictPage, VerdictSource};
use synod_types::CantonTimestamp;
use tokio::sync::watch;
use tonic::async_trait;

use super::status::MediatorStatus;
use super::told::record;

/// The decided requests of one mediator.
#[derive(Debug)]
pub(super) struct Verdicts {
    store: MediatorStore,
    status: Arc<MediatorStatus>,
    /// Of a node that does not run: no request is decided.
    nothing: watch::Sender<Option<CantonTimestamp>>,
}

impl Verdicts {
    pub(super) fn new(store: MediatorStore, status: Arc<MediatorStatus>) -> Self {
        Self { store, status, nothing: watch::Sender::new(None) }
    }
}

#[async_trait]
impl VerdictSource for Verdicts {
    async fn verdicts(
        &self,
        after: CantonTimestamp,
        up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<VerdictPage, NodeFault> {
        let rows = self.store.finalized_after(after, up_to, limit).await.map_err(NodeFault::broken)?;
        let read_to = rows.last().filter(|_| rows.len() == limit).map_or(up_to, |row| row.request_id);
        let running = self.status.running.get().ok_or(NodeFault::Unavailable)?;
        let version = running.psid.protocol_version();
        let records = rows.iter().map(|row| record(row, version)).collect::<Result<Vec<_>, _>>()?;
        Ok(VerdictPage { verdicts: records.into_iter().flatten().collect(), read_to })
    }

    fn watermark(&self) -> watch::Receiver<Option<CantonTimestamp>> {
        match self.status.running.get() {
            Some(running) => running.clean.clone(),
            None => self.nothing.subscribe(),
        }
    }
}
