//! Topology transactions as Canton prints them in refusals of registrations.

use synod_topology::mapping::{DelegationRestriction, Mapping};
use synod_topology::{Operation, SignedTopologyTransaction};

use super::{short_fingerprint, short_member};

/// `SignedTopologyTransaction(…)`, one field a line.
pub(crate) fn signed_transaction(signed: &SignedTopologyTransaction) -> String {
    let transaction = signed.transaction();
    let operation = match transaction.operation() {
        Operation::Replace => "Replace",
        Operation::Remove => "Remove",
    };
    let signers = signed.signatures().iter().map(|signature| signature.authorizing_key().as_str());
    let mut fields = vec![
        format!(
            "TopologyTransaction(\n    {},\n    serial = {},\n    operation = {operation},\n    hash = {}\n  )",
            mapping(transaction.mapping()),
            transaction.serial(),
            transaction.hash().to_short_text(),
        ),
        format!("signatures = {}", sequence(signers.map(short_fingerprint))),
    ];
    if signed.is_proposal() {
        fields.push("proposal".to_owned());
    }
    format!("SignedTopologyTransaction(\n  {}\n)", fields.join(",\n  "))
}

fn mapping(mapping: &Mapping) -> String {
    match mapping {
        Mapping::OwnerToKeyMapping(keys) => {
            let signing = keys.signing_keys().iter().map(|key| short_fingerprint(key.fingerprint().as_str()));
            let encryption = keys.encryption_keys().map(|key| short_fingerprint(key.fingerprint().as_str()));
            format!(
                "OwnerToKeyMapping(member = {}, signingKeys = {}, encryptionKeys = {})",
                short_member(keys.member()),
                sequence(signing),
                sequence(encryption),
            )
        }
        Mapping::NamespaceDelegation(delegation) => {
            let target = short_fingerprint(delegation.target.fingerprint().as_str());
            let restriction = match &delegation.restriction {
                DelegationRestriction::CanSignAllMappings => "CanSignAllMappings",
                _ => "restricted",
            };
            let namespace = short_fingerprint(delegation.namespace.as_str());
            format!("NamespaceDelegation(namespace = {namespace}, target = {target}, restriction = {restriction})")
        }
        other => {
            let namespace = short_fingerprint(other.namespace().as_str());
            let identifier = other.uid().map_or_else(String::new, |uid| format!("{}::", uid.identifier()));
            format!("{}({identifier}{namespace})", other.code())
        }
    }
}

/// A list as Canton prints it: a single element stands alone.
fn sequence(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [single] => single.clone(),
        several => format!("Seq({})", several.join(", ")),
    }
}
