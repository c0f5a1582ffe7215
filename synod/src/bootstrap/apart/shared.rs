//! What the descriptions of all operators have to have in common. Addresses and what is shown to nodes may differ.

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use synod_topology::StaticSynchronizerParameters;

use super::encoding;
use crate::bootstrap::agreement::VERSION;
use crate::bootstrap::{ParametersEntry, SynchronizerDescription};

/// The common part of a description, written out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedDescription {
    name: String,
    protocol_version: u32,
    owners: Vec<String>,
    owner_threshold: usize,
    mediator_threshold: u32,
    sequencers: Vec<SharedNode>,
    mediators: Vec<SharedNode>,
    parameters: ParametersEntry,
    /// What no file says: it follows from the release of the program.
    static_parameters: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedNode {
    name: String,
    operator: String,
}

impl SharedDescription {
    pub(super) fn of(description: &SynchronizerDescription) -> Self {
        let node = |name: &str, operator: Option<&String>| SharedNode {
            name: name.to_owned(),
            operator: operator.cloned().unwrap_or_default(),
        };
        let owners: Vec<_> = description.owner_names().into_iter().map(str::to_owned).collect();
        let threshold = description.owner_threshold.and_then(|threshold| usize::try_from(threshold).ok());
        let (sequencers, mediators) = (description.sequencers.iter(), description.mediators.iter());
        let static_parameters = StaticSynchronizerParameters::jce_defaults(VERSION).to_proto().encode_to_vec();
        Self {
            name: description.name.clone(),
            protocol_version: description.protocol_version,
            owner_threshold: threshold.unwrap_or(owners.len()),
            owners,
            mediator_threshold: description.mediator_threshold,
            sequencers: sequencers.map(|entry| node(&entry.name, entry.operator.as_ref())).collect(),
            mediators: mediators.map(|entry| node(&entry.name, entry.operator.as_ref())).collect(),
            parameters: description.parameters.clone(),
            static_parameters: encoding::encode(&static_parameters),
        }
    }

    /// Where the other one differs; nothing when both describe the same.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let value = |one: &Self| serde_json::to_value(one).unwrap_or_default();
        let mut found = Vec::new();
        differences("", &value(self), &value(other), &mut found);
        found
    }
}

fn differences(key: &str, here: &Value, there: &Value, found: &mut Vec<String>) {
    match (here, there) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, here) in one {
                let there = other.get(name).unwrap_or(&Value::Null);
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                differences(&key, here, there, found);
            }
        }
        _ if here == there => {}
        _ if key == "static_parameters" => found.push("the release of synod is another one".to_owned()),
        _ => found.push(format!("`{key}` is {there} there, {here} here")),
    }
}
