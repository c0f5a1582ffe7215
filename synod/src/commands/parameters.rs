//! `synod parameters`

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Map, Value};
use synod_topology::mapping::SynchronizerParametersState;
use synod_topology::{DynamicSynchronizerParameters, Mapping, MappingCode};

use super::change::{self, Wanted};
use super::failure::Failure;
use super::targets::{self, Target};
use super::{CommandResult, json_or};
use crate::admin_client::TopologyQuery;
use crate::bootstrap::ParametersEntry;
use crate::cli::{ParametersCommand, ParametersGetArgs, ParametersSetArgs, StoreArg};
use crate::render::Table;

/// Parameters that can be off as a whole.
const GROUPS: [&str; 2] = ["traffic_control", "acs_commitments_catch_up"];
/// The value that turns them off.
const OFF: &str = "off";

pub(super) fn run(command: ParametersCommand) -> CommandResult {
    match command {
        ParametersCommand::Get(arguments) => get(&arguments),
        ParametersCommand::Set(arguments) => set(&arguments),
    }
}

fn get(arguments: &ParametersGetArgs) -> CommandResult {
    let ParametersGetArgs { names, target } = arguments;
    targets::run(target, async |_| {
        let from = targets::any(target).await?;
        let (_, parameters) = in_force(&from).await?;
        let all = flat(&parameters);
        if let Some(unknown) = names.iter().find(|name| !all.iter().any(|(known, _)| is_named(known, name))) {
            let known: Vec<_> = all.into_iter().map(|(name, _)| name).collect();
            return Err(Failure::usage(format!("there is no parameter `{unknown}`; there are {}", known.join(", "))));
        }
        let is_meant = |name: &str| names.is_empty() || names.iter().any(|wanted| is_named(name, wanted));
        let meant: Vec<_> = all.into_iter().filter(|(name, _)| is_meant(name)).collect();
        json_or(
            target.json,
            || nested(&meant),
            || {
                let mut table = Table::new(&["NAME", "VALUE"], true);
                meant.iter().for_each(|(name, value)| table.row(vec![name.clone(), text(value)]));
                table.to_string()
            },
        );
        Ok(ExitCode::SUCCESS)
    })
}

fn set(arguments: &ParametersSetArgs) -> CommandResult {
    let ParametersSetArgs { changes, signing, target } = arguments;
    let changes = Changes::parse(changes)?;
    targets::run(target, async |deadline| {
        let owners = targets::owners(target).await?;
        let first = owners.first().ok_or_else(|| Failure::usage("nobody is to sign"))?;
        let (state, mut parameters) = in_force(first).await?;
        changes.make(&mut parameters);
        let mapping = SynchronizerParametersState { parameters: Box::new(parameters), ..state };
        // What breaks a rule is refused before it is sent.
        let mapping = Mapping::from_proto(Mapping::from(mapping).to_proto());
        let mapping = mapping.map_err(|error| Failure::usage(format!("{}", synod_runtime::Chain(&error))))?;
        let store = StoreArg::Synchronizer;
        Ok(change::propose(&owners, &store, &Wanted::replace(mapping), signing, deadline).await?.print(target.json))
    })
}

/// The parameters that are in force at a node.
async fn in_force(target: &Target) -> Result<(SynchronizerParametersState, DynamicSynchronizerParameters), Failure> {
    let store = target.store(&StoreArg::Synchronizer).await?;
    let query = TopologyQuery::of(store).kind(MappingCode::SynchronizerParametersState);
    let found = target.node.transactions(&query).await?;
    let state = found.into_iter().find_map(|stored| match stored.transaction.transaction().mapping() {
        Mapping::SynchronizerParametersState(state) => Some(state.clone()),
        _ => None,
    });
    let state = state.ok_or_else(|| Failure::negative(format!("{} knows no parameters", target.node.name)))?;
    let parameters = DynamicSynchronizerParameters::clone(&state.parameters);
    Ok((state, parameters))
}

