//! Transactions of a topology store.

use serde_json::{Value, json};
use synod_topology::genesis::StoredTransaction;
use synod_topology::{Mapping, Operation};

use super::mapping::{details, subject};
use super::mapping_json::mapping_to_json;
use super::text::optional;
use super::{Table, UNKNOWN};

const fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Replace => "replace",
        Operation::Remove => "remove",
    }
}

/// Transactions for people.
pub(crate) fn table(transactions: &[StoredTransaction], wide: bool) -> Table {
    let mut table =
        Table::new(&["HASH", "CODE", "SERIAL", "OPERATION", "VALID FROM", "SUBJECT", "DETAILS", "SIGNED BY"], wide);
    for stored in transactions {
        let signed = &stored.transaction;
        let content = signed.transaction();
        let signers: Vec<_> = signed.signing_fingerprints().map(ToString::to_string).collect();
        table.row(vec![
            content.hash().to_hex(),
            content.mapping().code().short_code().to_owned(),
            content.serial().to_string(),
            operation(content.operation()).to_owned(),
            stored.valid_from.to_string(),
            subject(content.mapping()),
            details(content.mapping()),
            if signers.is_empty() { UNKNOWN.to_owned() } else { signers.join(", ") },
        ]);
    }
    table
}

/// A transaction for scripts.
pub(crate) fn to_json(stored: &StoredTransaction) -> Value {
    let signed = &stored.transaction;
    let content = signed.transaction();
    let mapping: &Mapping = content.mapping();
    let signers: Vec<_> = signed.signing_fingerprints().map(ToString::to_string).collect();
    json!({
        "hash": content.hash().to_hex(),
        "code": mapping.code().short_code(),
        "kind": mapping.code().name(),
        "subject": subject(mapping),
        "namespace": mapping.namespace().to_string(),
        "serial": content.serial(),
        "operation": operation(content.operation()),
        "proposal": signed.is_proposal(),
        "sequenced": stored.sequenced.to_string(),
        "valid_from": stored.valid_from.to_string(),
        "valid_until": stored.valid_until.map(|until| optional(Some(until))),
        "rejection": stored.rejection,
        "signed_by": signers,
        "mapping": mapping_to_json(&mapping.to_proto()),
    })
}
