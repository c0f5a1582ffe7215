//! The codes that calls of the administration API answer with (Canton's `TopologyManagerError` and neighbours).

use synod_topology::TopologyRejection;
use tonic::Code;

/// A code of Canton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorCode {
    /// Its name.
    pub(crate) id: &'static str,
    /// Number of its category: it decides the status, and whether the cause is told.
    pub(crate) category: u8,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $category:literal;)+) => {
        impl ErrorCode {
            $(pub(crate) const $name: Self = Self { id: $id, category: $category };)+
        }
    };
}

codes! {
    UNAUTHENTICATED = "UNAUTHENTICATED", 6;
    PERMISSION_DENIED = "PERMISSION_DENIED", 7;
    PROTO_DESERIALIZATION_FAILURE = "PROTO_DESERIALIZATION_FAILURE", 8;
    CRYPTO_PRIVATE_STORE_ERROR = "CRYPTO_PRIVATE_STORE_ERROR", 9;
    SYNCHRONIZER_NODE_INITIALISATION_FAILED = "SYNCHRONIZER_NODE_INITIALISATION_FAILED", 9;
    TOPOLOGY_MANAGER_INTERNAL_ERROR = "TOPOLOGY_MANAGER_INTERNAL_ERROR", 4;
    TOPOLOGY_STORE_NOT_FOUND = "TOPOLOGY_STORE_NOT_FOUND", 11;
    TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS = "TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS", 10;
    TOPOLOGY_TRANSACTION_NOT_FOUND = "TOPOLOGY_TRANSACTION_NOT_FOUND", 11;
    TOPOLOGY_SERIAL_MISMATCH = "TOPOLOGY_SERIAL_MISMATCH", 9;
    TOPOLOGY_MAPPING_ALREADY_EXISTS = "TOPOLOGY_MAPPING_ALREADY_EXISTS", 10;
    TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE = "TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE", 11;
    TOPOLOGY_SECRET_KEY_NOT_IN_STORE = "TOPOLOGY_SECRET_KEY_NOT_IN_STORE", 9;
    TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER = "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER", 9;
    TOPOLOGY_INCREASE_OF_PREPARATION_TIME_TOLERANCE = "TOPOLOGY_INCREASE_OF_PREPARATION_TIME_TOLERANCE", 9;
    TOPOLOGY_VALUE_OUT_OF_BOUNDS = "TOPOLOGY_VALUE_OUT_OF_BOUNDS", 9;
    TOPOLOGY_SIGNING_THRESHOLD_CANNOT_BE_REACHED = "TOPOLOGY_SIGNING_THRESHOLD_CANNOT_BE_REACHED", 10;
    TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED = "TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED", 10;
    TOPOLOGY_TOO_MANY_PENDING_TOPOLOGY_TRANSACTIONS = "TOPOLOGY_TOO_MANY_PENDING_TOPOLOGY_TRANSACTIONS", 2;
    // Of Synod.
    NODE_DATABASE_UNAVAILABLE = "NODE_DATABASE_UNAVAILABLE", 1;
    TOPOLOGY_TOO_MANY_TEMPORARY_STORES = "TOPOLOGY_TOO_MANY_TEMPORARY_STORES", 9;
}

impl ErrorCode {
    /// The code of a rejection, with its category.
    pub(crate) const fn of_rejection(rejection: &TopologyRejection) -> Self {
        use TopologyRejection as R;
        let category = match rejection {
            R::MaxSerialReached
            | R::NotAuthorizedByNamespaceKey
            | R::NotFullyAuthorized { .. }
            | R::NoDelegationFoundForKeys { .. }
            | R::SignatureCheckFailed(_) => 5,
            R::InvalidSynchronizer { .. }
            | R::InvalidOwnerToKeyMapping { .. }
            | R::InvalidOwnerToKeyMappingRemoval { .. }
            | R::ReplaceWithMaxSerial
            | R::NamespaceNotDerivedFromOwners { .. }
            | R::OwnersWithoutRootCertificate { .. }
            | R::CannotRemoveMapping { .. }
            | R::InvalidSynchronizerSuccessor { .. }
            | R::LsuSequencerSuccessorInvalidSuccessorPsid { .. } => 8,
            R::NamespaceHasBeenRevoked { .. }
            | R::NamespaceAlreadyInUse { .. }
            | R::PartyIdConflictWithAdminParty { .. }
            | R::ParticipantIdConflictWithPartyId { .. } => 10,
            R::UnknownMembers { .. } | R::MissingSynchronizerParameters { .. } => 11,
            R::SerialMismatch { .. }
            | R::MultiTransactionHashMismatch { .. }
            | R::OnboardingRestrictionInPlace { .. }
            | R::NoCorrespondingActiveTxToRevoke { .. }
            | R::RemoveMustNotChangeMapping
            | R::InsufficientKeys { .. }
            | R::MediatorsAlreadyInOtherGroups { .. }
            | R::AnnouncedLsuTopologyFreeze { .. }
            | R::InvalidUpgradeTime { .. }
            | R::NoLsuAnnounced
            | R::ParticipantCannotRejoinSynchronizer { .. }
            | R::CannotReregisterKeys { .. } => 9,
        };
        Self { id: rejection.code(), category }
    }
}

impl ErrorCode {
    /// The status of its category (Canton's `ErrorCategory`).
    pub(crate) const fn status(self) -> Code {
        match self.category {
            1 => Code::Unavailable,
            2 => Code::Aborted,
            5 | 8 => Code::InvalidArgument,
            6 => Code::Unauthenticated,
            7 => Code::PermissionDenied,
            9 => Code::FailedPrecondition,
            10 => Code::AlreadyExists,
            11 => Code::NotFound,
            _ => Code::Internal,
        }
    }

    /// After how many seconds the caller may try again, where that helps.
    pub(crate) const fn retry_seconds(self) -> Option<i64> {
        if matches!(self.category, 1 | 2) { Some(1) } else { None }
    }

    /// Whether the caller learns nothing but the trace: faults of the node, what may be an attack, and who may call.
    pub(crate) const fn is_redacted(self) -> bool {
        matches!(self.category, 4..=7)
    }
}
