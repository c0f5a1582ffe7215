//! The mappings that topology transactions add and remove (ch. 02 §1.5, `TopologyMapping`).
//!
//! One file per kind. Each reads its message with exactly Canton's strictness, and writes it as Canton does.

mod authorization;
mod code;
mod decentralized_namespace_definition;
mod endpoint;
mod groups;
mod keys;
mod lsu;
mod namespace_delegation;
mod owner_to_key;
mod parse;
mod participant;
mod party_hosting_limits;
mod party_to_key;
mod party_to_participant;
mod required;
mod synchronizer_state;
mod unique_key;
mod uri;
mod vetted_packages;

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_proto::protocol::v30::topology_mapping::Mapping as Proto;
use synod_types::{Namespace, SynchronizerId, UniqueIdentifier};

use crate::InvalidMessage;

pub use authorization::{ReferencedAuthorizations, RequiredAuthorization};
pub use code::{InvalidMappingCode, MappingCode};
pub use decentralized_namespace_definition::DecentralizedNamespaceDefinition;
pub use endpoint::{Endpoint, GrpcConnection};
pub use groups::{MediatorSynchronizerState, SequencerSynchronizerState};
pub use keys::{PublicKey, SigningKeysWithThreshold};
pub use lsu::{LsuAnnouncement, LsuSequencerConnectionSuccessor};
pub use namespace_delegation::{DelegationRestriction, NamespaceDelegation};
pub use owner_to_key::OwnerToKeyMapping;
pub use participant::{ParticipantPermission, ParticipantSynchronizerPermission, SynchronizerTrustCertificate};
pub use party_hosting_limits::PartyHostingLimits;
pub use party_to_key::PartyToKeyMapping;
pub use party_to_participant::{HostingParticipant, PartyToParticipant};
pub use synchronizer_state::{SequencingParametersState, SynchronizerParametersState};
pub use unique_key::UniqueKey;
pub use vetted_packages::{VettedPackage, VettedPackages};

/// A topology mapping. Equality is Canton's: lists have an order, sets have none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its type")]
pub enum Mapping {
    NamespaceDelegation(NamespaceDelegation),
    DecentralizedNamespaceDefinition(DecentralizedNamespaceDefinition),
    OwnerToKeyMapping(OwnerToKeyMapping),
    SynchronizerTrustCertificate(SynchronizerTrustCertificate),
    ParticipantSynchronizerPermission(ParticipantSynchronizerPermission),
    PartyHostingLimits(PartyHostingLimits),
    VettedPackages(VettedPackages),
    PartyToParticipant(PartyToParticipant),
    SynchronizerParametersState(SynchronizerParametersState),
    MediatorSynchronizerState(MediatorSynchronizerState),
    SequencerSynchronizerState(SequencerSynchronizerState),
    SequencingParametersState(SequencingParametersState),
    PartyToKeyMapping(PartyToKeyMapping),
    LsuAnnouncement(LsuAnnouncement),
    LsuSequencerConnectionSuccessor(LsuSequencerConnectionSuccessor),
}

/// What every kind of mapping has.
pub(crate) trait MappingKind {
    /// Its kind.
    const CODE: MappingCode;

    /// The namespace that it belongs to.
    fn namespace(&self) -> Namespace;

    /// The identifier that it belongs to, if it has one; in [`Self::namespace`].
    fn uid(&self) -> Option<&UniqueIdentifier>;

    /// Transactions with the same unique key follow each other.
    fn unique_key(&self) -> Hash;

    /// The synchronizer that it is for, if it names one.
    fn synchronizer(&self) -> Option<&SynchronizerId> {
        None
    }
}

macro_rules! for_each_kind {
    ($mapping:expr, $inner:ident => $value:expr) => {
        match $mapping {
            Mapping::NamespaceDelegation($inner) => $value,
            Mapping::DecentralizedNamespaceDefinition($inner) => $value,
            Mapping::OwnerToKeyMapping($inner) => $value,
            Mapping::SynchronizerTrustCertificate($inner) => $value,
            Mapping::ParticipantSynchronizerPermission($inner) => $value,
            Mapping::PartyHostingLimits($inner) => $value,
            Mapping::VettedPackages($inner) => $value,
            Mapping::PartyToParticipant($inner) => $value,
            Mapping::SynchronizerParametersState($inner) => $value,
            Mapping::MediatorSynchronizerState($inner) => $value,
            Mapping::SequencerSynchronizerState($inner) => $value,
            Mapping::SequencingParametersState($inner) => $value,
            Mapping::PartyToKeyMapping($inner) => $value,
            Mapping::LsuAnnouncement($inner) => $value,
            Mapping::LsuSequencerConnectionSuccessor($inner) => $value,
        }
    };
}

fn code_of<M: MappingKind>(_: &M) -> MappingCode {
    M::CODE
}

impl Mapping {
    /// Its kind.
    #[must_use]
    pub fn code(&self) -> MappingCode {
        for_each_kind!(self, inner => code_of(inner))
    }

