//! `synod probe`: acts as members.

use std::process::ExitCode;

use serde_json::json;
use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_runtime::Chain;

use super::{CommandResult, block_on};
use crate::cli::ProbeArgs;
use crate::self_test::self_test;

pub(super) fn run(arguments: &ProbeArgs) -> CommandResult {
    block_on(async {
        let probed: Result<_, ClientError> = async {
            let connection = SequencerConnection::open(&arguments.url, &ConnectOptions::default()).await?;
            let tested = self_test(std::slice::from_ref(&connection)).await?;
            Ok((connection, tested))
        }
        .await;
        match probed {
            Ok((connection, tested)) => {
                let (psid, sequencer) = (connection.psid(), connection.sequencer());
                let took_ms = u64::try_from(tested.took.as_millis()).unwrap_or(u64::MAX);
                if arguments.json {
                    let found = json!({
                        "ok": true,
                        "synchronizer_id": psid.to_string(),
                        "sequencer": sequencer.to_string(),
                        "took_ms": took_ms,
                        "approved_in_ms": tested.approved_in.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
                    });
                    println!("{found}");
                } else {
                    println!("{sequencer} serves {psid}: {tested}");
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                let reason = Chain(&error).to_string();
                if arguments.json {
                    println!("{}", json!({ "ok": false, "reason": reason }));
                } else {
                    eprintln!("{} is not fit: {reason}", arguments.url);
                }
                Ok(ExitCode::from(synod_runtime::exit::NEGATIVE))
            }
        }
    })
}
