//! `synod topology export`, `synod topology import`

use std::process::ExitCode;

use bytes::Bytes;
use serde_json::json;
use synod_runtime::Chain;
use synod_topology::MappingCode;
use synod_topology::genesis::parse_v2;
use synod_types::ProtocolVersion;

use super::query;
use crate::cli::{ExportArgs, ImportArgs, StoreArg};
use crate::commands::failure::Failure;
use crate::commands::{CommandResult, targets};

/// What a node says about itself.
const IDENTITY: [MappingCode; 2] = [MappingCode::NamespaceDelegation, MappingCode::OwnerToKeyMapping];

pub(super) fn export(arguments: &ExportArgs) -> CommandResult {
    let ExportArgs { file, store, identity, selection, target } = arguments;
    targets::run(target, async |_| {
        let store = if *identity { &StoreArg::Authorized } else { store };
        let from = targets::for_store(target, store).await?;
        let mut query = query(from.store(store).await?, selection);
        if *identity {
            query.codes = IDENTITY.to_vec();
            query.namespace = from.node.uid().await?.namespace().to_string();
        }
        let exported = from.node.export_topology(&query).await?;
        let count = count(&exported).map_err(|what| Failure::negative(format!("{}: {what}", from.node.name)))?;
        std::fs::write(file, &exported).map_err(|error| Failure::file("written", file, &error))?;
        if target.json {
            println!("{}", json!({ "file": file, "transactions": count }));
        } else {
            println!("{count} transactions are in {}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn import(arguments: &ImportArgs) -> CommandResult {
    let ImportArgs { file, store, target } = arguments;
    let snapshot = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    let snapshot = Bytes::from(snapshot);
    let wrong = |what| Failure::usage(format!("{} is no export of topology: {what}", file.display()));
    let count = count(&snapshot).map_err(wrong)?;
    if count == 0 {
        return Err(wrong("it is empty".to_owned()).into());
    }
    targets::run(target, async |deadline| {
        let to = targets::for_store(target, store).await?;
        let store = to.store(store).await?;
        to.node.import_topology(&store, &snapshot, deadline.remaining()).await?;
        if target.json {
            println!("{}", json!({ "node": to.node.name, "store": store.to_string(), "transactions": count }));
        } else {
            println!("{count} transactions are in the store `{store}` of {}", to.node.name);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// How many transactions a file has.
fn count(snapshot: &Bytes) -> Result<usize, String> {
    let parsed = parse_v2(snapshot, ProtocolVersion::V35);
    parsed.map(|transactions| transactions.len()).map_err(|error| Chain(&error).to_string())
}