    /// The namespace that it belongs to.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        for_each_kind!(self, inner => inner.namespace())
    }

    /// The identifier that it belongs to, in [`Self::namespace`]; none for delegations and decentralized namespaces.
    #[must_use]
    pub fn uid(&self) -> Option<&UniqueIdentifier> {
        for_each_kind!(self, inner => inner.uid())
    }

    /// Hash of what identifies it: transactions with the same unique key follow each other.
    #[must_use]
    pub fn unique_key(&self) -> Hash {
        for_each_kind!(self, inner => inner.unique_key())
    }

    /// The synchronizer that it is for (`restrictedToSynchronizer`); `None` when it holds on each.
    #[must_use]
    pub fn synchronizer(&self) -> Option<&SynchronizerId> {
        for_each_kind!(self, inner => inner.synchronizer())
    }

    /// Reads a mapping.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`TopologyMapping.fromProtoV30`).
    pub fn from_proto(proto: v30::TopologyMapping) -> Result<Self, InvalidMessage> {
        let mapping = proto.mapping.ok_or(InvalidMessage::FieldNotSet { field: "mapping" })?;
        Ok(match mapping {
            Proto::NamespaceDelegation(proto) => Self::NamespaceDelegation(NamespaceDelegation::from_proto(proto)?),
            Proto::DecentralizedNamespaceDefinition(proto) => {
                Self::DecentralizedNamespaceDefinition(DecentralizedNamespaceDefinition::from_proto(&proto)?)
            }
            Proto::OwnerToKeyMapping(proto) => Self::OwnerToKeyMapping(OwnerToKeyMapping::from_proto(proto)?),
            Proto::SynchronizerTrustCertificate(proto) => {
                Self::SynchronizerTrustCertificate(SynchronizerTrustCertificate::from_proto(&proto)?)
            }
            Proto::ParticipantPermission(proto) => {
                Self::ParticipantSynchronizerPermission(ParticipantSynchronizerPermission::from_proto(&proto)?)
            }
            Proto::PartyHostingLimits(proto) => Self::PartyHostingLimits(PartyHostingLimits::from_proto(&proto)?),
            Proto::VettedPackages(proto) => Self::VettedPackages(VettedPackages::from_proto(&proto)?),
            Proto::PartyToParticipant(proto) => Self::PartyToParticipant(PartyToParticipant::from_proto(proto)?),
            Proto::SynchronizerParametersState(proto) => {
                Self::SynchronizerParametersState(SynchronizerParametersState::from_proto(&proto)?)
            }
            Proto::MediatorSynchronizerState(proto) => {
                Self::MediatorSynchronizerState(MediatorSynchronizerState::from_proto(&proto)?)
            }
            Proto::SequencerSynchronizerState(proto) => {
                Self::SequencerSynchronizerState(SequencerSynchronizerState::from_proto(&proto)?)
            }
            Proto::SequencingDynamicParametersState(proto) => {
                Self::SequencingParametersState(SequencingParametersState::from_proto(proto)?)
            }
            Proto::PartyToKeyMapping(proto) => Self::PartyToKeyMapping(PartyToKeyMapping::from_proto(proto)?),
            Proto::SynchronizerUpgradeAnnouncement(proto) => {
                Self::LsuAnnouncement(LsuAnnouncement::from_proto(&proto)?)
            }
            Proto::SequencerConnectionSuccessor(proto) => {
                Self::LsuSequencerConnectionSuccessor(LsuSequencerConnectionSuccessor::from_proto(proto)?)
            }
        })
    }

    /// The message of this mapping. Sets that Canton leaves in no order are written sorted.
    #[must_use]
    pub fn to_proto(&self) -> v30::TopologyMapping {
        let mapping = match self {
            Self::NamespaceDelegation(inner) => Proto::NamespaceDelegation(inner.to_proto()),
            Self::DecentralizedNamespaceDefinition(inner) => Proto::DecentralizedNamespaceDefinition(inner.to_proto()),
            Self::OwnerToKeyMapping(inner) => Proto::OwnerToKeyMapping(inner.to_proto()),
            Self::SynchronizerTrustCertificate(inner) => Proto::SynchronizerTrustCertificate(inner.to_proto()),
            Self::ParticipantSynchronizerPermission(inner) => Proto::ParticipantPermission(inner.to_proto()),
            Self::PartyHostingLimits(inner) => Proto::PartyHostingLimits(inner.to_proto()),
            Self::VettedPackages(inner) => Proto::VettedPackages(inner.to_proto()),
            Self::PartyToParticipant(inner) => Proto::PartyToParticipant(inner.to_proto()),
            Self::SynchronizerParametersState(inner) => Proto::SynchronizerParametersState(inner.to_proto()),
            Self::MediatorSynchronizerState(inner) => Proto::MediatorSynchronizerState(inner.to_proto()),
            Self::SequencerSynchronizerState(inner) => Proto::SequencerSynchronizerState(inner.to_proto()),
            Self::SequencingParametersState(inner) => Proto::SequencingDynamicParametersState(inner.to_proto()),
            Self::PartyToKeyMapping(inner) => Proto::PartyToKeyMapping(inner.to_proto()),
            Self::LsuAnnouncement(inner) => Proto::SynchronizerUpgradeAnnouncement(inner.to_proto()),
            Self::LsuSequencerConnectionSuccessor(inner) => Proto::SequencerConnectionSuccessor(inner.to_proto()),
        };
        v30::TopologyMapping { mapping: Some(mapping) }
    }
}

macro_rules! from_kind {
    ($($kind:ident),+) => {$(
        impl From<$kind> for Mapping {
            fn from(inner: $kind) -> Self {
                Self::$kind(inner)
            }
        }
    )+};
}

from_kind!(
    NamespaceDelegation,
    DecentralizedNamespaceDefinition,
    OwnerToKeyMapping,
    SynchronizerTrustCertificate,
    ParticipantSynchronizerPermission,
    PartyHostingLimits,
    VettedPackages,
    PartyToParticipant,
    SynchronizerParametersState,
    MediatorSynchronizerState,
    SequencerSynchronizerState,
    SequencingParametersState,
    PartyToKeyMapping,
    LsuAnnouncement,
    LsuSequencerConnectionSuccessor
);
