//! A key may sign for a namespace (`NamespaceDelegation`).

use std::collections::BTreeSet;

use synod_crypto::{Hash, KeyUsages, SigningPublicKey};
use synod_proto::protocol::v30;
use synod_proto::protocol::v30::namespace_delegation as proto;
use synod_types::{Namespace, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey};
use crate::InvalidMessage;
use crate::error::{ensure, identifier};

/// What a delegated key may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelegationRestriction {
    /// Everything.
    CanSignAllMappings,
    /// Everything but delegations.
    CanSignAllButNamespaceDelegations,
    /// Mappings of these kinds; never empty.
    CanSignSpecificMappings(BTreeSet<MappingCode>),
}

impl DelegationRestriction {
    /// Whether the key may sign mappings of this kind.
    #[must_use]
    pub fn can_sign(&self, code: MappingCode) -> bool {
        match self {
            Self::CanSignAllMappings => true,
            Self::CanSignAllButNamespaceDelegations => code != MappingCode::NamespaceDelegation,
            Self::CanSignSpecificMappings(codes) => codes.contains(&code),
        }
    }

    fn from_proto(restriction: proto::Restriction) -> Result<Self, InvalidMessage> {
        Ok(match restriction {
            proto::Restriction::CanSignAllMappings(_) => Self::CanSignAllMappings,
            proto::Restriction::CanSignAllButNamespaceDelegations(_) => Self::CanSignAllButNamespaceDelegations,
            proto::Restriction::CanSignSpecificMapings(specific) => {
                let codes = specific.mappings.into_iter().map(MappingCode::from_number).collect::<Result<_, _>>()?;
                Self::CanSignSpecificMappings(codes)
            }
        })
    }

    fn to_proto(&self) -> proto::Restriction {
        match self {
            Self::CanSignAllMappings => proto::Restriction::CanSignAllMappings(proto::CanSignAllMappings {}),
            Self::CanSignAllButNamespaceDelegations => {
                proto::Restriction::CanSignAllButNamespaceDelegations(proto::CanSignAllButNamespaceDelegations {})
            }
            Self::CanSignSpecificMappings(codes) => {
                let mappings = codes.iter().map(|code| code.number()).collect();
                proto::Restriction::CanSignSpecificMapings(proto::CanSignSpecificMappings { mappings })
            }
        }
    }
}

/// The key `target` may sign for `namespace`. One to the namespace's own key is its root certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceDelegation {
    /// The namespace.
    pub namespace: Namespace,
    /// The key; for the usage of namespaces.
    pub target: SigningPublicKey,
    /// What it may sign. The namespace's own key may sign delegations.
    pub restriction: DelegationRestriction,
}

impl NamespaceDelegation {
    /// The delegation of `namespace` to `target`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the key is not for namespaces, or is the namespace's own and may not sign delegations, or
    /// the list of specific mappings is empty.
    pub fn new(
        namespace: Namespace,
        target: SigningPublicKey,
        restriction: DelegationRestriction,
    ) -> Result<Self, InvalidMessage> {
        if matches!(&restriction, DelegationRestriction::CanSignSpecificMappings(codes) if codes.is_empty()) {
            return Err(InvalidMessage::FieldNotSet { field: "mappings" });
        }
        ensure(target.usages().matches(KeyUsages::NAMESPACE), "the target key is not for namespaces")?;
        ensure(
            restriction.can_sign(MappingCode::NamespaceDelegation) || namespace.fingerprint() != target.fingerprint(),
            "a root certificate has to be able to sign delegations",
        )?;
        Ok(Self { namespace, target, restriction })
    }

    /// The root certificate of the namespace of `key`.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the key is not for namespaces.
    pub fn root(key: SigningPublicKey) -> Result<Self, InvalidMessage> {
        Self::new(Namespace::new(key.fingerprint().clone()), key, DelegationRestriction::CanSignAllMappings)
    }

    /// Whether the key may sign mappings of this kind.
    #[must_use]
    pub fn can_sign(&self, code: MappingCode) -> bool {
        self.restriction.can_sign(code)
    }

    pub(super) fn from_proto(proto: v30::NamespaceDelegation) -> Result<Self, InvalidMessage> {
        let namespace = Namespace::parse(&proto.namespace).map_err(identifier("namespace"))?;
        let target = proto.target_key.ok_or(InvalidMessage::FieldNotSet { field: "target_key" })?;
        let target = SigningPublicKey::from_proto(target)?;
        let restriction = match proto.restriction {
            Some(restriction) => {
                ensure(!proto.is_root_delegation, "is_root_delegation is set beside a restriction")?;
                DelegationRestriction::from_proto(restriction)?
            }
            None if proto.is_root_delegation => DelegationRestriction::CanSignAllMappings,
            None => DelegationRestriction::CanSignAllButNamespaceDelegations,
        };
        Self::new(namespace, target, restriction)
    }

    pub(super) fn to_proto(&self) -> v30::NamespaceDelegation {
        v30::NamespaceDelegation {
            namespace: self.namespace.as_str().to_owned(),
            target_key: Some(self.target.to_proto()),
            is_root_delegation: false,
            restriction: Some(self.restriction.to_proto()),
        }
    }
}

impl MappingKind for NamespaceDelegation {
    const CODE: MappingCode = MappingCode::NamespaceDelegation;

    fn namespace(&self) -> Namespace {
        self.namespace.clone()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        None
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::namespace_delegation(&self.namespace, self.target.fingerprint())
    }
}
