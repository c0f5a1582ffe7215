//! `synod bench`

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::{CommandResult, block_on};
use crate::bench::{self, ConfirmPlan, Plan};
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
    let is_json = arguments.json;
    let Some(informees) = arguments.confirm else {
        return block_on(async {
            let report = bench::run(&plan).await?;
            print(&report, report.is_fit(), is_json)
        });
    };
    let plan = ConfirmPlan {
        load: plan,
        informees: usize::from(informees),
        requests: arguments.requests,
        unanswered: arguments.unanswered,
        stand_in: arguments.stand_in,
    };
    block_on(async {
        let report = bench::run_confirm(&plan).await?;
        print(&report, report.is_fit(), is_json)
    })
}

fn print(report: &(impl Serialize + Display), is_fit: bool, is_json: bool) -> CommandResult {
    if is_json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        println!("{report}");
    }
    Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::from(synod_runtime::exit::NEGATIVE) })
}
