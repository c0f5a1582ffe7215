//! What the hosts of a party said about a view (chapter 04 §3.5, `ConsortiumVotingState`).

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_types::ParticipantId;

use super::hosts::ConfirmingHosts;
use crate::messages::{LocalVerdict, LocalVerdictCode};

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vote {
    /// For the view.
    Approve,
    /// Against it, or that it is malformed.
    Reject,
    /// Neither.
    Abstain,
}

impl Vote {
    /// What a verdict counts as.
    #[must_use]
    pub const fn of(verdict: &LocalVerdict) -> Self {
        match verdict.code() {
            LocalVerdictCode::Approve => Self::Approve,
            LocalVerdictCode::Reject | LocalVerdictCode::Malformed => Self::Reject,
            LocalVerdictCode::Abstain => Self::Abstain,
        }
    }

    /// Whether a later vote says the contrary (`isContradictoryToPreviousVote`): abstentions never do.
    #[must_use]
    pub const fn contradicts(self, later: Self) -> bool {
        matches!((self, later), (Self::Approve, Self::Reject) | (Self::Reject, Self::Approve))
    }
}

/// The votes for a party in a view. No participant has two.
#[derive(Debug, Clone, PartialEq)]
pub struct PartyVotes {
    hosts: Arc<ConfirmingHosts>,
    approvals: BTreeSet<ParticipantId>,
    rejections: Vec<(ParticipantId, Arc<LocalVerdict>)>,
    abstentions: BTreeSet<ParticipantId>,
}

impl PartyVotes {
    pub(super) const fn new(hosts: Arc<ConfirmingHosts>) -> Self {
        Self { hosts, approvals: BTreeSet::new(), rejections: Vec::new(), abstentions: BTreeSet::new() }
    }

    /// Who may vote, and how many have to approve.
    #[must_use]
    pub fn hosts(&self) -> &ConfirmingHosts {
        &self.hosts
    }

    /// Who approved.
    #[must_use]
    pub const fn approvals(&self) -> &BTreeSet<ParticipantId> {
        &self.approvals
    }

    /// Who rejected and how, the newest last.
    #[must_use]
    pub fn rejections(&self) -> &[(ParticipantId, Arc<LocalVerdict>)] {
        &self.rejections
    }

    /// Who abstained.
    #[must_use]
    pub const fn abstentions(&self) -> &BTreeSet<ParticipantId> {
        &self.abstentions
    }

    /// How a participant voted.
    #[must_use]
    pub fn vote_of(&self, participant: &ParticipantId) -> Option<Vote> {
        if self.approvals.contains(participant) {
            Some(Vote::Approve)
        } else if self.rejections.iter().any(|(rejecter, _)| rejecter == participant) {
            Some(Vote::Reject)
        } else {
            self.abstentions.contains(participant).then_some(Vote::Abstain)
        }
    }

    /// Whether enough approved.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.approvals.len() >= self.hosts.threshold()
    }

    /// Whether so many rejected that it would have been enough to approve, or so few are left that not enough can approve.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        // Canton adds 32-bit numbers, and a threshold may be as large as those go: then the sum is negative.
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let lost = number(self.rejections.len()).wrapping_add(number(self.abstentions.len()));
        self.rejections.len() >= self.hosts.threshold()
            || lost.wrapping_add(number(self.hosts.threshold())) > number(self.hosts.count())
    }

    /// Who has not voted.
    pub fn unresponsive(&self) -> impl Iterator<Item = &ParticipantId> {
        self.hosts.participants.iter().filter(|participant| self.vote_of(participant).is_none())
    }

    /// Counts a vote, unless the participant has voted.
    pub(super) fn add(&mut self, participant: &ParticipantId, verdict: &Arc<LocalVerdict>) {
        if self.vote_of(participant).is_some() {
            return;
        }
        match Vote::of(verdict) {
            Vote::Approve => {
                self.approvals.insert(participant.clone());
            }
            Vote::Reject => self.rejections.push((participant.clone(), Arc::clone(verdict))),
            Vote::Abstain => {
                self.abstentions.insert(participant.clone());
            }
        }
    }
}
