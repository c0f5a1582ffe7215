//! `MediatorInspectionService` (chapter 04 §5.5).

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use synod_proto::mediator::admin::v30::verdict::Views;
use synod_proto::mediator::admin::v30::verdicts_response::Payload;
use synod_proto::mediator::admin::v30::{
    Quorum, TransactionView, TransactionViews, Verdict, VerdictResult, VerdictsRequest, VerdictsResponse,
};
use synod_rpc::mediator::admin::v30::mediator_inspection_service_server::{
    MediatorInspectionService, MediatorInspectionServiceServer,
};
use synod_store::to_its_end;
use synod_types::CantonTimestamp;
use tokio::sync::watch;
use tonic::{Request, Response, Status, async_trait};

use super::verdicts::{VerdictPage, VerdictQuorum, VerdictRecord, VerdictSource, VerdictView};
use crate::errors::{Trace, malformed};
use crate::{NodeFault, StageReceiver, times};

/// Most requests that are read at once.
const PAGE_LENGTH: usize = 100;

/// Serves the verdicts of a mediator, from when it runs. Upgrades of the synchronizer are not announced: a stream ends when
/// the client goes or the mediator stops.
#[derive(Debug, Clone)]
pub struct MediatorInspectionAdmin {
    stage: StageReceiver,
    source: Arc<dyn VerdictSource>,
}

impl MediatorInspectionAdmin {
    /// The service of the node whose stage this is.
    #[must_use]
    pub fn new(stage: StageReceiver, source: Arc<dyn VerdictSource>) -> Self {
        Self { stage, source }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> MediatorInspectionServiceServer<Self> {
        MediatorInspectionServiceServer::new(self)
    }
}

#[async_trait]
impl MediatorInspectionService for MediatorInspectionAdmin {
    type VerdictsStream = BoxStream<'static, Result<VerdictsResponse, Status>>;

    async fn verdicts(&self, request: Request<VerdictsRequest>) -> Result<Response<Self::VerdictsStream>, Status> {
        self.stage.running_or_unimplemented("MediatorInspectionService")?;
        let trace = Trace::of(&request);
        let after = match request.into_inner().most_recently_received_record_time {
            None => CantonTimestamp::MIN,
            Some(time) => CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos)
                .map_err(|error| malformed(error).status(&trace))?,
        };
        let (stage, source) = (self.stage.clone(), Arc::clone(&self.source));
        let reader = Reader { stage, after, watermark: source.watermark(), source };
        let pages = stream::try_unfold(reader, |mut reader| async move {
            let page = reader.next_page().await.map_err(|fault| fault.status(&reader.stage))?;
            let responses = page.verdicts.iter().map(response).collect::<Result<Vec<_>, _>>();
            let responses = responses.map_err(|fault| fault.status(&reader.stage))?;
            Ok::<_, Status>(Some((stream::iter(responses.into_iter().map(Ok::<_, Status>)), reader)))
        });
        Ok(Response::new(pages.try_flatten().boxed()))
    }
}

/// Reads page by page, and waits at the watermark.
#[derive(Debug)]
struct Reader {
    stage: StageReceiver,
    after: CantonTimestamp,
    watermark: watch::Receiver<Option<CantonTimestamp>>,
    source: Arc<dyn VerdictSource>,
}

impl Reader {
    async fn next_page(&mut self) -> Result<VerdictPage, NodeFault> {
        let after = self.after;
        let reached = self.watermark.wait_for(|time| time.is_some_and(|time| time > after)).await;
        // The condition is fulfilled by no `None`; the sender is gone when the mediator stops.
        let up_to = reached.ok().and_then(|time| *time).ok_or(NodeFault::Unavailable)?;
        let source = Arc::clone(&self.source);
        let page = to_its_end(async move { source.verdicts(after, up_to, PAGE_LENGTH).await }).await?;
        if page.read_to <= after || page.read_to > up_to {
            return Err(NodeFault::broken(format!(
                "verdicts after {after} up to {up_to} were read up to {}",
                page.read_to
            )));
        }
        self.after = page.read_to;
        Ok(page)
    }
}

fn response(record: &VerdictRecord) -> Result<VerdictsResponse, NodeFault> {
    let result = if record.accepted { VerdictResult::Accepted } else { VerdictResult::Rejected };
    let verdict = Verdict {
        submitting_parties: record.submitting_parties.clone(),
        submitting_participant_uid: record.submitting_participant.uid().to_string(),
        verdict: result.into(),
        finalization_time: Some(times::to_proto(record.finalization_time)),
        record_time: Some(times::to_proto(record.record_time)),
        mediator_group: record.mediator_group,
        views: Some(Views::TransactionViews(views(&record.views)?)),
        update_id: record.update_id.to_hex(),
    };
    Ok(VerdictsResponse { payload: Some(Payload::Verdict(verdict)) })
}

/// The views by their number in pre-order, from zero, with their direct children.
fn views(all: &[VerdictView]) -> Result<TransactionViews, NodeFault> {
    let mut children: Vec<Vec<i32>> = vec![Vec::new(); all.len()];
    let mut root_views = Vec::new();
    for (index, view) in all.iter().enumerate() {
        let number = i32::try_from(index).map_err(NodeFault::broken)?;
        match view.parent {
            None => root_views.push(number),
            Some(parent) if parent < index => children[parent].push(number),
            Some(parent) => {
                return Err(NodeFault::broken(format!("view {index} is listed before its parent {parent}")));
            }
        }
    }
    let views = (0..).zip(all.iter().zip(children)).map(|(number, (one, sub_views))| (number, view(one, sub_views)));
    Ok(TransactionViews { views: views.collect(), root_views })
}

fn view(view: &VerdictView, sub_views: Vec<i32>) -> TransactionView {
    TransactionView {
        informees: view.informees.clone(),
        confirming_parties: view.quorums.iter().map(quorum).collect(),
        sub_views,
        view_hash: view.view_hash.multihash().to_vec().into(),
    }
}

fn quorum(quorum: &VerdictQuorum) -> Quorum {
    Quorum { parties: quorum.parties.clone(), threshold: i32::try_from(quorum.threshold).unwrap_or(i32::MAX) }
}

#[cfg(test)]
mod tests;