/// Whether `name` is what is meant by `wanted`: that parameter, or one of that group.
fn is_named(name: &str, wanted: &str) -> bool {
    name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

/// All parameters with their names; of a group that is off only that it is.
fn flat(parameters: &DynamicSynchronizerParameters) -> Vec<(String, Value)> {
    let Ok(Value::Object(all)) = serde_json::to_value(ParametersEntry::all(parameters)) else { return Vec::new() };
    let mut flat = Vec::new();
    for (name, value) in all {
        match value {
            Value::Object(group) => {
                flat.extend(group.into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            value => flat.push((name, value)),
        }
    }
    flat
}

/// The same as an object with the groups as objects.
fn nested(flat: &[(String, Value)]) -> Value {
    let mut object = Map::new();
    for (name, value) in flat {
        match name.split_once('.') {
            Some((group, inner)) => {
                let group = object.entry(group).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(group) = group {
                    group.insert(inner.to_owned(), value.clone());
                }
            }
            None => {
                object.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(object)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => OFF.to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What is to be changed.
#[derive(Debug, Default)]
struct Changes {
    entry: ParametersEntry,
    off: BTreeSet<String>,
}

impl Changes {
    /// Reads `NAME=VALUE`s.
    fn parse(texts: &[String]) -> Result<Self, Failure> {
        let (mut table, mut off, mut seen) = (toml::Table::new(), BTreeSet::new(), BTreeSet::new());
        for text in texts {
            let split = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let (name, value) =
                split.ok_or_else(|| Failure::usage(format!("`{text}` is no change; expected NAME=VALUE")))?;
            if !seen.insert(name) {
                return Err(Failure::usage(format!("`{name}` is changed twice")));
            }
            if GROUPS.contains(&name) {
                if value != OFF {
                    let help =
                        format!("`{name}={OFF}` turns it off, `{name}.NAME=VALUE` changes one of its parameters");
                    return Err(Failure::usage(format!("`{name}` is several parameters")).help(help));
                }
                off.insert(name.to_owned());
                continue;
            }
            let value = scalar(value);
            match name.split_once('.') {
                Some((group, inner)) => {
                    let group = table.entry(group).or_insert_with(|| toml::Value::Table(toml::Table::new()));
                    if let toml::Value::Table(group) = group {
                        group.insert(inner.to_owned(), value);
                    }
                }
                None => {
                    table.insert(name.to_owned(), value);
                }
            }
        }
        let entry = ParametersEntry::deserialize(toml::Value::Table(table));
        let entry = entry.map_err(|error| {
            Failure::usage(error.message().to_owned())
                .help("`synod parameters get` shows the parameters and their values")
        })?;
        Ok(Self { entry, off })
    }

    fn make(&self, parameters: &mut DynamicSynchronizerParameters) {
        if self.off.contains(GROUPS[0]) {
            parameters.traffic_control = None;
        }
        if self.off.contains(GROUPS[1]) {
            parameters.acs_commitments_catch_up = None;
        }
        self.entry.change(parameters);
    }
}

/// A number, a truth value, or else a text.
fn scalar(text: &str) -> toml::Value {
    let number = text.replace('_', "").parse().ok().map(toml::Value::Integer);
    let truth = || text.parse().ok().map(toml::Value::Boolean);
    number.or_else(truth).unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use synod_topology::OnboardingRestriction;

    use super::*;

    fn changes(texts: &[&str]) -> Result<Changes, Failure> {
        Changes::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_named_is_changed() {
        let mut parameters = DynamicSynchronizerParameters::default();
        let given = [
            "confirmation_response_timeout_ms=20000",
            "onboarding_restriction=restricted-locked",
            "traffic_control.enforce_rate_limiting=false",
            "acs_commitments_catch_up=off",
        ];
        changes(&given).expect("changes").make(&mut parameters);
        assert_eq!(parameters.confirmation_response_timeout, Duration::from_secs(20));
        assert_eq!(parameters.onboarding_restriction, OnboardingRestriction::RestrictedLocked);
        assert!(!parameters.traffic_control.as_ref().expect("on").enforce_rate_limiting);
        assert_eq!(parameters.acs_commitments_catch_up, None);
        let rest = DynamicSynchronizerParameters::default();
        assert_eq!(parameters.mediator_reaction_timeout, rest.mediator_reaction_timeout);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (given, expected) in [
            (["max_request_size"], "NAME=VALUE"),
            (["max_request_sise=1"], "max_request_size"),
            (["max_request_size=many"], "many"),
            (["max_request_size=-1"], "-1"),
            (["onboarding_restriction=closed"], "restricted-locked"),
            (["traffic_control=on"], "several"),
            (["traffic_control.x=1"], "base_event_cost"),
        ] {
            let told = changes(&given).expect_err("wrong").to_string();
            assert!(told.contains(expected), "{told}");
        }
        assert!(changes(&["max_request_size=1", "max_request_size=2"]).is_err());
    }

    #[test]
    fn all_are_told_by_name() {
        let mut parameters = DynamicSynchronizerParameters::default();
        let told = flat(&parameters);
        let value = |name: &str| told.iter().find(|(known, _)| known == name).map(|(_, value)| text(value));
        assert_eq!(value("traffic_control").as_deref(), Some("off"));
        assert_eq!(value("acs_commitments_catch_up.catchup_interval_skip").as_deref(), Some("5"));
        assert_eq!(value("onboarding_restriction").as_deref(), Some("unrestricted-open"));
        assert!(is_named("traffic_control.base_event_cost", "traffic_control"));
        assert!(!is_named("max_request_size", "max"));
        changes(&["traffic_control.base_event_cost=3"]).expect("changes").make(&mut parameters);
        assert_eq!(nested(&flat(&parameters))["traffic_control"]["base_event_cost"], 3);
    }
}
