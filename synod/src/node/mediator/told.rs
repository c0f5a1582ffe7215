//! What is told of a decided request. The replay of recorded verdicts (`node-admin/tests/recorded/mediator.rs`) includes this
//! file: it needs nothing else of the node.

use synod_mediator::messages::{InformeeView, Verdict};
use synod_mediator::rules::ConfirmationRequest;
use synod_mediator::store::FinalizedRow;
use synod_node_admin::NodeFault;
use synod_node_admin::mediator::{VerdictQuorum, VerdictRecord, VerdictView};
use synod_types::ProtocolVersion;

/// A decided transaction; `None` for a reassignment, which is not told.
pub(crate) fn record(row: &FinalizedRow, version: ProtocolVersion) -> Result<Option<VerdictRecord>, NodeFault> {
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
