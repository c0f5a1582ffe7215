//! `synod probe`: acts as members.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use synod_client::{ClientError, ClientIdentity, ConnectOptions, SequencerConnection};
use synod_runtime::settings::Mistakes;
use synod_runtime::{Chain, SettingsErrors};

use super::{CommandResult, block_on};
use crate::cli::ProbeArgs;
use crate::self_test::self_test;

pub(super) fn run(arguments: &ProbeArgs) -> CommandResult {
    let options = options(arguments)?;
    block_on(async {
        let probed: Result<_, ClientError> = async {
            let connection = SequencerConnection::open(&arguments.url, &options).await?;
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

/// How to connect, by the files that the options name.
fn options(arguments: &ProbeArgs) -> Result<ConnectOptions, SettingsErrors> {
    let mut mistakes = Mistakes::default();
    let mut read = |option: &str, path: &Option<PathBuf>| {
        let path = path.as_ref()?;
        let failed = |error| mistakes.add(option, format!("cannot be read: {}: {error}", path.display()));
        std::fs::read(path).map_err(failed).ok()
    };
    let trusted_certificates = read("--ca-file", &arguments.ca_file);
    let certificate = read("--client-cert-file", &arguments.client_cert_file);
    let private_key = read("--client-key-file", &arguments.client_key_file);
    let identity = certificate.zip(private_key).and_then(|(certificate, key)| {
        let identity = ClientIdentity::from_pem(&certificate, &key);
        identity.map_err(|error| mistakes.add("--client-cert-file", Chain(&error).to_string())).ok()
    });
    mistakes.into_result()?;
    Ok(ConnectOptions { trusted_certificates, identity, timeout: None })
}
