//! `synchronizer.toml`: what a synchronizer is to be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};
use synod_types::{MemberKind, Namespace, UniqueIdentifier};

use super::ParametersEntry;
use crate::admin_client::AdminAccess;

/// The protocol version that is served.
const PROTOCOL_VERSION: u32 = 35;

/// A synchronizer and the nodes that it is to have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SynchronizerDescription {
    /// Name of the synchronizer: the identifier of its unique identifier.
    pub(crate) name: String,
    /// Its protocol version.
    pub(crate) protocol_version: u32,
    /// Names of the nodes that own it; the sequencers when absent.
    pub(crate) owners: Option<Vec<String>>,
    /// How many owners have to agree in a change; all of them when absent.
    pub(crate) owner_threshold: Option<u32>,
    /// How many mediators have to agree in a verdict.
    pub(crate) mediator_threshold: u32,
    /// Its sequencers, at least one.
    pub(crate) sequencers: Vec<SequencerEntry>,
    /// Its mediators.
    pub(crate) mediators: Vec<MediatorEntry>,
    /// What it begins with where that is not Canton's initial value.
    pub(crate) parameters: ParametersEntry,
    /// What is shown to the nodes.
    #[serde(skip_serializing_if = "AdminAccess::is_empty")]
    pub(crate) access: AdminAccess,
}

impl Default for SynchronizerDescription {
    fn default() -> Self {
        Self {
            name: String::new(),
            protocol_version: PROTOCOL_VERSION,
            owners: None,
            owner_threshold: None,
            mediator_threshold: 1,
            sequencers: Vec::new(),
            mediators: Vec::new(),
            parameters: ParametersEntry::default(),
            access: AdminAccess::default(),
        }
    }
}

/// `[[sequencers]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequencerEntry {
    /// A name for it in this file.
    pub(crate) name: String,
    /// Whose it is, where operators do not reach each other's nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<String>,
    /// URL of its administration API. May be missing where it is another operator's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) admin: String,
    /// URL of its public API, as the mediators reach it.
    pub(crate) public: String,
    /// Authorities (PEM) that mediators are to believe about the public API; those of their systems when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) public_ca_file: Option<PathBuf>,
    /// What is shown to it, instead of what is shown to all.
    #[serde(default, skip_serializing_if = "AdminAccess::is_empty")]
    pub(crate) access: AdminAccess,
}

/// `[[mediators]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediatorEntry {
    /// A name for it in this file.
    pub(crate) name: String,
    /// Whose it is, where operators do not reach each other's nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<String>,
    /// URL of its administration API. May be missing where it is another operator's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) admin: String,
    /// What is shown to it, instead of what is shown to all.
    #[serde(default, skip_serializing_if = "AdminAccess::is_empty")]
    pub(crate) access: AdminAccess,
}

/// A node of the description, of either kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeEntry<'a> {
    pub(super) kind: MemberKind,
    pub(super) name: &'a str,
    pub(super) operator: Option<&'a str>,
    pub(super) admin: &'a str,
    pub(super) access: &'a AdminAccess,
}

