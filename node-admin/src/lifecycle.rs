//! Moves a node from stage to stage as its identity and its topology come in (chapter 05 §1.2, `CantonNodeBootstrap`).

use std::sync::Arc;

use synod_topology::mapping::UniqueKey;
use synod_topology::{Mapping, Operation, TopologyRows};
use synod_types::{Member, MemberKind, UniqueIdentifier};
use tokio::sync::watch;

use crate::{NodeStage, StageReceiver};

/// The stage of a node of one kind. Clones move the same node.
#[derive(Debug, Clone)]
pub struct NodeLifecycle {
    kind: MemberKind,
    stage: Arc<watch::Sender<NodeStage>>,
}

impl NodeLifecycle {
    /// A node of this kind in this stage, and who is told.
    #[must_use]
    pub fn new(kind: MemberKind, stage: NodeStage) -> (Self, StageReceiver) {
        let (sender, receiver) = StageReceiver::new(stage);
        (Self { kind, stage: Arc::new(sender) }, receiver)
    }

    /// The node has this identity now. Ignored when it has one already.
    pub fn identity_set(&self, uid: &UniqueIdentifier) {
        self.stage.send_if_modified(|stage| {
            let first = matches!(stage, NodeStage::NoIdentity);
            if first {
                *stage = NodeStage::NoTopology { uid: uid.clone() };
            }
            first
        });
    }

    /// The node runs now.
    pub fn running(&self) {
        self.stage.send_if_modified(|stage| match stage.uid().cloned() {
            Some(uid) => {
                *stage = NodeStage::Running { uid };
                true
            }
            None => false,
        });
    }

    /// The node's own store has these open rows now: with keys of this member it waits for a synchronizer. That they are
    /// there proves the delegations above them.
    pub(crate) fn authorized_changed(&self, rows: TopologyRows<'_>) {
        self.stage.send_if_modified(|stage| {
            let NodeStage::NoTopology { uid } = stage else { return false };
            let has_keys = has_keys(rows, &Member::new(self.kind, uid.clone()));
            if has_keys {
                *stage = NodeStage::NoSynchronizer { uid: uid.clone() };
            }
            has_keys
        });
    }
}

/// Whether the keys of the member are published, one to sign with among them, and for a participant one to encrypt with.
fn has_keys(rows: TopologyRows<'_>, member: &Member) -> bool {
    let Some(open) = rows.open(&UniqueKey::owner_to_key_mapping(member.uid())) else { return false };
    let open = open.transaction();
    match open.mapping() {
        Mapping::OwnerToKeyMapping(keys) => {
            let can_encrypt = member.kind() != MemberKind::Participant || keys.encryption_keys().next().is_some();
            open.operation() == Operation::Replace
                && keys.member() == member
                && !keys.signing_keys().is_empty()
                && can_encrypt
        }
        _ => false,
    }
}
