//! How far a node has come (chapter 05 §1.2).

use synod_proto::admin::health::v30::NotInitialized;
use synod_proto::admin::health::v30::not_initialized::WaitingForExternalInput;
use synod_types::UniqueIdentifier;
use tokio::sync::watch;
use tonic::Status;

use crate::{RELEASE_VERSION, StopNode};

/// A stage. Services of a later stage answer `UNIMPLEMENTED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStage {
    /// The node has no identity yet.
    NoIdentity,
    /// The node has an identity, but not yet the keys and delegations that prove it.
    NoTopology {
        /// The identity.
        uid: UniqueIdentifier,
    },
    /// The node waits to be made part of a synchronizer.
    NoSynchronizer {
        /// The identity.
        uid: UniqueIdentifier,
    },
    /// The node runs.
    Running {
        /// The identity.
        uid: UniqueIdentifier,
    },
}

impl NodeStage {
    /// The identity of the node, once it has one.
    #[must_use]
    pub const fn uid(&self) -> Option<&UniqueIdentifier> {
        match self {
            Self::NoIdentity => None,
            Self::NoTopology { uid } | Self::NoSynchronizer { uid } | Self::Running { uid } => Some(uid),
        }
    }
}

/// Moves a node on.
pub type StageSender = watch::Sender<NodeStage>;

/// Tells the stage of a node, and stops it when a service finds it broken.
#[derive(Debug, Clone)]
pub struct StageReceiver {
    stage: watch::Receiver<NodeStage>,
    stop: StopNode,
}

impl StageReceiver {
    /// A receiver, and the sender that moves it.
    #[must_use]
    pub fn new(stage: NodeStage) -> (StageSender, Self) {
        let (sender, receiver) = watch::channel(stage);
        (sender, Self { stage: receiver, stop: StopNode::never() })
    }

    /// The same, of a node that is stopped like this.
    #[must_use]
    pub fn stopping_by(self, stop: StopNode) -> Self {
        Self { stop, ..self }
    }

    pub(crate) const fn stop_node(&self) -> &StopNode {
        &self.stop
    }

    /// The stage now.
    #[must_use]
    pub fn current(&self) -> NodeStage {
        self.stage.borrow().clone()
    }

    /// The identity of the node, once it has one.
    #[must_use]
    pub fn uid(&self) -> Option<UniqueIdentifier> {
        self.stage.borrow().uid().cloned()
    }

    /// The identity, for services that exist only from then on.
    pub(crate) fn uid_or_unimplemented(&self, service: &'static str) -> Result<UniqueIdentifier, Status> {
        self.uid().ok_or_else(|| Status::unimplemented(format!("{service} is not available before the node has an id")))
    }

    /// Nothing, for services that exist only when the node runs.
    pub(crate) fn running_or_unimplemented(&self, service: &'static str) -> Result<(), Status> {
        match self.current() {
            NodeStage::Running { .. } => Ok(()),
            _ => Err(Status::unimplemented(format!("{service} is not available before the node is initialized"))),
        }
    }

    /// What a status call says of a node that does not run yet; `None` when it runs.
    #[must_use]
    pub fn not_initialized(&self) -> Option<NotInitialized> {
        let waiting = match self.current() {
            NodeStage::NoIdentity => WaitingForExternalInput::Id,
            NodeStage::NoTopology { .. } => WaitingForExternalInput::NodeTopology,
            NodeStage::NoSynchronizer { .. } => WaitingForExternalInput::Initialization,
            NodeStage::Running { .. } => return None,
        };
        Some(NotInitialized {
            active: true,
            waiting_for_external_input: waiting.into(),
            version: RELEASE_VERSION.to_owned(),
        })
    }
}
