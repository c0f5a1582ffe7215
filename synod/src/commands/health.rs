//! `synod health`: asks a node's gRPC health server, for the probes of containers and of service managers.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use synod_runtime::Chain;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{CommandError, CommandResult, block_on};
use crate::cli::HealthArgs;

/// A node that takes longer to answer is not healthy.
const LIMIT: Duration = Duration::from_secs(3);

pub(super) fn run(arguments: &HealthArgs) -> CommandResult {
    block_on(async {
        let asked = serving_status(arguments).await;
        let is_serving = matches!(asked, Ok(ServingStatus::Serving));
        let told = match asked {
            Ok(status) => status.as_str_name().to_owned(),
            Err(error) => Chain(error.as_ref()).to_string(),
        };
        if arguments.json {
            println!("{}", json!({ "ok": is_serving, "status": told }));
        } else if is_serving {
            println!("{told}");
        } else {
            eprintln!("{} is not healthy: {told}", arguments.url);
        }
        Ok(if is_serving { ExitCode::SUCCESS } else { ExitCode::from(synod_runtime::exit::NEGATIVE) })
    })
}

async fn serving_status(arguments: &HealthArgs) -> Result<ServingStatus, CommandError> {
    let endpoint = Endpoint::from_shared(arguments.url.clone())?.connect_timeout(LIMIT).timeout(LIMIT);
    let channel: Channel = endpoint.connect().await?;
    let request = HealthCheckRequest { service: arguments.service.clone() };
    let response = HealthClient::new(channel).check(request).await?;
    Ok(response.into_inner().status())
}
