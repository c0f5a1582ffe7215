//! `synchronizer.toml`: what a synchronizer is to be.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::{Mistakes, Settings};
use synod_topology::{DynamicSynchronizerParameters, OnboardingRestriction};
use synod_types::{Namespace, UniqueIdentifier};

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
    /// URL of its administration API.
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
    /// URL of its administration API.
    pub(crate) admin: String,
    /// What is shown to it, instead of what is shown to all.
    #[serde(default, skip_serializing_if = "AdminAccess::is_empty")]
    pub(crate) access: AdminAccess,
}

/// `[parameters]`: dynamic synchronizer parameters under Canton's names, times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ParametersEntry {
    /// How long participants may take to respond, in milliseconds.
    pub(crate) confirmation_response_timeout_ms: Option<u64>,
    /// How long the mediator may take after that, in milliseconds.
    pub(crate) mediator_reaction_timeout_ms: Option<u64>,
    /// How long only the submitter of an unassignment may assign, in milliseconds.
    pub(crate) assignment_exclusivity_timeout_ms: Option<u64>,
    /// Most difference between ledger time and record time, in milliseconds.
    pub(crate) ledger_time_record_time_tolerance_ms: Option<u64>,
    /// Most difference between preparation time and record time, in milliseconds.
    pub(crate) preparation_time_record_time_tolerance_ms: Option<u64>,
    /// Time between commitments, in whole seconds of milliseconds.
    pub(crate) reconciliation_interval_ms: Option<u64>,
    /// How long the mediator remembers the ids of requests, in milliseconds.
    pub(crate) mediator_deduplication_timeout_ms: Option<u64>,
    /// How far ahead the maximum sequencing time of an aggregation may be, in milliseconds.
    pub(crate) sequencer_aggregate_submission_timeout_ms: Option<u64>,
    /// Longest request, in bytes.
    pub(crate) max_request_size: Option<u32>,
    /// Confirmation requests per second that each participant may send.
    pub(crate) confirmation_requests_max_rate: Option<u32>,
    /// Who may join.
    pub(crate) onboarding_restriction: Option<OnboardingEntry>,
}

/// Who may join a synchronizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnboardingEntry {
    /// Every participant.
    UnrestrictedOpen,
    /// Nobody now.
    UnrestrictedLocked,
    /// Participants with a permission.
    RestrictedOpen,
    /// Nobody now, and later those with a permission.
    RestrictedLocked,
}

impl ParametersEntry {
    /// Canton's initial values, changed.
    pub(super) fn dynamic_parameters(&self) -> DynamicSynchronizerParameters {
        let mut parameters = DynamicSynchronizerParameters::default();
        let set = |to: &mut Duration, from: Option<u64>| {
            if let Some(millis) = from {
                *to = Duration::from_millis(millis);
            }
        };
        set(&mut parameters.confirmation_response_timeout, self.confirmation_response_timeout_ms);
        set(&mut parameters.mediator_reaction_timeout, self.mediator_reaction_timeout_ms);
        set(&mut parameters.assignment_exclusivity_timeout, self.assignment_exclusivity_timeout_ms);
        set(&mut parameters.ledger_time_record_time_tolerance, self.ledger_time_record_time_tolerance_ms);
        set(&mut parameters.preparation_time_record_time_tolerance, self.preparation_time_record_time_tolerance_ms);
        set(&mut parameters.reconciliation_interval, self.reconciliation_interval_ms);
        set(&mut parameters.mediator_deduplication_timeout, self.mediator_deduplication_timeout_ms);
        set(&mut parameters.sequencer_aggregate_submission_timeout, self.sequencer_aggregate_submission_timeout_ms);
        if let Some(bytes) = self.max_request_size {
            parameters.max_request_size = bytes;
        }
        if let Some(rate) = self.confirmation_requests_max_rate {
            parameters.confirmation_requests_max_rate = rate;
        }
        if let Some(restriction) = self.onboarding_restriction {
            parameters.onboarding_restriction = match restriction {
                OnboardingEntry::UnrestrictedOpen => OnboardingRestriction::UnrestrictedOpen,
                OnboardingEntry::UnrestrictedLocked => OnboardingRestriction::UnrestrictedLocked,
                OnboardingEntry::RestrictedOpen => OnboardingRestriction::RestrictedOpen,
                OnboardingEntry::RestrictedLocked => OnboardingRestriction::RestrictedLocked,
            };
        }
        parameters
    }
}

impl SynchronizerDescription {
    /// Names of the owners, in order.
    pub(super) fn owner_names(&self) -> Vec<&str> {
        match &self.owners {
            Some(owners) => owners.iter().map(String::as_str).collect(),
            None => self.sequencers.iter().map(|sequencer| sequencer.name.as_str()).collect(),
        }
    }

    fn node_names(&self) -> impl Iterator<Item = &str> {
        let sequencers = self.sequencers.iter().map(|sequencer| sequencer.name.as_str());
        sequencers.chain(self.mediators.iter().map(|mediator| mediator.name.as_str()))
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
        let sequencers =
            self.sequencers.iter().flat_map(|entry| [("sequencers", &entry.admin), ("sequencers", &entry.public)]);
        let mediators = self.mediators.iter().map(|entry| ("mediators", &entry.admin));
        for (key, url) in sequencers.chain(mediators) {
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                mistakes.add(key, format!("`{url}` is no address; expected http://HOST:PORT or https://HOST:PORT"));
            }
        }
        let members = self.mediators.len();
        if !self.mediators.is_empty() && !(1..=members).contains(&(self.mediator_threshold as usize)) {
            mistakes.add("mediator_threshold", format!("has to be from 1 to the number of mediators, {members}"));
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
