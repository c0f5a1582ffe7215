//! Checks of namespaces.

use std::collections::BTreeSet;

use synod_crypto::decentralized_namespace;
use synod_types::Namespace;

use super::super::candidate::Candidate;
use super::mapping_of;
use crate::{Operation, TopologyRejection};

/// Row 18, first part: only of the first definition, or the first one after a removal that is not there either.
pub(super) fn is_named_after_its_owners(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let definition = mapping_of!(candidate, DecentralizedNamespaceDefinition);
    if candidate.in_store.is_some() || definition.namespace == decentralized_namespace(&definition.owners) {
        return Ok(());
    }
    let (namespace, owners) = (definition.namespace.clone(), definition.owners.clone());
    Err(TopologyRejection::NamespaceNotDerivedFromOwners { namespace, owners })
}

/// Row 18, second part.
pub(super) fn has_no_delegations(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let definition = mapping_of!(candidate, DecentralizedNamespaceDefinition);
    if candidate.head.graph(&definition.namespace).is_empty() {
        return Ok(());
    }
    Err(TopologyRejection::NamespaceAlreadyInUse { namespace: definition.namespace.clone() })
}

/// Row 18, third part: also of later definitions.
pub(super) fn owners_have_root_certificates(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let definition = mapping_of!(candidate, DecentralizedNamespaceDefinition);
    let has_none = |owner: &&Namespace| !candidate.head.has_root_certificate(owner, Operation::Replace);
    let owners: BTreeSet<Namespace> = definition.owners.iter().filter(has_none).cloned().collect();
    if owners.is_empty() { Ok(()) } else { Err(TopologyRejection::OwnersWithoutRootCertificate { owners }) }
}

/// Row 19, first half.
pub(super) fn is_not_decentralized(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let delegation = mapping_of!(candidate, NamespaceDelegation);
    if candidate.head.is_decentralized(&delegation.namespace) {
        return Err(TopologyRejection::NamespaceAlreadyInUse { namespace: delegation.namespace.clone() });
    }
    Ok(())
}

/// Row 19, second half.
pub(super) fn was_not_revoked(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let delegation = mapping_of!(candidate, NamespaceDelegation);
    match candidate.in_store {
        Some(open) if open.row.operation == Operation::Remove && !candidate.relaxed => {
            Err(TopologyRejection::NamespaceHasBeenRevoked { namespace: delegation.namespace.clone() })
        }
        _ => Ok(()),
    }
}
