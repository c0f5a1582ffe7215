//! Topology transactions as Canton prints them in refusals of registrations.

use synod_topology::mapping::{DelegationRestriction, Mapping};
use synod_topology::{Operation, SignedTopologyTransaction};
use synod_types::Fingerprint;

use super::{short_fingerprint, short_member};

/// `SignedTopologyTransaction(…)`, one field a line.
pub(crate) fn signed_transaction(signed: &SignedTopologyTransaction) -> String {
    let transaction = signed.transaction();
    let operation = match transaction.operation() {
        Operation::Replace => "Replace",
        Operation::Remove => "Remove",
    };
    let signers = signed.signatures().iter().map(|signature| signature.authorizing_key());
    let mut fields = vec![
        format!(
            "TopologyTransaction(\n    {},\n    serial = {},\n    operation = {operation},\n    hash = {}\n  )",
            mapping(transaction.mapping()),
            transaction.serial(),
            transaction.hash().to_short_text(),
        ),
        format!("signatures = {}", fingerprints(signers)),
    ];
    if signed.is_proposal() {
        fields.push("proposal".to_owned());
    }
    format!("SignedTopologyTransaction(\n  {}\n)", fields.join(",\n  "))
}

fn mapping(mapping: &Mapping) -> String {
    match mapping {
        Mapping::OwnerToKeyMapping(keys) => {
            let signing = fingerprints(keys.signing_keys().iter().map(|key| key.fingerprint()));
            let encryption = if keys.encryption_keys().next().is_none() {
                String::new()
            } else {
                format!(", encryptionKeys = {}", fingerprints(keys.encryption_keys().map(|key| key.fingerprint())))
            };
            format!("OwnerToKeyMapping(member = {}, signingKeys = {signing}{encryption})", short_member(keys.member()))
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

/// A list of keys as Canton prints it: sorted; a single element stands alone.
fn fingerprints<'a>(keys: impl Iterator<Item = &'a Fingerprint>) -> String {
    let mut keys: Vec<&Fingerprint> = keys.collect();
    keys.sort();
    let keys: Vec<String> = keys.into_iter().map(|key| short_fingerprint(key.as_str())).collect();
    match keys.as_slice() {
        [single] => single.clone(),
        several => format!("Seq({})", several.join(", ")),
    }
}
