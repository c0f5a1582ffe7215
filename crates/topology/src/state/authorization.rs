//! Who signed a transaction, and whether that is enough (ch. 02 §2.3, `TopologyTransactionAuthorizationValidator`).

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::{Hash, KeyUsages, SigningPublicKey};
use synod_types::{Fingerprint, SynchronizerId};

use super::candidate::Candidate;
use super::graph::is_root_certificate;
use super::head::Head;
use super::verification::SignatureTask;
use crate::mapping::RequiredAuthorization;
use crate::{
    Mapping, Operation, ReferencedAuthorizations, SignedTopologyTransaction, TopologyRejection, TopologyTransaction,
};

/// A transaction with the signatures that count. They are not verified yet.
#[derive(Debug)]
pub(crate) struct Authorized {
    pub(crate) transaction: SignedTopologyTransaction,
    /// Who has to sign, too. Empty when the transaction is complete.
    pub(crate) missing: ReferencedAuthorizations,
    /// The signatures to verify, in order: those for namespaces first. One bad one sinks the transaction.
    pub(crate) tasks: Vec<SignatureTask>,
}

type Keys = BTreeMap<Fingerprint, SigningPublicKey>;

/// Finds out which signatures count, and who is missing.
pub(crate) fn authorize(candidate: &Candidate<'_>) -> Result<Authorized, TopologyRejection> {
    let mapping = candidate.transaction.transaction().mapping();
    if let Some(named) = mapping.synchronizer()
        && !candidate.is_local
        && named != candidate.head.synchronizer()
    {
        return Err(TopologyRejection::InvalidSynchronizer { synchronizer: named.clone() });
    }
    match mapping {
        Mapping::NamespaceDelegation(delegation)
            if is_root_certificate(delegation, candidate.transaction.signing_fingerprints()) =>
        {
            let keys = Keys::from([(delegation.target.fingerprint().clone(), delegation.target.clone())]);
            let tasks = tasks(candidate.transaction, &keys, &Keys::new());
            let missing = ReferencedAuthorizations::default();
            Ok(Authorized { transaction: candidate.transaction.clone(), missing, tasks })
        }
        _ => by_rule(candidate),
    }
}

/// The rule for a transaction: a removal may be signed by the owners of the store's synchronizer instead.
pub(crate) fn rule(
    transaction: &TopologyTransaction,
    previous: Option<(Operation, &Mapping)>,
    relaxed: bool,
    synchronizer: Option<&SynchronizerId>,
) -> RequiredAuthorization {
    let rule = transaction.mapping().required_authorization(previous, relaxed);
    match (transaction.operation(), synchronizer) {
        (Operation::Remove, Some(synchronizer)) => {
            rule.or(RequiredAuthorization::namespaces([synchronizer.uid().namespace()]))
        }
        _ => rule,
    }
}

fn required(candidate: &Candidate<'_>, previous: Option<(Operation, &Mapping)>) -> RequiredAuthorization {
    let synchronizer = (!candidate.is_local).then(|| candidate.head.synchronizer());
    rule(candidate.transaction.transaction(), previous, candidate.relaxed, synchronizer)
}

fn by_rule(candidate: &Candidate<'_>) -> Result<Authorized, TopologyRejection> {
    let transaction = candidate.transaction.transaction();
    let previous = candidate.in_store.map(|open| (open.row.operation, open.mapping.as_ref()));
    let rule = required(candidate, previous);
    let permissible = rule.referenced().union(required(candidate, None).referenced());

    let hash = transaction.hash();
    let signatures = candidate.transaction.signatures();
    let foreign: BTreeSet<Hash> = signatures
        .iter()
        .filter(|signature| !signature.covers(hash))
        .flat_map(|signature| signature.covered_transactions().unwrap_or_default())
        .collect();
    if !foreign.is_empty() {
        return Err(TopologyRejection::MultiTransactionHashMismatch { expected: *hash, actual: foreign });
    }
    let signers: BTreeSet<Fingerprint> = candidate.transaction.signing_fingerprints().cloned().collect();
    let (namespace_keys, given_namespaces) =
        namespace_authorizations(candidate.head, transaction.mapping(), &permissible, &signers);
    let extra_keys = extra_keys(transaction.operation(), transaction.mapping(), &permissible, &signers);

    let used: BTreeSet<Fingerprint> = signers
        .iter()
        .filter(|key| namespace_keys.contains_key(*key) || extra_keys.contains_key(*key))
        .cloned()
        .collect();
    if used.is_empty() {
        return Err(TopologyRejection::NoDelegationFoundForKeys { keys: signers });
    }
    if namespace_keys.is_empty() {
        return Err(TopologyRejection::NotAuthorizedByNamespaceKey);
    }
    let mut kept = candidate.transaction.clone();
    kept.retain_signers(&used);
    let tasks = tasks(&kept, &namespace_keys, &extra_keys);

    let given = ReferencedAuthorizations { namespaces: given_namespaces, extra_keys: extra_keys.into_keys().collect() };
    let missing = if candidate.adds_signatures_only() {
        ReferencedAuthorizations::default()
    } else {
        missing(candidate, &rule, &given)
    };
    Ok(Authorized { transaction: kept, missing, tasks })
}

