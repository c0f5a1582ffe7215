//! Verdicts for the inspection service.

use std::sync::Arc;

use synod_mediator::messages::{InformeeView, Verdict};
use synod_mediator::rules::ConfirmationRequest;
use synod_mediator::store::{FinalizedRow, MediatorStore};
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{VerdictPage, VerdictQuorum, VerdictRecord, VerdictSource, VerdictView};
use synod_types::{CantonTimestamp, ProtocolVersion};
use tokio::sync::watch;
use tonic::async_trait;

use super::status::MediatorStatus;

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

/// A decided transaction; `None` for a reassignment, which is not told.
fn record(row: &FinalizedRow, version: ProtocolVersion) -> Result<Option<VerdictRecord>, NodeFault> {
    let request = ConfirmationRequest::parse(&row.request, version).map_err(NodeFault::broken)?;
    let Some(request) = request else { return Ok(None) };
    let Some(message) = request.transaction() else { return Ok(None) };
    let verdict = Verdict::parse(&row.verdict).map_err(NodeFault::broken)?;
    Ok(Some(VerdictRecord {
        record_time: row.request_id,
        finalization_time: row.finalization_time,
        submitting_parties: request.submitting_parties().iter().map(ToString::to_string).collect(),
        submitting_participant: request.submitting_participant().clone(),
        accepted: verdict == Verdict::Approve,
        mediator_group: request.mediator_group().as_i32().cast_unsigned(),
        views: message.tree.views().iter().map(view).collect(),
        update_id: *request.root_hash(),
    }))
}

fn view(view: &InformeeView) -> VerdictView {
    let parameters = &view.common_data.parameters;
    let quorums = parameters.quorums.iter().map(|quorum| VerdictQuorum {
        parties: quorum.confirmers.keys().map(ToString::to_string).collect(),
        threshold: quorum.threshold,
    });
    VerdictView {
        parent: view.parent,
        informees: parameters.informees.iter().map(ToString::to_string).collect(),
        quorums: quorums.collect(),
        view_hash: view.hash,
    }
}
