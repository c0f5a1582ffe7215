//! Participants that ask a sequencer to broadcast their first transactions (ch. 02 §4.4,
//! `GrpcSequencerConnectService.registerOnboardingTopologyTransactions`).

use std::collections::BTreeSet;

use synod_types::{CantonTimestamp, Member, ParticipantId};
use thiserror::Error;

use crate::{Mapping, MappingCode, Operation, SignedTopologyTransaction, TopologyRejection, TopologyState};

/// Most transactions of a registration.
pub const MAX_TRANSACTIONS: usize = 7;

/// The kinds of mappings that a registration consists of.
const EXPECTED: [MappingCode; 3] =
    [MappingCode::NamespaceDelegation, MappingCode::OwnerToKeyMapping, MappingCode::SynchronizerTrustCertificate];

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistrationRefused {
    /// The member is no participant.
    #[error("Only participants should use this endpoint, but found {member}")]
    NotAParticipant {
        /// The member.
        member: Member,
    },
    /// The synchronizer has no parameters: this node's fault, or it is not ready.
    #[error("there are no synchronizer parameters")]
    NoParameters,
    /// Nobody may join for now.
    #[error("Synchronizer is locked for onboarding.")]
    Locked,
    /// More transactions than allowed.
    #[error("Too many topology transactions. Limit: {MAX_TRANSACTIONS}, Found: {found}")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Not one trust certificate.
    #[error("Exactly one SynchronizerTrustCertificate is required for Participants. Found: {found}")]
    TrustCertificates {
        /// How many.
        found: usize,
    },
    /// Not one key mapping.
    #[error("Exactly one OwnerToKeyMapping is required. Found: {found}")]
    KeyMappings {
        /// How many.
        found: usize,
    },
    /// A mapping of another kind.
    #[error("Unexpected topology mapping found: {code}")]
    UnexpectedMapping {
        /// Its kind.
        code: MappingCode,
    },
    /// A kind of mapping is missing.
    #[error("Missing mappings for onboarding {participant}: {code}")]
    MissingMapping {
        /// The participant.
        participant: ParticipantId,
        /// The kind.
        code: MappingCode,
    },
    /// A proposal.
    #[error("Unexpected proposals for onboarding {participant}")]
    Proposal {
        /// The participant.
        participant: ParticipantId,
    },
    /// A removal.
    #[error("Unexpected removals for onboarding {participant}")]
    Removal {
        /// The participant.
        participant: ParticipantId,
    },
    /// A mapping of another identifier.
    #[error("Mappings for unexpected UIDs for onboarding {participant}")]
    OtherIdentifier {
        /// The participant.
        participant: ParticipantId,
    },
    /// A mapping of another namespace.
    #[error("Mappings for unexpected namespaces for onboarding {participant}")]
    OtherNamespace {
        /// The participant.
        participant: ParticipantId,
    },
    /// The participant is, or was, on the synchronizer.
    #[error("Participant {participant} is either active on the synchronizer or has previously been offboarded.")]
    AlreadyOnboarded {
        /// The participant.
        participant: ParticipantId,
    },
    /// A transaction would be rejected.
    #[error("a transaction would be rejected")]
    Rejected(#[source] TopologyRejection),
}

impl RegistrationRefused {
    /// Whether the reason depends on who is, or was, registered: strangers get one text for all of these.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        matches!(self, Self::AlreadyOnboarded { .. } | Self::Rejected(_))
    }

    /// Whether the same request may succeed later, by what others do (`FAILED_PRECONDITION` instead of
    /// `INVALID_ARGUMENT`).
    #[must_use]
    pub const fn is_precondition(&self) -> bool {
        matches!(self, Self::Locked | Self::AlreadyOnboarded { .. } | Self::Rejected(_))
    }
}

