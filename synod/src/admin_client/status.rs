//! How a node is.

use std::fmt;

use synod_proto::admin::mediator::v30::MediatorStatusRequest;
use synod_proto::admin::mediator::v30::mediator_status_response::Kind as MediatorKind;
use synod_proto::admin::sequencer::v30::SequencerStatusRequest;
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind as SequencerKind;
use synod_rpc::admin::mediator::v30::mediator_status_service_client::MediatorStatusServiceClient;
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_types::PhysicalSynchronizerId;
use tonic::Code;

use super::{AdminCallError, NodeAdmin};

/// Kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeKind {
    /// A sequencer node.
    Sequencer,
    /// A mediator node.
    Mediator,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequencer => "sequencer",
            Self::Mediator => "mediator",
        })
    }
}

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

    /// Which kind of node it is: each has a service for its status that the other has not.
    pub(crate) async fn kind(&self) -> Result<NodeKind, AdminCallError> {
        match self.sequencer_status().await {
            Ok(_) => Ok(NodeKind::Sequencer),
            Err(AdminCallError::Call { status, .. }) if status.code() == Code::Unimplemented => {
                self.mediator_status().await.map(|_| NodeKind::Mediator)
            }
            Err(error) => Err(error),
        }
    }

    /// The synchronizer that a node of this kind is part of.
    pub(crate) async fn synchronizer(&self, kind: NodeKind) -> Result<PhysicalSynchronizerId, AdminCallError> {
        let psid = match kind {
            NodeKind::Sequencer => self.sequencer_synchronizer().await?,
            NodeKind::Mediator => self.mediator_synchronizer().await?,
        };
        let psid = psid.ok_or_else(|| AdminCallError::NoSynchronizer(self.name.clone()))?;
        PhysicalSynchronizerId::parse(&psid)
            .map_err(|source| AdminCallError::Identity { node: self.name.clone(), source })
    }
}
