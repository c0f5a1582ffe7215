//! `cargo xtask check-layers`: which part may depend on which, and on what else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::workspace::{field, metadata, packages, root};

/// The rank of each crate: a crate may depend only on crates of a lower rank. See docs/data-flow.md.
const RANKS: &[(&str, u32)] = &[
    ("synod-types", 0),
    ("synod-proto", 0),
    ("synod-runtime", 0),
    ("synod-crypto", 1),
    ("synod-rpc", 1),
    ("synod-wire", 2),
    ("synod-topology", 3),
    ("synod-machine", 4),
    ("synod-client", 5),
    ("synod-store", 5),
    ("synod-pipeline", 6),
    ("synod-ordering", 7),
    ("synod-node-admin", 8),
    ("synod-sequencer-gateway", 8),
    ("synod-abci-app", 8),
    ("synod-cometbft-config", 8),
    ("synod-mediator", 8),
    ("synod", 9),
    ("synod-testkit", 9),
    ("xtask", 10),
];

/// Only ever a dev-dependency, except of `xtask`.
const DEV_ONLY: &str = "synod-testkit";

/// The deterministic core, and what it may not depend on, directly or not: no runtime, no network, no database, no log.
const CORE: &[&str] = &["synod-types", "synod-proto", "synod-crypto", "synod-wire", "synod-topology", "synod-machine"];
const NOT_IN_CORE: &[&str] =
    &["axum", "hyper", "mio", "reqwest", "sqlx", "sqlx-core", "tokio", "tonic", "tower", "tracing"];

/// Dependencies that belong to some crates only: (dependency, crates that may name it).
const RESTRICTED: &[(&str, &[&str])] = &[
    ("sqlx", &["synod-store"]),
    ("tendermint-abci", &["synod-abci-app"]),
    ("tendermint-proto", &["synod-abci-app"]),
    (
        "tonic",
        &[
            "synod-rpc",
            "synod-client",
            "synod-sequencer-gateway",
            "synod-node-admin",
            "synod-runtime",
            "synod-mediator",
            "synod",
        ],
    ),
];

/// Everything that breaks a rule, one line each.
pub(crate) fn faults() -> Result<Vec<String>, String> {
    let metadata = metadata(true)?;
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ours: Vec<&Value> = packages(&metadata).filter(|package| members.contains(field(package, "id"))).collect();
    let mut faults = Vec::new();
    for package in &ours {
        faults.extend(faults_of(package));
        faults.extend(manifest_faults(package)?);
    }
    faults.extend(core_faults(&metadata));
    faults.extend(unused_faults(&ours)?);
    Ok(faults)
}

fn rank(name: &str) -> Option<u32> {
    RANKS.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, rank)| *rank)
}

fn faults_of(package: &Value) -> Vec<String> {
    let name = field(package, "name");
    let Some(own) = rank(name) else {
        return vec![format!("{name} has no rank: add it to the table in xtask/src/layers.rs")];
    };
    let mut faults = Vec::new();
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    for dependency in dependencies.filter(|dependency| dependency["kind"] != "dev") {
        let other = field(dependency, "name");
        if other == DEV_ONLY && name != "xtask" {
            faults.push(format!("{name} depends on {other}, which is for tests only"));
        } else if rank(other).is_some_and(|other| other >= own) {
            faults.push(format!("{name} (rank {own}) may not depend on {other}"));
        }
        let restricted = RESTRICTED.iter().find(|(restricted, _)| *restricted == other);
        if let Some((_, allowed)) = restricted.filter(|(_, allowed)| !allowed.contains(&name)) {
            faults.push(format!("{name} may not depend on {other}: that is for {}", allowed.join(", ")));
        }
    }
    faults
}

/// Versions and lints are kept in one place.
fn manifest_faults(package: &Value) -> Result<Vec<String>, String> {
    let path = field(package, "manifest_path");
    let name = field(package, "name");
    let manifest = read_manifest(path)?;
    let mut faults = Vec::new();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (dependency, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                faults.push(format!("{name}: {dependency} does not come from the table of the workspace"));
            }
        }
    }
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        faults.push(format!("{name} does not take over the lints of the workspace"));
    }
    Ok(faults)
}

fn read_manifest(path: &str) -> Result<toml::Table, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("read {path}: {error}"))?;
    text.parse().map_err(|error| format!("{path}: {error}"))
}

/// What the core reaches through normal dependencies.
fn core_faults(metadata: &Value) -> Vec<String> {
    let names: BTreeMap<&str, &str> =
        packages(metadata).map(|package| (field(package, "id"), field(package, "name"))).collect();
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().into_iter().flatten().map(|node| (field(node, "id"), node)).collect();
    let mut faults = Vec::new();
    for (id, name) in names.iter().filter(|(_, name)| CORE.contains(name)) {
        let mut seen = BTreeSet::new();
        let mut open = vec![*id];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(nodes.get(id).map(|node| normal_dependencies(node)).unwrap_or_default());
            }
        }
        for reached in seen.iter().filter_map(|id| names.get(id)).filter(|reached| NOT_IN_CORE.contains(reached)) {
            faults.push(format!("{name} is part of the deterministic core and reaches {reached}"));
        }
    }
    faults
}

fn normal_dependencies(node: &Value) -> Vec<&str> {
    let is_normal = |dependency: &&Value| {
        dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
    };
    node["deps"].as_array().into_iter().flatten().filter(is_normal).map(|dependency| field(dependency, "pkg")).collect()
}

/// Entries in the table of the workspace that no crate uses.
fn unused_faults(ours: &[&Value]) -> Result<Vec<String>, String> {
    let manifest = read_manifest(&root().join("Cargo.toml").to_string_lossy())?;
    let used: BTreeSet<&str> = ours
        .iter()
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        .map(|dependency| dependency["rename"].as_str().unwrap_or_else(|| field(dependency, "name")))
        .collect();
    let table = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let entries = table.and_then(toml::Value::as_table).into_iter().flatten();
    Ok(entries
        .filter(|(name, _)| !used.contains(name.as_str()))
        .map(|(name, _)| format!("no crate uses {name} of the table of the workspace"))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Value {
        json!({ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] })
    }

    #[test]
    fn a_dependency_upwards_is_found() {
        assert!(faults_of(&package("synod-machine", "synod-topology", None)).is_empty());
        assert_eq!(faults_of(&package("synod-topology", "synod-machine", None)).len(), 1);
        assert_eq!(faults_of(&package("synod-topology", "synod-topology", Some("build"))).len(), 1);
        assert!(faults_of(&package("synod-topology", "synod-machine", Some("dev"))).is_empty());
        assert_eq!(faults_of(&package("synod-store", "synod-testkit", None)).len(), 1);
        assert_eq!(faults_of(&package("synod-machine", "sqlx", None)).len(), 1);
        assert_eq!(faults_of(&package("synod-new", "bytes", None)).len(), 1);
    }

    #[test]
    fn a_runtime_in_the_core_is_found_at_any_distance() {
        let node = |id: &str, to: &str, kind: Value| json!({ "id": id, "deps": [{ "pkg": to, "dep_kinds": [{ "kind": kind }] }] });
        let graph = |kind: Value| {
            json!({
                "packages": [
                    { "id": "1", "name": "synod-wire" }, { "id": "2", "name": "between" }, { "id": "3", "name": "tokio" },
                ],
                "resolve": { "nodes": [node("1", "2", Value::Null), node("2", "3", kind), { "id": "3", "deps": [] }] },
            })
        };
        assert_eq!(core_faults(&graph(Value::Null)).len(), 1);
        assert!(core_faults(&graph(json!("dev"))).is_empty());
    }
}
