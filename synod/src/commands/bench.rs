//! `synod bench`

use std::process::ExitCode;
use std::time::Duration;

use super::{CommandResult, block_on};
use crate::bench::{self, Plan};
use crate::cli::BenchArgs;

pub(super) fn run(arguments: &BenchArgs) -> CommandResult {
    let plan = Plan {
        url: arguments.url.clone(),
        payload: arguments.payload,
        members: arguments.members,
        duration: Duration::from_secs(arguments.seconds),
        rate: arguments.rate,
        in_flight: arguments.in_flight,
    };
    block_on(async {
        let report = bench::run(&plan).await?;
        if arguments.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            println!("{report}");
        }
        Ok(if report.is_fit() { ExitCode::SUCCESS } else { ExitCode::from(synod_runtime::exit::NEGATIVE) })
    })
}
