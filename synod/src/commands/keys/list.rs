//! `synod keys list`

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_topology::mapping::PublicKey;

use super::uses::{Use, Uses, uses};
use crate::admin_client::{NodeKey, NodeKind};
use crate::cli::KeysListArgs;
use crate::commands::{CommandResult, targets};
use crate::render::{Table, UNKNOWN, key_usages, optional, spec_name};

pub(super) fn run(arguments: &KeysListArgs) -> CommandResult {
    let KeysListArgs { all, wide, target } = arguments;
    targets::run(target, async |_| {
        let headings = ["NODE", "FINGERPRINT", "NAME", "PURPOSE", "USAGE", "SPEC", "PRIVATE", "USED IN"];
        let (mut table, mut nodes) = (Table::new(&headings, *wide), Vec::new());
        for at in targets::all(target, NodeKind::Sequencer).await? {
            let keys = if *all { at.node.known_keys().await? } else { at.node.own_keys().await? };
            let uses = uses(&at).await?;
            keys.iter().for_each(|key| table.row(row(&at.node.name, key, &uses)));
            let keys: Vec<Value> = keys.iter().map(|key| to_json(key, &uses)).collect();
            nodes.push(json!({ "node": at.node.name, "kind": at.kind.to_string(), "keys": keys }));
        }
        if target.json {
            println!("{}", json!({ "nodes": nodes }));
        } else {
            println!("{table}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What a key is: purpose, usages, kind.
fn described(key: &PublicKey) -> (&'static str, Vec<&'static str>, String) {
    match key {
        PublicKey::Signing(key) => ("signing", key_usages(key.usages()), spec_name(key.spec()).to_owned()),
        PublicKey::Encryption(key) => ("encryption", Vec::new(), format!("{:?}", key.spec())),
    }
}

fn used<'a>(key: &NodeKey, uses: &'a Uses) -> &'a [Use] {
    uses.get(key.key.fingerprint()).map(Vec::as_slice).unwrap_or_default()
}

fn row(node: &str, key: &NodeKey, uses: &Uses) -> Vec<String> {
    let (purpose, usages, spec) = described(&key.key);
    let used: Vec<_> = used(key, uses).iter().map(|one| format!("{} {}/{}", one.store, one.code, one.serial)).collect();
    let or_unknown = |text: String| if text.is_empty() { UNKNOWN.to_owned() } else { text };
    vec![
        node.to_owned(),
        key.key.fingerprint().to_string(),
        optional(key.name.as_ref()),
        purpose.to_owned(),
        or_unknown(usages.join(", ")),
        spec,
        if key.owned { "yes" } else { "no" }.to_owned(),
        or_unknown(used.join(", ")),
    ]
}

fn to_json(key: &NodeKey, uses: &Uses) -> Value {
    let (purpose, usages, spec) = described(&key.key);
    let used = used(key, uses).iter();
    let used: Vec<_> = used.map(|one| json!({ "store": one.store, "code": one.code, "serial": one.serial })).collect();
    json!({
        "fingerprint": key.key.fingerprint().to_string(),
        "name": key.name,
        "purpose": purpose,
        "usage": usages,
        "spec": spec,
        "private": key.owned,
        "used_in": used,
    })
}
