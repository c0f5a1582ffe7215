//! Which keys of a node sign a transaction (`TopologyManagerSigningKeyDetection`), and what the node signs on.

use std::collections::BTreeSet;

use synod_crypto::Hash;
use synod_types::{Fingerprint, Namespace, SynchronizerId};

use super::TopologyState;
use super::authorization::rule;
use super::head::Head;
use super::stored::StoredRow;
use crate::mapping::UniqueKey;
use crate::{
    Mapping, MappingCode, Operation, ReferencedAuthorizations, SignedTopologyTransaction, TopologyTransaction,
};

/// The open rows of a store: what is in force after everything that was sequenced, and the open proposals.
#[derive(Clone, Copy)]
pub struct TopologyRows<'a> {
    head: &'a Head,
    synchronizer: Option<&'a SynchronizerId>,
}

/// The keys of a node for a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeys {
    /// Everybody whose signature counts.
    pub referenced: ReferencedAuthorizations,
    /// The keys. The one of a root certificate is among them even if the node does not have it.
    pub keys: BTreeSet<Fingerprint>,
}

impl TopologyState {
    /// The open rows, to look up and to find keys by.
    #[must_use]
    pub fn rows(&self) -> TopologyRows<'_> {
        TopologyRows { head: &self.head, synchronizer: Some(self.head.synchronizer()) }
    }
}

impl<'a> TopologyRows<'a> {
    pub(crate) const fn of_local(head: &'a Head) -> Self {
        Self { head, synchronizer: None }
    }

    /// The open transaction with this unique key, a removal maybe; no proposal.
    #[must_use]
    pub fn open(&self, unique_key: &Hash) -> Option<SignedTopologyTransaction> {
        self.head.open(unique_key).map(|row| row.transaction())
    }

    /// The open transactions with this hash, proposals too: one at most. Looks at all rows.
    #[must_use]
    pub fn with_hash(&self, tx_hash: &Hash) -> Option<SignedTopologyTransaction> {
        let mut rows = self.head.lanes.values().flat_map(|lane| lane.open().into_iter().chain(lane.proposals()));
        rows.find(|row| row.tx_hash == *tx_hash).map(|row| row.transaction())
    }

    /// The open transaction or proposal with the hash of this one.
    #[must_use]
    pub fn same(&self, transaction: &TopologyTransaction) -> Option<SignedTopologyTransaction> {
        let lane = self.head.lanes.get(&transaction.mapping().unique_key())?;
        let open = lane.open().filter(|row: &&std::sync::Arc<StoredRow>| row.tx_hash == *transaction.hash());
        open.or_else(|| lane.proposal(transaction.hash())).map(|row| row.transaction())
    }

    /// Whether a root certificate of this namespace is in force.
    #[must_use]
    pub fn has_root_certificate(&self, namespace: &Namespace) -> bool {
        self.head.has_root_certificate(namespace, Operation::Replace)
    }

    /// Those of a node's `own` keys that may sign this transaction: all of them, or the best of each namespace: of those
    /// farthest from the root certificate the last in order.
    #[must_use]
    pub fn signing_keys(
        &self,
        transaction: &TopologyTransaction,
        own: &BTreeSet<Fingerprint>,
        all: bool,
    ) -> SigningKeys {
        let mapping = transaction.mapping();
        let open = self.open(&mapping.unique_key());
        let previous = open.as_ref().map(|open| (open.transaction().operation(), open.transaction().mapping()));
        let referenced = rule(transaction, previous, false, self.synchronizer).referenced();
        let mut keys: BTreeSet<Fingerprint> = referenced.extra_keys.intersection(own).cloned().collect();
        for namespace in referenced.namespaces.iter().flat_map(|namespace| self.roots(namespace)) {
            keys.extend(self.keys_for(&namespace, mapping.code(), own, all));
        }
        if let Mapping::NamespaceDelegation(delegation) = mapping
            && delegation.target.fingerprint() == delegation.namespace.fingerprint()
            && delegation.can_sign(MappingCode::NamespaceDelegation)
            && referenced.namespaces.contains(&delegation.namespace)
        {
            keys.insert(delegation.target.fingerprint().clone());
        }
        SigningKeys { referenced, keys }
    }

    /// The namespace, or the owners of a decentralized one.
    fn roots(&self, namespace: &Namespace) -> Vec<Namespace> {
        let key = UniqueKey::decentralized_namespace_definition(namespace);
        match self.head.in_force(&key).map(|row| row.mapping()).as_deref() {
            Some(Mapping::DecentralizedNamespaceDefinition(definition)) => definition.owners.iter().cloned().collect(),
            _ => vec![namespace.clone()],
        }
    }

    fn keys_for(
        &self,
        namespace: &Namespace,
        code: MappingCode,
        own: &BTreeSet<Fingerprint>,
        all: bool,
    ) -> Vec<Fingerprint> {
        let usable = self.head.graph(namespace).usable_keys(namespace.fingerprint(), code);
        let usable = usable.into_iter().filter(|(key, _)| own.contains(*key));
        if all {
            usable.map(|(key, _)| key.clone()).collect()
        } else {
            usable.max_by_key(|(key, level)| (*level, *key)).map(|(key, _)| key.clone()).into_iter().collect()
        }
    }
}
