//! The nodes that a command reaches, and how far they are.

use synod_types::{MemberKind, UniqueIdentifier};

use super::BootstrapError;
use super::agreement::VERSION;
use super::description::NodeEntry;
use super::identity::NodeIdentity;
use crate::admin_client::NodeAdmin;

/// A node, who it is, and the synchronizer that it is part of.
pub(super) struct ReachedNode {
    pub(super) admin: NodeAdmin,
    pub(super) kind: MemberKind,
    pub(super) uid: UniqueIdentifier,
    pub(super) synchronizer: Option<String>,
}

impl ReachedNode {
    /// Its name in the description.
    pub(super) fn name(&self) -> &str {
        &self.admin.name
    }

    /// What it says about itself.
    pub(super) async fn identity(&self) -> Result<NodeIdentity, BootstrapError> {
        let transactions = self.admin.identity(&self.uid).await?;
        NodeIdentity::new(self.kind, self.uid.clone(), transactions)
            .map_err(|source| BootstrapError::Identity { node: self.admin.name.clone(), source })
    }

    /// A node that runs has to be part of this synchronizer.
    pub(super) fn check_synchronizer(&self, expected: Option<&str>) -> Result<(), BootstrapError> {
        match (&self.synchronizer, expected) {
            (Some(found), Some(expected)) if found != expected => Err(BootstrapError::OtherSynchronizer {
                node: self.admin.name.clone(),
                found: found.clone(),
                expected: expected.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Reaches all of these nodes.
pub(super) async fn reach(entries: impl Iterator<Item = NodeEntry<'_>>) -> Result<Vec<ReachedNode>, BootstrapError> {
    let mut nodes = Vec::new();
    for entry in entries {
        let admin = NodeAdmin::connect(entry.name, entry.admin, entry.access, VERSION).await?;
        let uid = admin.uid().await?;
        let synchronizer = match entry.kind {
            MemberKind::Mediator => admin.mediator_synchronizer().await?,
            MemberKind::Participant | MemberKind::Sequencer => admin.sequencer_synchronizer().await?,
        };
        nodes.push(ReachedNode { admin, kind: entry.kind, uid, synchronizer });
    }
    Ok(nodes)
}