/// Checks the registration of a member, and gives the transactions to broadcast: of each unique key the first one.
/// `effective`: when they would become effective at the earliest.
///
/// # Errors
/// [`RegistrationRefused`], in Canton's order. That the transactions parse is checked between [`Self::Locked`] and what
/// follows it: by the caller, who [begins](begin) with what is before.
///
/// [`Self::Locked`]: RegistrationRefused::Locked
pub fn check(
    state: &TopologyState,
    member: &Member,
    transactions: Vec<SignedTopologyTransaction>,
    effective: CantonTimestamp,
) -> Result<Vec<SignedTopologyTransaction>, RegistrationRefused> {
    let participant = begin(state, member)?;
    let mut seen = BTreeSet::new();
    let mut transactions = transactions;
    transactions.retain(|transaction| seen.insert(transaction.transaction().mapping().unique_key()));
    check_kinds(&participant, &transactions)?;
    check_contents(&participant, &transactions)?;
    if state.head_snapshot().was_ever_onboarded(&participant) {
        return Err(RegistrationRefused::AlreadyOnboarded { participant });
    }
    let validated = state.try_apply(effective, transactions.clone());
    match validated.into_iter().find_map(|validated| validated.rejection) {
        Some(rejection) => Err(RegistrationRefused::Rejected(rejection)),
        None => Ok(transactions),
    }
}

/// The checks that need no transactions.
///
/// # Errors
/// [`RegistrationRefused`].
pub fn begin(state: &TopologyState, member: &Member) -> Result<ParticipantId, RegistrationRefused> {
    let participant = ParticipantId::try_from(member.clone())
        .map_err(|_| RegistrationRefused::NotAParticipant { member: member.clone() })?;
    let head = state.head_snapshot();
    let parameters = head.parameters().ok_or(RegistrationRefused::NoParameters)?;
    if parameters.onboarding_restriction.is_locked() {
        return Err(RegistrationRefused::Locked);
    }
    Ok(participant)
}

fn check_kinds(
    participant: &ParticipantId,
    transactions: &[SignedTopologyTransaction],
) -> Result<(), RegistrationRefused> {
    let codes: Vec<MappingCode> =
        transactions.iter().map(|transaction| transaction.transaction().mapping().code()).collect();
    let count = |code| codes.iter().filter(|found| **found == code).count();
    if codes.len() > MAX_TRANSACTIONS {
        return Err(RegistrationRefused::TooMany { found: codes.len() });
    }
    match count(MappingCode::SynchronizerTrustCertificate) {
        1 => {}
        found => return Err(RegistrationRefused::TrustCertificates { found }),
    }
    match count(MappingCode::OwnerToKeyMapping) {
        1 => {}
        found => return Err(RegistrationRefused::KeyMappings { found }),
    }
    if let Some(code) = codes.iter().find(|code| !EXPECTED.contains(code)) {
        return Err(RegistrationRefused::UnexpectedMapping { code: *code });
    }
    match EXPECTED.into_iter().find(|code| !codes.contains(code)) {
        Some(code) => Err(RegistrationRefused::MissingMapping { participant: participant.clone(), code }),
        None => Ok(()),
    }
}

fn check_contents(
    participant: &ParticipantId,
    transactions: &[SignedTopologyTransaction],
) -> Result<(), RegistrationRefused> {
    let mappings = || transactions.iter().map(|transaction| transaction.transaction().mapping());
    let participant = participant.clone();
    let namespace = participant.uid().namespace();
    let is_removal =
        |transaction: &SignedTopologyTransaction| transaction.transaction().operation() == Operation::Remove;
    let is_of_another = |mapping: &Mapping| mapping.uid().is_some_and(|uid| uid != participant.uid());
    if transactions.iter().any(SignedTopologyTransaction::is_proposal) {
        return Err(RegistrationRefused::Proposal { participant });
    }
    if transactions.iter().any(is_removal) {
        return Err(RegistrationRefused::Removal { participant });
    }
    if mappings().any(is_of_another) {
        return Err(RegistrationRefused::OtherIdentifier { participant });
    }
    if mappings().any(|mapping| mapping.namespace() != namespace) {
        return Err(RegistrationRefused::OtherNamespace { participant });
    }
    Ok(())
}
