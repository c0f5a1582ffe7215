//! Who a node is, and what proves it.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_topology::genesis::{Genesis, Mismatch, replay};
use synod_topology::{Mapping, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyState};
use synod_types::{Member, MemberKind, PhysicalSynchronizerId, SynchronizerId, UniqueIdentifier};
use thiserror::Error;

use super::agreement::VERSION;

/// A node, and what it says about itself: its namespace and keys, signed by these.
#[derive(Debug, Clone)]
pub(super) struct NodeIdentity {
    pub(super) kind: MemberKind,
    pub(super) uid: UniqueIdentifier,
    pub(super) transactions: Vec<SignedTopologyTransaction>,
}

/// What is said about a node does not prove who it is.
#[derive(Debug, Error)]
pub(crate) enum InvalidIdentity {
    #[error("the keys of {0} are not there")]
    NoKeys(Member),
    #[error("what is there is not about {0} alone")]
    Stranger(Member),
    #[error("it is not signed as it has to be")]
    Signed(#[from] Mismatch),
}

impl NodeIdentity {
    /// Checks that these transactions, and nothing else, are the namespace and the keys of the node.
    pub(super) fn new(
        kind: MemberKind,
        uid: UniqueIdentifier,
        transactions: Vec<SignedTopologyTransaction>,
    ) -> Result<Self, InvalidIdentity> {
        let member = Member::new(kind, uid.clone());
        let mut has_keys = false;
        for signed in &transactions {
            let mapping = signed.transaction().mapping();
            match mapping {
                Mapping::OwnerToKeyMapping(keys) => has_keys |= *keys.member() == member,
                Mapping::NamespaceDelegation(_) => {}
                _ => return Err(InvalidIdentity::Stranger(member)),
            }
            if mapping.namespace() != uid.namespace() || signed.is_proposal() {
                return Err(InvalidIdentity::Stranger(member));
            }
        }
        if !has_keys {
            return Err(InvalidIdentity::NoKeys(member));
        }
        let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
        // Which synchronizer it is does not matter: these transactions are valid on each.
        let psid = PhysicalSynchronizerId::new(SynchronizerId::new(uid.clone()), VERSION, parameters.serial);
        replay(TopologyState::new(psid, &parameters), Genesis::prepare(transactions.clone()))?;
        Ok(Self { kind, uid, transactions })
    }

    /// Whether the other one says the same; how it is signed does not matter.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let said = |node: &Self| -> BTreeSet<Bytes> {
            node.transactions.iter().map(|signed| signed.transaction().bytes().clone()).collect()
        };
        self.kind == other.kind && self.uid == other.uid && said(self) == said(other)
    }
}
