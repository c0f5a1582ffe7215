//! `synod keys`

mod files;
mod list;
mod rotate;
mod uses;

use std::process::ExitCode;

use serde_json::json;
use synod_crypto::KeyUsages;

use super::{CommandResult, targets};
use crate::cli::{KeysCommand, KeysGenerateArgs};

pub(super) fn run(command: KeysCommand) -> CommandResult {
    match command {
        KeysCommand::List(arguments) => list::run(&arguments),
        KeysCommand::Generate(arguments) => generate(&arguments),
        KeysCommand::Rotate(arguments) => rotate::run(&arguments),
        KeysCommand::Export(arguments) => files::export(&arguments),
        KeysCommand::Import(arguments) => files::import(&arguments),
    }
}

fn generate(arguments: &KeysGenerateArgs) -> CommandResult {
    let KeysGenerateArgs { usage, spec, name, target } = arguments;
    let usages = usage.iter().fold(KeyUsages::default(), |all, usage| all.union(usage.usages()));
    targets::run(target, async |_| {
        let at = targets::one(target).await?;
        let key = at.node.generate_key(spec.spec(), usages, name).await?;
        if target.json {
            println!("{}", json!({ "node": at.node.name, "fingerprint": key.fingerprint().to_string() }));
        } else {
            println!("{}", key.fingerprint());
        }
        Ok(ExitCode::SUCCESS)
    })
}
