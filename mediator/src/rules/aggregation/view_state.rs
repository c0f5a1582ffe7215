//! What is known about a view (chapter 04 §3.5, §3.7, `ViewState`).

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_types::ParticipantId;

use super::UnresponsiveHost;
use super::votes::{PartyVotes, Vote};
use crate::messages::{LfParty, LocalVerdict, Quorum, RejectionReason};
use crate::rules::jvm_order;

/// A quorum with what it still needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingQuorum {
    /// The parties that are not decided, with their weights.
    pub confirmers: BTreeMap<LfParty, u32>,
    /// The weight that is missing: 0 when the quorum is reached.
    pub threshold: u32,
}

/// Why parties will not confirm a view: anything but an approval, and who said it.
#[derive(Debug, Clone, PartialEq)]
pub struct NotApproved {
    /// The parties, in the order in which a verdict writes them.
    pub parties: Vec<LfParty>,
    /// Who said it.
    pub participant: ParticipantId,
    /// What was said.
    pub verdict: Arc<LocalVerdict>,
}

/// What is known about a view.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewState {
    quorums: Vec<PendingQuorum>,
    votes: BTreeMap<LfParty, PartyVotes>,
    /// The newest last.
    not_approved: Vec<NotApproved>,
}

/// What a response did to a view.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) changed: bool,
    pub(super) contradicted: Vec<(LfParty, Vote)>,
    /// The reasons, when it cannot be approved any more.
    pub(super) rejected: Option<Vec<RejectionReason>>,
}

impl PendingQuorum {
    /// The sum of weights in 32 bits, as Canton adds them: a submitter may make it overflow.
    fn sum(weights: impl Iterator<Item = u32>) -> i32 {
        weights.fold(0, |sum: i32, weight| sum.wrapping_add(weight.cast_signed()))
    }

    fn can_be_reached(&self) -> bool {
        self.threshold.cast_signed() <= Self::sum(self.confirmers.values().copied())
    }

    /// Takes parties out that are decided. Those that approve count.
    fn take(&mut self, parties: &[&LfParty], approve: bool) {
        let taken = parties.iter().filter_map(|party| self.confirmers.remove(*party));
        let weight = Self::sum(taken);
        if approve {
            let left = self.threshold.cast_signed().wrapping_sub(weight);
            self.threshold = u32::try_from(left).unwrap_or(0);
        }
    }
}

impl ViewState {
    pub(super) fn new(quorums: &[Quorum], votes: Vec<(LfParty, PartyVotes)>) -> Self {
        let quorums = quorums.iter().map(|quorum| PendingQuorum {
            confirmers: quorum.confirmers.iter().map(|(party, weight)| (party.clone(), *weight)).collect(),
            threshold: quorum.threshold,
        });
        Self { quorums: quorums.collect(), votes: votes.into_iter().collect(), not_approved: Vec::new() }
    }

    /// What the quorums still need, in their order.
    #[must_use]
    pub fn quorums(&self) -> &[PendingQuorum] {
        &self.quorums
    }

    /// The votes for each confirmer.
    #[must_use]
    pub const fn votes(&self) -> &BTreeMap<LfParty, PartyVotes> {
        &self.votes
    }

    /// The parties that will not confirm, the newest last.
    #[must_use]
    pub fn not_approved(&self) -> &[NotApproved] {
        &self.not_approved
    }

