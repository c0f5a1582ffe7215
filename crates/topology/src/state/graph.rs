//! Which keys may sign for a namespace (ch. 02 §2.3, `AuthorizationGraph`).

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::SigningPublicKey;
use synod_types::{Fingerprint, Namespace};

use crate::MappingCode;
use crate::mapping::{DelegationRestriction, NamespaceDelegation};

/// The delegations of one namespace, and what follows from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamespaceGraph {
    /// All open delegations by the key that they are to, usable or not.
    delegations: BTreeMap<Fingerprint, Delegation>,
    /// The keys that the root certificate leads to.
    reachable: BTreeSet<Fingerprint>,
}

#[derive(Debug, Clone)]
struct Delegation {
    key: SigningPublicKey,
    restriction: DelegationRestriction,
    signers: Vec<Fingerprint>,
}

impl NamespaceGraph {
    /// Whether the namespace has no delegation.
    pub(crate) fn is_empty(&self) -> bool {
        self.delegations.is_empty()
    }

    /// Adds a delegation with these signers, or replaces the one to the same key.
    pub(crate) fn replace(&mut self, delegation: &NamespaceDelegation, signers: Vec<Fingerprint>) {
        let entry = Delegation { key: delegation.target.clone(), restriction: delegation.restriction.clone(), signers };
        self.delegations.insert(delegation.target.fingerprint().clone(), entry);
        self.recompute(delegation.namespace.fingerprint());
    }

    /// Removes the delegation to a key.
    pub(crate) fn remove(&mut self, delegation: &NamespaceDelegation) {
        self.delegations.remove(delegation.target.fingerprint());
        self.recompute(delegation.namespace.fingerprint());
    }

    /// Walks from the root certificate through all keys that may sign delegations. What a key may sign is up to its own
    /// delegation alone. Delegations that are not reached stay: a path to them may come back.
    fn recompute(&mut self, root: &Fingerprint) {
        self.reachable.clear();
        let is_root = |delegation: &Delegation| delegation.signers.contains(root);
        let mut open: Vec<&Fingerprint> = match self.delegations.get_key_value(root) {
            Some((root, delegation)) if is_root(delegation) => vec![root],
            _ => Vec::new(),
        };
        while let Some(key) = open.pop() {
            if !self.reachable.insert(key.clone()) {
                continue;
            }
            if self.delegations[key].restriction.can_sign(MappingCode::NamespaceDelegation) {
                let next = self.delegations.iter().filter(|(_, delegation)| delegation.signers.contains(key));
                open.extend(next.map(|(target, _)| target));
            }
        }
    }

    /// The keys that the root certificate leads to and that may sign mappings of this kind, each with the number of
    /// delegations on the shortest way to it: 1 for the root (`AuthorizationGraph.authorizedDelegations`).
    pub(crate) fn usable_keys(&self, root: &Fingerprint, code: MappingCode) -> Vec<(&Fingerprint, usize)> {
        let mut levels: BTreeMap<&Fingerprint, usize> = BTreeMap::new();
        let mut level: Vec<&Fingerprint> = self.reachable.get(root).into_iter().collect();
        let mut depth = 1;
        while !level.is_empty() {
            levels.extend(level.iter().map(|key| (*key, depth)));
            let delegates =
                |key: &&&Fingerprint| self.delegations[**key].restriction.can_sign(MappingCode::NamespaceDelegation);
            let from: Vec<&Fingerprint> = level.iter().filter(delegates).copied().collect();
            let next = self.reachable.iter().filter(|key| !levels.contains_key(*key));
            let signed = |key: &&Fingerprint| self.delegations[*key].signers.iter().any(|by| from.contains(&by));
            level = next.filter(signed).collect();
            depth += 1;
        }
        levels.into_iter().filter(|(key, _)| self.delegations[*key].restriction.can_sign(code)).collect()
    }

    /// Those of `signers` that may sign mappings of this kind.
    fn authorized<'a>(
        &'a self,
        signers: &'a BTreeSet<Fingerprint>,
        code: MappingCode,
    ) -> impl Iterator<Item = &'a SigningPublicKey> {
        let usable = signers.iter().filter(|signer| self.reachable.contains(*signer));
        let delegations = usable.filter_map(|signer| self.delegations.get(signer));
        delegations.filter(move |delegation| delegation.restriction.can_sign(code)).map(|delegation| &delegation.key)
    }
}

/// Who signs for a namespace: its keys, or enough of its owners.
#[derive(Debug)]
pub(crate) enum NamespaceRule<'a> {
    /// The keys of this graph.
    Direct(&'a NamespaceGraph),
    /// This many of the owners, by the keys of each.
    Decentralized(usize, Vec<&'a NamespaceGraph>),
}

impl NamespaceRule<'_> {
    /// Whether `signers` are enough for a mapping of this kind.
    pub(crate) fn is_satisfied(&self, signers: &BTreeSet<Fingerprint>, code: MappingCode) -> bool {
        let has_key = |graph: &NamespaceGraph| graph.authorized(signers, code).next().is_some();
        match self {
            Self::Direct(graph) => has_key(graph),
            Self::Decentralized(threshold, owners) => {
                owners.iter().filter(|graph| has_key(graph)).count() >= *threshold
            }
        }
    }

    /// The keys of `signers` that help.
    pub(crate) fn keys(&self, signers: &BTreeSet<Fingerprint>, code: MappingCode) -> Vec<SigningPublicKey> {
        match self {
            Self::Direct(graph) => graph.authorized(signers, code).cloned().collect(),
            Self::Decentralized(_, owners) => {
                owners.iter().flat_map(|graph| graph.authorized(signers, code)).cloned().collect()
            }
        }
    }
}

/// Whether this is a root certificate with these signers: the namespace's own key delegates to itself, and nobody else
/// signed (`NamespaceDelegation.isRootCertificate`).
pub(crate) fn is_root_certificate<'a>(
    delegation: &NamespaceDelegation,
    mut signers: impl Iterator<Item = &'a Fingerprint>,
) -> bool {
    let own = delegation.namespace.fingerprint();
    delegation.target.fingerprint() == own
        && delegation.can_sign(MappingCode::NamespaceDelegation)
        && signers.all(|signer| signer == own)
}

/// A graph for namespaces that have none.
pub(crate) fn empty_graph() -> &'static NamespaceGraph {
    static EMPTY: NamespaceGraph = NamespaceGraph { delegations: BTreeMap::new(), reachable: BTreeSet::new() };
    &EMPTY
}

/// The graphs of all namespaces.
pub(crate) type Graphs = imbl::OrdMap<Namespace, std::sync::Arc<NamespaceGraph>>;
