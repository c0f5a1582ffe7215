//! Owners share a namespace (`DecentralizedNamespaceDefinition`).

use std::collections::BTreeSet;

use synod_crypto::{Hash, decentralized_namespace};
use synod_proto::protocol::v30;
use synod_types::{Namespace, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey};
use crate::InvalidMessage;
use crate::error::{ensure, identifier};

/// As many owners as the threshold says sign for the namespace together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecentralizedNamespaceDefinition {
    /// The namespace. It is named after its first owners, and keeps the name when they change.
    pub namespace: Namespace,
    /// How many owners have to sign: at least one, at most all.
    pub threshold: u32,
    /// The namespaces of the owners; never empty.
    pub owners: BTreeSet<Namespace>,
}

impl DecentralizedNamespaceDefinition {
    /// A new namespace of these owners, named after them.
    ///
    /// # Errors
    /// [`InvalidMessage`] when there is no owner, or the threshold is 0 or above the number of owners.
    pub fn new(owners: BTreeSet<Namespace>, threshold: u32) -> Result<Self, InvalidMessage> {
        Self::with_namespace(decentralized_namespace(&owners), owners, threshold)
    }

    /// The definition of an existing namespace.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_namespace(
        namespace: Namespace,
        owners: BTreeSet<Namespace>,
        threshold: u32,
    ) -> Result<Self, InvalidMessage> {
        let value = i64::from(threshold);
        if threshold.cast_signed() <= 0 {
            return Err(InvalidMessage::Number { field: "threshold", value: threshold.cast_signed().into() });
        }
        ensure(!owners.is_empty(), "a decentralized namespace has no owners")?;
        ensure(i64::try_from(owners.len()).is_ok_and(|owners| owners >= value), "the threshold is above the owners")?;
        Ok(Self { namespace, threshold, owners })
    }

    pub(super) fn from_proto(proto: &v30::DecentralizedNamespaceDefinition) -> Result<Self, InvalidMessage> {
        let namespace =
            Namespace::parse(&proto.decentralized_namespace).map_err(identifier("decentralized_namespace"))?;
        let owners = proto.owners.iter().map(|owner| Namespace::parse(owner)).collect::<Result<_, _>>();
        Self::with_namespace(namespace, owners.map_err(identifier("owners"))?, proto.threshold.cast_unsigned())
    }

    pub(super) fn to_proto(&self) -> v30::DecentralizedNamespaceDefinition {
        v30::DecentralizedNamespaceDefinition {
            decentralized_namespace: self.namespace.as_str().to_owned(),
            threshold: self.threshold.cast_signed(),
            owners: self.owners.iter().map(|owner| owner.as_str().to_owned()).collect(),
        }
    }
}

impl MappingKind for DecentralizedNamespaceDefinition {
    const CODE: MappingCode = MappingCode::DecentralizedNamespaceDefinition;

    fn namespace(&self) -> Namespace {
        self.namespace.clone()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        None
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::decentralized_namespace_definition(&self.namespace)
    }
}