fn missing(
    candidate: &Candidate<'_>,
    rule: &RequiredAuthorization,
    given: &ReferencedAuthorizations,
) -> ReferencedAuthorizations {
    let mut missing = rule.missing(given);
    let mapping = candidate.transaction.transaction().mapping();
    // At genesis keys need not prove that their owner has them.
    if candidate.relaxed && matches!(mapping, Mapping::OwnerToKeyMapping(_)) {
        missing.extra_keys.clear();
    }
    missing
}

/// The keys that signed for one of the namespaces that count, and the namespaces that have signed.
fn namespace_authorizations(
    head: &Head,
    mapping: &Mapping,
    permissible: &ReferencedAuthorizations,
    signers: &BTreeSet<Fingerprint>,
) -> (Keys, BTreeSet<synod_types::Namespace>) {
    let own = mapping.namespace();
    let (mut keys, mut given) = (Keys::new(), BTreeSet::new());
    // The mapping's own namespace comes first: of keys with the same fingerprint and different usages the last counts.
    let others = permissible.namespaces.iter().filter(|namespace| **namespace != own);
    for namespace in permissible.namespaces.get(&own).into_iter().chain(others) {
        let rule = head.namespace_rule(namespace);
        for key in rule.keys(signers, mapping.code()) {
            keys.insert(key.fingerprint().clone(), key);
        }
        // A party may bring the key of its namespace itself.
        let self_key = self_authorizing_key(mapping)
            .filter(|key| key.fingerprint() == namespace.fingerprint() && signers.contains(key.fingerprint()));
        if let Some(key) = self_key {
            keys.insert(key.fingerprint().clone(), key.clone());
        }
        if self_key.is_some() || rule.is_satisfied(signers, mapping.code()) {
            given.insert(namespace.clone());
        }
    }
    (keys, given)
}

fn self_authorizing_key(mapping: &Mapping) -> Option<&SigningPublicKey> {
    match mapping {
        Mapping::PartyToParticipant(mapping) => mapping.namespace_key(),
        _ => None,
    }
}

/// The keys that the mapping lists, that count, and that signed.
fn extra_keys(
    operation: Operation,
    mapping: &Mapping,
    permissible: &ReferencedAuthorizations,
    signers: &BTreeSet<Fingerprint>,
) -> Keys {
    if operation == Operation::Remove {
        return Keys::new();
    }
    let counts = |key: &&SigningPublicKey| {
        permissible.extra_keys.contains(key.fingerprint()) && signers.contains(key.fingerprint())
    };
    listed_signing_keys(mapping)
        .into_iter()
        .filter(counts)
        .map(|key| (key.fingerprint().clone(), key.clone()))
        .collect()
}

fn listed_signing_keys(mapping: &Mapping) -> Vec<&SigningPublicKey> {
    match mapping {
        Mapping::OwnerToKeyMapping(mapping) => mapping.signing_keys().iter().collect(),
        Mapping::PartyToKeyMapping(mapping) => mapping.signing_keys.keys.iter().collect(),
        Mapping::PartyToParticipant(mapping) => {
            mapping.signing_keys.iter().flat_map(|signing_keys| &signing_keys.keys).collect()
        }
        _ => Vec::new(),
    }
}

/// What is to be verified. All signatures are by one of these keys.
fn tasks(transaction: &SignedTopologyTransaction, namespace_keys: &Keys, extra_keys: &Keys) -> Vec<SignatureTask> {
    let mapping = transaction.transaction().mapping();
    let hash = transaction.transaction().hash();
    let by = |keys: &Keys, except: Option<&Keys>| -> Vec<SignatureTask> {
        let signatures = transaction.signatures().iter();
        let signatures =
            signatures.filter(|signature| except.is_none_or(|keys| !keys.contains_key(signature.authorizing_key())));
        signatures
            .filter_map(|signature| {
                let key = keys.get(signature.authorizing_key())?.clone();
                let required = required_usages(mapping, key.fingerprint());
                let signature_bytes = signature.signature().clone();
                Some(SignatureTask { hash: signature.signed_hash(hash), key, signature: signature_bytes, required })
            })
            .collect()
    };
    let mut tasks = by(namespace_keys, None);
    tasks.extend(by(extra_keys, Some(namespace_keys)));
    tasks
}

/// What a key has to be for, one of them, to sign this mapping. Old states have namespace keys that prove ownership.
fn required_usages(mapping: &Mapping, key: &Fingerprint) -> KeyUsages {
    if mapping.proves_ownership(key) { KeyUsages::NAMESPACE_OR_PROOF_OF_OWNERSHIP } else { KeyUsages::NAMESPACE }
}
