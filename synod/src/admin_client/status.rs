//! How a node is.

use synod_proto::admin::mediator::v30::MediatorStatusRequest;
use synod_proto::admin::mediator::v30::mediator_status_response::Kind as MediatorKind;
use synod_proto::admin::sequencer::v30::SequencerStatusRequest;
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind as SequencerKind;
use synod_rpc::admin::mediator::v30::mediator_status_service_client::MediatorStatusServiceClient;
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;

use super::{AdminCallError, NodeAdmin};

impl NodeAdmin {
    /// The status of a sequencer.
    pub(crate) async fn sequencer_status(&self) -> Result<Option<SequencerKind>, AdminCallError> {
        let mut service = SequencerStatusServiceClient::new(self.channel());
        let answer =
            service.sequencer_status(SequencerStatusRequest {}).await.map_err(self.refused("SequencerStatus"))?;
        Ok(answer.into_inner().kind)
    }

    /// The status of a mediator.
    pub(crate) async fn mediator_status(&self) -> Result<Option<MediatorKind>, AdminCallError> {
        let mut service = MediatorStatusServiceClient::new(self.channel());
        let answer = service.mediator_status(MediatorStatusRequest {}).await.map_err(self.refused("MediatorStatus"))?;
        Ok(answer.into_inner().kind)
    }

    /// The synchronizer that a sequencer is part of.
    pub(crate) async fn sequencer_synchronizer(&self) -> Result<Option<String>, AdminCallError> {
        Ok(match self.sequencer_status().await? {
            Some(SequencerKind::Status(status)) => Some(status.physical_synchronizer_id),
            _ => None,
        })
    }

    /// The synchronizer that a mediator is part of.
    pub(crate) async fn mediator_synchronizer(&self) -> Result<Option<String>, AdminCallError> {
        Ok(match self.mediator_status().await? {
            Some(MediatorKind::Status(status)) => Some(status.physical_synchronizer_id),
            _ => None,
        })
    }
}
