//! The votes on a request, and when they make a verdict (chapter 04 §3.5, §3.7, §3.8, `ResponseAggregation`).

mod answers;
mod hosts;
#[cfg(test)]
mod tests;
mod view_state;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, ParticipantId};

use super::request::{ConfirmationRequest, ViewNumber};
use super::status;
use crate::messages::{LfParty, LocalVerdict, Verdict};

pub use answers::{Answered, Discarded};
pub use hosts::ConfirmingHosts;
use view_state::Progress;
pub use view_state::{NotApproved, PendingQuorum, ViewState};
pub use votes::{PartyVotes, Vote};

/// What is known about a request that is pending, or the verdict on it. Who may vote is decided by the topology at the time
/// of the request and by nothing that happens later.
#[derive(Debug, Clone)]
pub struct ResponseAggregation {
    request: Arc<ConfirmationRequest>,
    request_id: CantonTimestamp,
    version: CantonTimestamp,
    hosts: BTreeMap<LfParty, Arc<ConfirmingHosts>>,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Pending {
        /// By their number.
        views: Vec<ViewState>,
        /// How many of them have a quorum that is not reached.
        unsatisfied: usize,
    },
    Finalized(Finalized),
}

/// The verdict on a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Finalized {
    /// When it was decided: the time of the last response, or 1 µs after the deadline.
    pub at: CantonTimestamp,
    /// The verdict.
    pub verdict: Verdict,
}

/// What a response did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Whether votes were counted, or a verdict was made.
    pub changed: bool,
    /// The contradictions that it shows.
    pub equivocations: Vec<Equivocation>,
}

/// A participant that has approved and rejected the same view for the same party. Its first vote stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// Who.
    pub participant: ParticipantId,
    /// For whom it had voted before, which need not be a party of the response.
    pub party: LfParty,
    /// About what.
    pub view: ViewNumber,
    /// How it had voted.
    pub before: Vote,
}

/// A participant that could have confirmed for a party, and said nothing until the deadline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnresponsiveHost {
    /// For whom.
    pub party: LfParty,
    /// Who.
    pub participant: ParticipantId,
}

impl ResponseAggregation {
    /// A pending request without votes. `snapshot` is the topology at `request_id`.
    #[must_use]
    pub fn new(request: Arc<ConfirmationRequest>, request_id: CantonTimestamp, snapshot: &Snapshot) -> Self {
        Self::with_hosts(request, request_id, |party| ConfirmingHosts::of(snapshot, party))
    }

    /// The same with who may confirm for a party.
    #[must_use]
    pub fn with_hosts(
        request: Arc<ConfirmationRequest>,
        request_id: CantonTimestamp,
        hosts_of: impl Fn(&LfParty) -> ConfirmingHosts,
    ) -> Self {
        let mut hosts = BTreeMap::new();
        let mut views = Vec::with_capacity(request.views().len());
        for view in request.views() {
            let mut votes = Vec::with_capacity(view.confirmers().len());
            for party in view.confirmers() {
                let hosts = hosts.entry(party.clone()).or_insert_with(|| Arc::new(hosts_of(party)));
                votes.push((party.clone(), PartyVotes::new(Arc::clone(hosts))));
            }
            views.push(ViewState::new(&view.parameters().quorums, votes));
        }
        let unsatisfied = views.iter().filter(|view| !view.is_satisfied()).count();
        Self { request, request_id, version: request_id, hosts, state: State::Pending { views, unsatisfied } }
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Arc<ConfirmationRequest> {
        &self.request
    }

    /// When the request was sequenced.
    #[must_use]
    pub const fn request_id(&self) -> CantonTimestamp {
        self.request_id
    }

    /// The time of the last response that was applied, whether or not it changed anything; at first that of the request.
    #[must_use]
    pub const fn version(&self) -> CantonTimestamp {
        self.version
    }

    /// The verdict, when there is one.
    #[must_use]
    pub const fn finalized(&self) -> Option<&Finalized> {
        match &self.state {
            State::Finalized(finalized) => Some(finalized),
            State::Pending { .. } => None,
        }
    }

    /// What is known about each view, by its number. Empty when there is a verdict.
    #[must_use]
    pub fn views(&self) -> &[ViewState] {
        match &self.state {
            State::Pending { views, .. } => views,
            State::Finalized(_) => &[],
        }
    }

    /// Whether a participant may confirm for a party at the time of the request. It answers about confirmers of the request
    /// alone, also after the verdict.
    #[must_use]
    pub fn can_confirm(&self, participant: &ParticipantId, party: &LfParty) -> bool {
        self.hosts.get(party).is_some_and(|hosts| hosts.participants.contains(participant))
    }

    /// Applies what a participant said about one view for these parties, each once, in the order of the JVM's set (see
    /// [`super::jvm_order::set_order`]). All of them have to be confirmers of the view for which the participant may
    /// confirm; any others are left out. Nothing changes when there is a verdict. The first vote of a participant for a
    /// party in a view stays.
    pub fn respond(
        &mut self,
        at: CantonTimestamp,
        sender: &ParticipantId,
        view: ViewNumber,
        parties: &[LfParty],
        verdict: &LocalVerdict,
    ) -> Applied {
        let State::Pending { views, unsatisfied } = &mut self.state else { return Applied::default() };
        let Some(state) = views.get_mut(view.index()) else { return Applied::default() };
        self.version = at;
        let allowed =
            |party: &&LfParty| self.hosts.get(*party).is_some_and(|hosts| hosts.participants.contains(sender));
        let parties: Vec<&LfParty> = parties.iter().filter(allowed).collect();
        let was_satisfied = state.is_satisfied();
        let Progress { changed, contradicted, rejected } = state.apply(sender, &parties, verdict);
        // Weights that overflow may make a threshold larger again.
        match (was_satisfied, state.is_satisfied()) {
            (false, true) => *unsatisfied -= 1,
            (true, false) => *unsatisfied += 1,
            (false, false) | (true, true) => {}
        }
        let decided = match rejected {
            Some(reasons) => Some(Verdict::ParticipantReject { reasons }),
            None => (changed && *unsatisfied == 0 && Vote::of(verdict) == Vote::Approve).then_some(Verdict::Approve),
        };
        if let Some(verdict) = decided {
            self.state = State::Finalized(Finalized { at, verdict });
        }
        let equivocation = |(party, before)| Equivocation { participant: sender.clone(), party, view, before };
        Applied { changed, equivocations: contradicted.into_iter().map(equivocation).collect() }
    }

    /// Ends a pending request at its deadline: the verdict is from 1 µs later on. Returns who has not answered, each once;
    /// nothing happens when there is a verdict.
    pub fn time_out(&mut self, deadline: CantonTimestamp) -> BTreeSet<UnresponsiveHost> {
        let State::Pending { views, .. } = &self.state else { return BTreeSet::new() };
        let unresponsive = views.iter().flat_map(ViewState::unresponsive_hosts).collect();
        let parties: BTreeSet<&LfParty> = views.iter().flat_map(ViewState::pending_parties_of_unsatisfied).collect();
        let parties: Vec<&str> = parties.into_iter().map(LfParty::as_str).collect();
        let at = deadline.immediate_successor();
        self.version = at;
        self.state = State::Finalized(Finalized { at, verdict: status::timeout(&parties) });
        unresponsive
    }
}
