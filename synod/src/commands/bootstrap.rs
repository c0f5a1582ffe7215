//! `synod bootstrap`

use std::process::ExitCode;

use serde_json::json;

use super::{CommandResult, block_on};
use crate::bootstrap::{self, Operator, SynchronizerDescription};
use crate::cli::{ApartArgs, BootstrapArgs};

pub(super) fn run(arguments: &BootstrapArgs) -> CommandResult {
    match &arguments.apart {
        Some(apart) => one_operator(arguments, apart),
        None => all(arguments),
    }
}

/// All nodes are reached.
fn all(arguments: &BootstrapArgs) -> CommandResult {
    let described = &arguments.description;
    let description = SynchronizerDescription::load(&described.config, &described.access)?;
    block_on(async {
        let synchronizer_id = bootstrap::run(&description).await?;
        if described.json {
            println!("{}", json!({ "synchronizer_id": synchronizer_id }));
        } else {
            println!("{synchronizer_id}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The nodes of one operator are reached.
fn one_operator(arguments: &BootstrapArgs, apart: &ApartArgs) -> CommandResult {
    let described = &arguments.description;
    let operator =
        Operator { name: apart.operator.clone(), export: apart.export.clone(), imports: apart.import.clone() };
    let description = SynchronizerDescription::load_for(&described.config, &described.access, Some(&operator.name))?;
    block_on(async {
        let report = bootstrap::run_apart(&description, &operator).await?;
        if described.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            println!("{report}");
        }
        Ok(if report.founded { ExitCode::SUCCESS } else { ExitCode::from(synod_runtime::exit::WAITING) })
    })
}
