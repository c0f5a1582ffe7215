//! Why a topology transaction is rejected (ch. 02 §2.6, `TopologyTransactionRejection`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use synod_crypto::{EncryptionKeySpec, Hash, SignatureError, SigningKeySpec};
use synod_types::{
    CantonTimestamp, Fingerprint, MediatorGroupIndex, MediatorId, Member, Namespace, ParticipantId, PartyId,
    PhysicalSynchronizerId, SequencerId, SynchronizerId,
};
use thiserror::Error;

use crate::text::{list, short};
use crate::{MappingCode, OnboardingRestriction, ReferencedAuthorizations};

/// Longest reason that is stored, in characters (`TopologyTransactionRejection.asString300`).
const REASON_LIMIT: usize = 300;

/// What keys a member has to have and has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingKeys {
    /// A signing key of one of these kinds.
    Signing(Vec<SigningKeySpec>),
    /// An encryption key of one of these kinds.
    Encryption(Vec<EncryptionKeySpec>),
}

impl fmt::Display for MissingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signing(specs) => write!(f, "signing key of {}", list(specs)),
            Self::Encryption(specs) => write!(f, "encryption key of {}", list(specs)),
        }
    }
}

/// Why a topology transaction is rejected. Always the fault of who signed or sent it. A member never sees a rejection on
/// the wire: the transaction is sequenced, and does not take effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopologyRejection {
    /// Does not follow the open transaction of the unique key.
    #[error("The actual serial {actual} does not match the expected serial {expected}")]
    SerialMismatch {
        /// Serial of the transaction.
        actual: u32,
        /// The only serial that can follow.
        expected: u32,
    },
    /// Nothing can follow the open transaction of the unique key.
    #[error("Max serial has been reached for the transaction.")]
    MaxSerialReached,
    /// No signature is by a key of a namespace that has to sign.
    #[error("Not authorized by any namespace key")]
    NotAuthorizedByNamespaceKey,
    /// Signatures are missing, and it is no proposal.
    #[error("Not fully authorized")]
    NotFullyAuthorized {
        /// Who has to sign.
        missing: ReferencedAuthorizations,
    },
    /// None of the signing keys may sign this.
    #[error("No delegation found for keys {}", list(keys.iter().map(short)))]
    NoDelegationFoundForKeys {
        /// The keys that signed.
        keys: BTreeSet<Fingerprint>,
    },
    /// A signature over several transactions does not cover this one.
    #[error("A signature does not cover the transaction {}", expected.to_short_text())]
    MultiTransactionHashMismatch {
        /// Hash of the transaction.
        expected: Hash,
        /// The transactions covered.
        actual: BTreeSet<Hash>,
    },
    /// A signature that is needed, or could count, is not valid.
    #[error("A signature is not valid")]
    SignatureCheckFailed(#[source] SignatureError),
    /// The mapping is for another synchronizer.
    #[error("Invalid synchronizer {}", short(synchronizer))]
    InvalidSynchronizer {
        /// The synchronizer that it names.
        synchronizer: SynchronizerId,
    },
    /// The participant may not join.
    #[error("Participant {} onboarding rejected as restrictions {restriction} are in place.", short(participant))]
    OnboardingRestrictionInPlace {
        /// The participant.
        participant: ParticipantId,
        /// Who may join.
        restriction: OnboardingRestriction,
        /// When its permission begins, if that is the reason.
        login_after: Option<CantonTimestamp>,
    },
    /// There is nothing to remove.
    #[error("There is no active topology transaction matching the mapping of the revocation request: {code}")]
    NoCorrespondingActiveTxToRevoke {
        /// Kind of the mapping.
        code: MappingCode,
    },
    /// The keys are not enough for the member.
    #[error("{} has no {missing}, at least one is required", short(member))]
    InvalidOwnerToKeyMapping {
        /// The member.
        member: Member,
        /// What is missing.
        missing: MissingKeys,
    },
    /// The keys are still needed.
    #[error("Cannot remove owner to key mapping for {} as it is being used by {used_by}", short(member))]
    InvalidOwnerToKeyMappingRemoval {
        /// The member.
        member: Member,
        /// Kind of the mapping that needs them.
        used_by: MappingCode,
    },
    /// The serial leaves no room for a removal.
    #[error("Invalid mapping: The serial for a REPLACE must be less than {}.", i32::MAX)]
    ReplaceWithMaxSerial,
    /// The first definition of a decentralized namespace is not named after its owners.
    #[error(
        "Invalid mapping: The decentralized namespace {} is not derived from the owners List({})",
        short(namespace),
        list(owners.iter().map(short))
    )]
    NamespaceNotDerivedFromOwners {
        /// The namespace.
        namespace: Namespace,
        /// Its owners.
        owners: BTreeSet<Namespace>,
    },
    /// Owners of a decentralized namespace have no root certificate.
    #[error("Invalid mapping: No root certificate found for {}", list(owners.iter().map(short)))]
    OwnersWithoutRootCertificate {
        /// Those owners.
        owners: BTreeSet<Namespace>,
    },
    /// Mappings of this kind are never removed.
    #[error("Removal of {code} is not supported. Use Replace instead.")]
    CannotRemoveMapping {
        /// The kind.
        code: MappingCode,
    },
    /// A removal has to repeat the mapping.
    #[error("Remove operation must not change the mapping to remove.")]
    RemoveMustNotChangeMapping,
    /// Members without keys.
    #[error("Members {} are missing a valid owner to key mapping.", list(members.iter().map(short)))]
    InsufficientKeys {
        /// Those members.
        members: BTreeSet<Member>,
    },
    /// Participants that are not on the synchronizer.
    #[error("Members {} are unknown.", list(members.iter().map(short)))]
    UnknownMembers {
        /// Those participants.
        members: BTreeSet<Member>,
    },
    /// The synchronizer has no parameters yet.
    #[error("Missing synchronizer parameters at EffectiveTime({effective})")]
    MissingSynchronizerParameters {
        /// When the transaction becomes effective.
        effective: CantonTimestamp,
    },
    /// The key was removed from the namespace, for ever.
    #[error("The namespace {} has previously been revoked.", short(namespace))]
    NamespaceHasBeenRevoked {
        /// The namespace.
        namespace: Namespace,
    },
    /// A namespace is either of a key or decentralized.
    #[error("The namespace {} is already used by another entity.", short(namespace))]
    NamespaceAlreadyInUse {
        /// The namespace.
        namespace: Namespace,
    },
    /// The party has the name of a participant.
    #[error("The partyId {} is the same as an already existing admin party.", short(party))]
    PartyIdConflictWithAdminParty {
        /// The party.
        party: PartyId,
    },
    /// The participant has the name of a party.
    #[error(
        "Tried to onboard participant {} while party {} with the same UID already exists.",
        short(participant),
        short(party)
    )]
    ParticipantIdConflictWithPartyId {
        /// The participant.
        participant: ParticipantId,
        /// The party.
        party: PartyId,
    },
    /// A mediator is in one group at most.
    #[error("Tried to add mediators to group {}, but they are already assigned to other groups: {}", group.as_i32(), groups(mediators))]
    MediatorsAlreadyInOtherGroups {
        /// The group.
        group: MediatorGroupIndex,
        /// The mediators that are in another group, and which.
        mediators: BTreeMap<MediatorId, MediatorGroupIndex>,
    },
    /// The synchronizer is about to be replaced by its successor.
    #[error(
        "The topology state of synchronizer {} is frozen due to an announced LSU. No more topology changes are allowed until upgrade completion.",
        short(synchronizer)
    )]
    AnnouncedLsuTopologyFreeze {
        /// The synchronizer.
        synchronizer: SynchronizerId,
    },
    /// Successors come in ascending order.
    #[error("The declared successor {successor} is not greater than prior synchronizer {announced}.")]
    InvalidSynchronizerSuccessor {
        /// The successor.
        successor: PhysicalSynchronizerId,
        /// The one announced before.
        announced: PhysicalSynchronizerId,
    },
    /// The upgrade would happen before its announcement becomes effective.
    #[error(
        "The upgrade time {upgrade_time} must be after the effective {effective} of the synchronizer upgrade announcement for synchronizer {}.",
        short(synchronizer)
    )]
    InvalidUpgradeTime {
        /// The synchronizer.
        synchronizer: SynchronizerId,
        /// When the announcement becomes effective.
        effective: CantonTimestamp,
        /// When the upgrade would happen.
        upgrade_time: CantonTimestamp,
    },
    /// There is no successor.
    #[error("The operation cannot be performed because no LSU is announced")]
    NoLsuAnnounced,
    /// It is another successor that is announced.
    #[error(
        "Lsu sequencer successor for sequencer {} is invalid because it mentions successor {successor} but the current LSU announcement mentions {announced}",
        short(sequencer)
    )]
    LsuSequencerSuccessorInvalidSuccessorPsid {
        /// The sequencer.
        sequencer: SequencerId,
        /// The successor named.
        successor: PhysicalSynchronizerId,
        /// The one announced.
        announced: PhysicalSynchronizerId,
    },
    /// A participant that left never returns.
    #[error("Participant {} tried to rejoin a synchronizer which it had previously left.", short(participant))]
    ParticipantCannotRejoinSynchronizer {
        /// The participant.
        participant: ParticipantId,
    },
    /// Keys that were removed never return.
    #[error("Member {} tried to re-register its keys which they have previously removed.", short(member))]
    CannotReregisterKeys {
        /// The member.
        member: Member,
    },
}