    /// Whether all quorums are reached.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.quorums.iter().all(|quorum| quorum.threshold == 0)
    }

    /// The parties that are not decided, unless the view is satisfied. Those of a quorum that is reached are among them as
    /// long as another one is not.
    pub(super) fn pending_parties_of_unsatisfied(&self) -> impl Iterator<Item = &LfParty> {
        let quorums = if self.is_satisfied() { &[][..] } else { &self.quorums };
        quorums.iter().flat_map(|quorum| quorum.confirmers.keys())
    }

    /// Who has not answered for a party that is not decided.
    pub(super) fn unresponsive_hosts(&self) -> impl Iterator<Item = UnresponsiveHost> {
        let undecided = self.votes.iter().filter(|(_, votes)| !votes.is_approved() && !votes.is_rejected());
        undecided.flat_map(|(party, votes)| {
            votes
                .unresponsive()
                .map(|participant| UnresponsiveHost { party: party.clone(), participant: participant.clone() })
        })
    }

    fn is_pending(&self, party: &LfParty) -> bool {
        self.quorums.iter().any(|quorum| quorum.confirmers.contains_key(party))
    }

    /// Counts what a participant says for these parties.
    pub(super) fn apply(&mut self, sender: &ParticipantId, parties: &[&LfParty], verdict: &LocalVerdict) -> Progress {
        let parties: Vec<&LfParty> = parties.iter().copied().filter(|party| self.votes.contains_key(*party)).collect();
        let new: Vec<&LfParty> = parties.iter().copied().filter(|party| self.is_pending(party)).collect();
        if new.is_empty() {
            return Progress::default();
        }
        let contradicted = self.contradicted(sender, Vote::of(verdict));
        let verdict = Arc::new(verdict.clone());
        for party in &new {
            if let Some(votes) = self.votes.get_mut(*party) {
                votes.add(sender, &verdict);
            }
        }
        let rejected = if Vote::of(&verdict) == Vote::Approve {
            self.approve(&new);
            None
        } else {
            self.reject(sender, &parties, &verdict)
        };
        Progress { changed: true, contradicted, rejected }
    }

    /// For whom the participant voted the contrary before.
    fn contradicted(&self, sender: &ParticipantId, vote: Vote) -> Vec<(LfParty, Vote)> {
        let before = self.votes.iter().filter_map(|(party, votes)| Some((party, votes.vote_of(sender)?)));
        before.filter(|(_, before)| before.contradicts(vote)).map(|(party, before)| (party.clone(), before)).collect()
    }

    fn approve(&mut self, new: &[&LfParty]) {
        let full = new.iter().copied().filter(|party| self.votes.get(*party).is_some_and(PartyVotes::is_approved));
        let full: Vec<&LfParty> = full.collect();
        self.quorums.iter_mut().for_each(|quorum| quorum.take(&full, true));
    }

    /// Looks at all parties of the response, also those that were decided before: one of them that is rejected is
    /// reported again.
    fn reject(
        &mut self,
        sender: &ParticipantId,
        parties: &[&LfParty],
        verdict: &Arc<LocalVerdict>,
    ) -> Option<Vec<RejectionReason>> {
        let full = parties.iter().copied().filter(|party| self.votes.get(*party).is_some_and(PartyVotes::is_rejected));
        let full = jvm_order::subset_order(parties.len(), full.collect());
        if full.is_empty() {
            return None;
        }
        self.quorums.iter_mut().for_each(|quorum| quorum.take(&full, false));
        // An abstention is no reason where there is a better one.
        let is_abstention = Vote::of(verdict) == Vote::Abstain;
        let last_rejection = |party: &LfParty| self.votes.get(party)?.rejections().last();
        let (known, rest): (Vec<&LfParty>, Vec<&LfParty>) =
            full.into_iter().partition(|party| is_abstention && last_rejection(party).is_some());
        let rest = jvm_order::subset_order(parties.len(), rest);
        // The newest is the last one here, and the first one in a verdict. Those with a better reason are taken from a map
        // by party. Where two to four of them are left of more than four parties, that map has the order of hash codes of
        // the reasons, which nobody can know in advance; here it is that of the parties.
        for party in jvm_order::set_order(known).into_iter().rev() {
            if let Some((participant, verdict)) = last_rejection(party) {
                self.not_approved.push(NotApproved {
                    parties: vec![party.clone()],
                    participant: participant.clone(),
                    verdict: Arc::clone(verdict),
                });
            }
        }
        if !rest.is_empty() {
            let parties = rest.into_iter().cloned().collect();
            self.not_approved.push(NotApproved { parties, participant: sender.clone(), verdict: Arc::clone(verdict) });
        }
        let is_lost = !self.quorums.iter().all(PendingQuorum::can_be_reached);
        is_lost.then(|| self.not_approved.iter().rev().map(NotApproved::to_reason).collect())
    }
}

impl NotApproved {
    pub(super) fn to_reason(&self) -> RejectionReason {
        RejectionReason {
            parties: self.parties.clone(),
            reject: LocalVerdict::clone(&self.verdict),
            participant: self.participant.clone(),
        }
    }
}
