//! `synod topology list`

use std::process::ExitCode;

use serde_json::{Value, json};

use super::query;
use crate::cli::TopologyListArgs;
use crate::commands::{CommandResult, targets};
use crate::render;

pub(super) fn run(arguments: &TopologyListArgs) -> CommandResult {
    let TopologyListArgs { store, selection, wide, target } = arguments;
    targets::run(target, async |_| {
        let from = targets::for_store(target, store).await?;
        let store = from.store(store).await?;
        let found = from.node.transactions(&query(store.clone(), selection)).await?;
        if target.json {
            let transactions: Vec<Value> = found.iter().map(render::to_json).collect();
            println!("{}", json!({ "node": from.node.name, "store": store.to_string(), "transactions": transactions }));
        } else {
            println!("{}", render::table(&found, *wide));
        }
        Ok(ExitCode::SUCCESS)
    })
}
