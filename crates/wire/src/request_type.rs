//! What kind of request a submission is, by its sender and its recipients alone (chapter 03 §3.2).

use synod_types::{Member, MemberKind, Recipient};

use crate::Recipients;

/// Kind of a submission request (`SubmissionRequestType`). Derived from what the sender wrote, so it proves nothing
/// about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubmissionRequestType {
    /// A participant to mediators alone.
    ConfirmationResponse,
    /// A participant to participants and mediators.
    ConfirmationRequest,
    /// A mediator to participants.
    Verdict,
    /// A participant to participants.
    Commitment,
    /// A sequencer to mediators alone: a test before an upgrade.
    LsuSequencingTest,
    /// A sequencer to participants and sequencers: a purchase of traffic.
    TopUp,
    /// A sequencer to mediators and sequencers: a purchase of traffic for a mediator.
    TopUpMed,
    /// Anybody to everybody.
    TopologyTransaction,
    /// Anybody to nobody.
    TimeProof,
    /// Anything else.
    Unexpected,
}

impl SubmissionRequestType {
    /// Canton's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfirmationResponse => "confirmation response",
            Self::ConfirmationRequest => "confirmation request",
            Self::Verdict => "verdict",
            Self::Commitment => "commitment",
            Self::LsuSequencingTest => "test lsu sequencing",
            Self::TopUp => "top up",
            Self::TopUpMed => "top up med",
            Self::TopologyTransaction => "topology transaction",
            Self::TimeProof => "time proof",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Which kinds of recipients a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecipientKinds {
    /// Participants.
    pub participants: bool,
    /// Mediators, or mediator groups.
    pub mediators: bool,
    /// Sequencers, or all sequencers.
    pub sequencers: bool,
    /// Everybody.
    pub everybody: bool,
    /// Whether there is at most one mediator, mediator group or everybody
    /// (`SubmissionRequestValidations.checkToAtMostOneMediator`).
    pub at_most_one_mediator: bool,
}

impl RecipientKinds {
    /// The kinds over all envelopes and all levels of their trees.
    #[must_use]
    pub fn of(recipients: &[Recipients]) -> Self {
        let mut kinds = Self { at_most_one_mediator: true, ..Self::default() };
        let mut mediator: Option<&Recipient> = None;
        for recipient in recipients.iter().flat_map(Recipients::iter) {
            match recipient {
                Recipient::Member(member) if member.kind() == MemberKind::Participant => {
                    kinds.participants = true;
                    continue;
                }
                Recipient::Member(member) if member.kind() == MemberKind::Sequencer => {
                    kinds.sequencers = true;
                    continue;
                }
                Recipient::SequencersOfSynchronizer => {
                    kinds.sequencers = true;
                    continue;
                }
                Recipient::AllMembersOfSynchronizer => kinds.everybody = true,
                Recipient::Member(_) | Recipient::MediatorGroup(_) => kinds.mediators = true,
            }
            kinds.at_most_one_mediator &= *mediator.get_or_insert(recipient) == recipient;
        }
        kinds
    }

    /// The kind of a request from `sender` to such recipients.
    #[must_use]
    pub fn request_type(self, sender: &Member) -> SubmissionRequestType {
        use MemberKind::{Mediator, Participant, Sequencer};
        match (sender.kind(), self.participants, self.mediators, self.sequencers, self.everybody) {
            (Participant, false, true, false, false) => SubmissionRequestType::ConfirmationResponse,
            (Participant, true, true, false, false) => SubmissionRequestType::ConfirmationRequest,
            (Mediator, true, false, false, false) => SubmissionRequestType::Verdict,
            (Participant, true, false, false, false) => SubmissionRequestType::Commitment,
            (Sequencer, true, false, true, false) => SubmissionRequestType::TopUp,
            (Sequencer, false, true, true, false) => SubmissionRequestType::TopUpMed,
            (Sequencer, false, true, false, false) => SubmissionRequestType::LsuSequencingTest,
            (_, false, false, false, true) => SubmissionRequestType::TopologyTransaction,
            (_, false, false, false, false) => SubmissionRequestType::TimeProof,
            _ => SubmissionRequestType::Unexpected,
        }
    }
}
