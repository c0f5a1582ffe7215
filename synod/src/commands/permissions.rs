//! `synod permissions`

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_topology::genesis::StoredTransaction;
use synod_topology::mapping::ParticipantSynchronizerPermission;
use synod_topology::{Mapping, MappingCode};
use synod_types::ParticipantId;

use super::change::{self, Wanted};
use super::failure::Failure;
use super::targets::{self, Target};
use super::{CommandResult, json_or};
use crate::admin_client::TopologyQuery;
use crate::cli::{PermissionsCommand, PermissionsListArgs, PermissionsRemoveArgs, PermissionsSetArgs, StoreArg};
use crate::render::{Table, optional, permission_name};

const STORE: StoreArg = StoreArg::Synchronizer;

pub(super) fn run(command: PermissionsCommand) -> CommandResult {
    match command {
        PermissionsCommand::List(arguments) => list(&arguments),
        PermissionsCommand::Set(arguments) => set(&arguments),
        PermissionsCommand::Remove(arguments) => remove(&arguments),
    }
}

/// The permissions that are in force, with the serial of each.
async fn in_force(target: &Target) -> Result<Vec<(ParticipantSynchronizerPermission, u32)>, Failure> {
    let query = TopologyQuery::of(target.store(&STORE).await?).kind(MappingCode::ParticipantSynchronizerPermission);
    let found = target.node.transactions(&query).await?;
    let permission = |stored: StoredTransaction| match stored.transaction.transaction().mapping() {
        Mapping::ParticipantSynchronizerPermission(permission) => {
            Some((permission.clone(), stored.transaction.transaction().serial()))
        }
        _ => None,
    };
    Ok(found.into_iter().filter_map(permission).collect())
}

fn list(arguments: &PermissionsListArgs) -> CommandResult {
    let PermissionsListArgs { wide, target } = arguments;
    targets::run(target, async |_| {
        let from = targets::any(target).await?;
        let permissions = in_force(&from).await?;
        json_or(
            target.json,
            || json!({ "permissions": permissions.iter().map(to_json).collect::<Vec<_>>() }),
            || {
                let mut table = Table::new(&["PARTICIPANT", "PERMISSION", "MAX RATE", "LOGIN AFTER", "SERIAL"], *wide);
                for (permission, serial) in &permissions {
                    table.row(vec![
                        permission.participant.to_string(),
                        permission_name(permission.permission).to_owned(),
                        optional(permission.confirmation_requests_max_rate),
                        optional(permission.login_after),
                        serial.to_string(),
                    ]);
                }
                table.to_string()
            },
        );
        Ok(ExitCode::SUCCESS)
    })
}

fn to_json((permission, serial): &(ParticipantSynchronizerPermission, u32)) -> Value {
    json!({
        "participant": permission.participant.to_string(),
        "permission": permission_name(permission.permission),
        "confirmation_requests_max_rate": permission.confirmation_requests_max_rate,
        "login_after": permission.login_after.map(|after| after.to_string()),
        "serial": serial,
    })
}

fn set(arguments: &PermissionsSetArgs) -> CommandResult {
    let PermissionsSetArgs { participant, permission, max_rate, login_after, signing, target } = arguments;
    targets::run(target, async |deadline| {
        let owners = targets::owners(target).await?;
        let first = owners.first().ok_or_else(|| Failure::usage("nobody is to sign"))?;
        let wanted = ParticipantSynchronizerPermission {
            synchronizer: first.node.synchronizer(first.kind).await?.logical().clone(),
            participant: participant.clone(),
            permission: permission.permission(),
            confirmation_requests_max_rate: *max_rate,
            login_after: *login_after,
        };
        let wanted = Wanted::replace(wanted.into());
        Ok(change::propose(&owners, &STORE, &wanted, signing, deadline).await?.print(target.json))
    })
}

fn remove(arguments: &PermissionsRemoveArgs) -> CommandResult {
    let PermissionsRemoveArgs { participant, signing, target } = arguments;
    targets::run(target, async |deadline| {
        let owners = targets::owners(target).await?;
        let first = owners.first().ok_or_else(|| Failure::usage("nobody is to sign"))?;
        let Some(permission) = of(first, participant).await? else {
            let text = || format!("unchanged: {participant} has no permission");
            json_or(target.json, || json!({ "state": "unchanged" }), text);
            return Ok(ExitCode::SUCCESS);
        };
        let wanted = Wanted::remove(permission.into());
        Ok(change::propose(&owners, &STORE, &wanted, signing, deadline).await?.print(target.json))
    })
}

async fn of(
    target: &Target,
    participant: &ParticipantId,
) -> Result<Option<ParticipantSynchronizerPermission>, Failure> {
    let permissions = in_force(target).await?.into_iter();
    Ok(permissions.map(|(permission, _)| permission).find(|permission| permission.participant == *participant))
}