impl TopologyRejection {
    /// Name of Canton's class, and Canton's error code.
    const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::SerialMismatch { .. } => ("SerialMismatch", "TOPOLOGY_SERIAL_MISMATCH"),
            Self::MaxSerialReached => ("MaxSerialReached", "TOPOLOGY_MANAGER_ALARM"),
            Self::NotAuthorizedByNamespaceKey => ("NotAuthorizedByNamespaceKey", "TOPOLOGY_UNAUTHORIZED_TRANSACTION"),
            Self::NotFullyAuthorized { .. } => ("NotFullyAuthorized", "TOPOLOGY_UNAUTHORIZED_TRANSACTION"),
            Self::NoDelegationFoundForKeys { .. } => ("NoDelegationFoundForKeys", "TOPOLOGY_UNAUTHORIZED_TRANSACTION"),
            Self::MultiTransactionHashMismatch { .. } => {
                ("MultiTransactionHashMismatch", "TOPOLOGY_MULTI_TRANSACTION_HASH_MISMATCH")
            }
            Self::SignatureCheckFailed(_) => ("SignatureCheckFailed", "TOPOLOGY_INVALID_TX_SIGNATURE"),
            Self::InvalidSynchronizer { .. } => ("InvalidSynchronizer", "TOPOLOGY_INVALID_SYNCHRONIZER"),
            Self::OnboardingRestrictionInPlace { .. } => {
                ("OnboardingRestrictionInPlace", "TOPOLOGY_PARTICIPANT_ONBOARDING_REFUSED")
            }
            Self::NoCorrespondingActiveTxToRevoke { .. } => {
                ("NoCorrespondingActiveTxToRevoke", "TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE")
            }
            Self::InvalidOwnerToKeyMapping { .. } => {
                ("InvalidOwnerToKeyMapping", "TOPOLOGY_INVALID_OWNER_TO_KEY_MAPPING")
            }
            Self::InvalidOwnerToKeyMappingRemoval { .. } => {
                ("InvalidOwnerToKeyMappingRemoval", "TOPOLOGY_INVALID_REMOVAL_OF_OWNER_TO_KEY_MAPPING")
            }
            Self::ReplaceWithMaxSerial
            | Self::NamespaceNotDerivedFromOwners { .. }
            | Self::OwnersWithoutRootCertificate { .. } => ("InvalidTopologyMapping", "TOPOLOGY_INVALID_MAPPING"),
            Self::CannotRemoveMapping { .. } => ("CannotRemoveMapping", "TOPOLOGY_CANNOT_REMOVE_MAPPING"),
            Self::RemoveMustNotChangeMapping => {
                ("RemoveMustNotChangeMapping", "TOPOLOGY_REMOVE_MUST_NOT_CHANGE_MAPPING")
            }
            Self::InsufficientKeys { .. } => ("InsufficientKeys", "TOPOLOGY_INSUFFICIENT_KEYS"),
            Self::UnknownMembers { .. } => ("UnknownMembers", "TOPOLOGY_UNKNOWN_MEMBERS"),
            Self::MissingSynchronizerParameters { .. } => ("MissingSynchronizerParameters", "TOPOLOGY_MISSING_MAPPING"),
            Self::NamespaceHasBeenRevoked { .. } => ("NamespaceHasBeenRevoked", "TOPOLOGY_NAMESPACE_HAS_BEEN_REVOKED"),
            Self::NamespaceAlreadyInUse { .. } => ("NamespaceAlreadyInUse", "TOPOLOGY_NAMESPACE_ALREADY_IN_USE"),
            Self::PartyIdConflictWithAdminParty { .. } => {
                ("PartyIdConflictWithAdminParty", "TOPOLOGY_PARTY_ID_CONFLICT_WITH_ADMIN_PARTY")
            }
            Self::ParticipantIdConflictWithPartyId { .. } => {
                ("ParticipantIdConflictWithPartyId", "TOPOLOGY_PARTICIPANT_ID_CONFLICT_WITH_PARTY")
            }
            Self::MediatorsAlreadyInOtherGroups { .. } => {
                ("MediatorsAlreadyInOtherGroups", "TOPOLOGY_MEDIATORS_ALREADY_IN_OTHER_GROUPS")
            }
            Self::AnnouncedLsuTopologyFreeze { .. } => ("AnnouncedLsuTopologyFreeze", "TOPOLOGY_LSU_TOPOLOGY_FREEZE"),
            Self::InvalidSynchronizerSuccessor { .. } => {
                ("InvalidSynchronizerSuccessor", "TOPOLOGY_INVALID_SUCCESSOR_PHYSICAL_SYNCHRONIZER_ID")
            }
            Self::InvalidUpgradeTime { .. } => ("InvalidUpgradeTime", "TOPOLOGY_INVALID_UPGRADE_TIME"),
            Self::NoLsuAnnounced => ("NoLsuAnnounced", "TOPOLOGY_NO_LSU_ANNOUNCED"),
            Self::LsuSequencerSuccessorInvalidSuccessorPsid { .. } => {
                ("LsuSequencerSuccessorInvalidSuccessorPsid", "LSU_SEQUENCER_SUCCESSOR_INVALID_SUCCESSOR_PSID")
            }
            Self::ParticipantCannotRejoinSynchronizer { .. } => {
                ("ParticipantCannotRejoinSynchronizer", "TOPOLOGY_MEMBER_CANNOT_REJOIN_SYNCHRONIZER")
            }
            Self::CannotReregisterKeys { .. } => ("CannotReregisterKeys", "TOPOLOGY_MEMBER_CANNOT_REJOIN_SYNCHRONIZER"),
        }
    }

    /// Name of the class of Canton's `TopologyTransactionRejection` that stands for this.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        self.names().0
    }

    /// Canton's error code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.names().1
    }

    /// The reason as it is stored: at most 300 characters.
    #[must_use]
    pub fn reason(&self) -> String {
        let text = match self {
            Self::SignatureCheckFailed(cause) => format!("{}: {cause}", cause.class()),
            other => other.to_string(),
        };
        text.chars().take(REASON_LIMIT).collect()
    }
}

fn groups(mediators: &BTreeMap<MediatorId, MediatorGroupIndex>) -> String {
    list(mediators.iter().map(|(mediator, group)| format!("({},{})", short(mediator), group.as_i32())))
}