impl SynchronizerDescription {
    /// All nodes: the sequencers first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeEntry<'_>> {
        let sequencers = self.sequencers.iter().map(|entry| NodeEntry {
            kind: MemberKind::Sequencer,
            name: &entry.name,
            operator: entry.operator.as_deref(),
            admin: &entry.admin,
            access: &entry.access,
        });
        let mediators = self.mediators.iter().map(|entry| NodeEntry {
            kind: MemberKind::Mediator,
            name: &entry.name,
            operator: entry.operator.as_deref(),
            admin: &entry.admin,
            access: &entry.access,
        });
        sequencers.chain(mediators)
    }

    /// Names of the owners, in order.
    pub(crate) fn owner_names(&self) -> Vec<&str> {
        match &self.owners {
            Some(owners) => owners.iter().map(String::as_str).collect(),
            None => self.sequencers.iter().map(|sequencer| sequencer.name.as_str()).collect(),
        }
    }

    fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes().map(|node| node.name)
    }

    fn check_nodes(&self, mistakes: &mut Mistakes) {
        if self.sequencers.is_empty() {
            mistakes.add("sequencers", "has to name at least one");
        }
        let mut names = BTreeSet::new();
        for name in self.node_names() {
            if !names.insert(name) {
                mistakes.add("name", format!("`{name}` is the name of two nodes"));
            }
        }
        let admins = self.nodes().filter(|node| !node.admin.is_empty()).map(|node| (key_of(node.kind), node.admin));
        let publics = self.sequencers.iter().map(|entry| ("sequencers", entry.public.as_str()));
        for (key, url) in admins.chain(publics) {
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                mistakes.add(key, format!("`{url}` is no address; expected http://HOST:PORT or https://HOST:PORT"));
            }
        }
        let members = self.mediators.len();
        if !self.mediators.is_empty() && !(1..=members).contains(&(self.mediator_threshold as usize)) {
            mistakes.add("mediator_threshold", format!("has to be from 1 to the number of mediators, {members}"));
        }
    }

    /// Checks that there is an address of each node that a command is to reach: of all, or of one operator's.
    pub(super) fn check_reach(&self, operator: Option<&str>, mistakes: &mut Mistakes) {
        let own = |node: &NodeEntry<'_>| operator.is_none_or(|operator| node.operator == Some(operator));
        for node in self.nodes().filter(own).filter(|node| node.admin.is_empty()) {
            mistakes
                .add(key_of(node.kind), format!("`{}` has no `admin`, the URL of its administration API", node.name));
        }
        let Some(operator) = operator else { return };
        if !self.nodes().any(|node| node.operator == Some(operator)) {
            let known: BTreeSet<_> = self.nodes().filter_map(|node| node.operator).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "there is none".to_owned() } else { format!("they are {known}") };
            mistakes.add("", format!("no node has `operator = \"{operator}\"`; {known}"));
        }
        for node in self.nodes().filter(|node| node.operator.is_none()) {
            let what = format!("`{}` has no `operator`, which each node needs when operators are apart", node.name);
            mistakes.add(key_of(node.kind), what);
        }
    }

    fn check_owners(&self, mistakes: &mut Mistakes) {
        let names: BTreeSet<_> = self.node_names().collect();
        let owners = self.owner_names();
        for owner in &owners {
            if !names.contains(owner) {
                mistakes.add("owners", format!("`{owner}` is no node of this file"));
            }
        }
        if owners.iter().collect::<BTreeSet<_>>().len() < owners.len() {
            mistakes.add("owners", "names an owner twice");
        }
        if owners.is_empty() && !self.sequencers.is_empty() {
            mistakes.add("owners", "has to name at least one");
        }
        if self.owner_threshold.is_some_and(|threshold| !(1..=owners.len()).contains(&(threshold as usize))) {
            mistakes.add("owner_threshold", format!("has to be from 1 to the number of owners, {}", owners.len()));
        }
    }
}

const fn key_of(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::Mediator => "mediators",
        MemberKind::Participant | MemberKind::Sequencer => "sequencers",
    }
}

impl Settings for SynchronizerDescription {
    fn check(&self, mistakes: &mut Mistakes) {
        let namespace = Namespace::parse("n").ok();
        if namespace.is_none_or(|namespace| UniqueIdentifier::new(&self.name, &namespace).is_err()) {
            mistakes.add("name", "has to be of letters, digits, `-`, `_`, at most 185 of them");
        }
        if self.protocol_version != PROTOCOL_VERSION {
            mistakes.add("protocol_version", format!("{PROTOCOL_VERSION} is the one that is served"));
        }
        self.check_nodes(mistakes);
        self.check_owners(mistakes);
    }
}
