//! Which topology store a call means.

use std::fmt;

use synod_proto::topology::admin::v30::synchronizer::Kind;
use synod_proto::topology::admin::v30::{StoreId, Synchronizer, store_id};
use synod_types::{PhysicalSynchronizerId, SynchronizerId};

use crate::errors::{AdminError, malformed};

/// Longest name of a temporary store, in characters (`String185`).
const MAX_NAME: usize = 185;

/// The name of a topology store, as a caller writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreName {
    /// The node's own.
    Authorized,
    /// That of the active physical synchronizer with this id.
    Synchronizer(SynchronizerId),
    /// That of a physical synchronizer.
    PhysicalSynchronizer(PhysicalSynchronizerId),
    /// One in memory.
    Temporary(String),
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorized => f.write_str("Authorized"),
            Self::Synchronizer(id) => write!(f, "{id}"),
            Self::PhysicalSynchronizer(id) => write!(f, "{id}"),
            Self::Temporary(name) => f.write_str(name),
        }
    }
}

/// Checks the name of a temporary store.
pub(crate) fn temporary_name(name: String) -> Result<String, AdminError> {
    if name.chars().count() > MAX_NAME {
        return Err(malformed(format!("the name of a temporary store has at most {MAX_NAME} characters")));
    }
    Ok(name)
}

impl StoreName {
    /// Reads a store, which has to be set.
    pub(crate) fn required(store: Option<StoreId>) -> Result<Self, AdminError> {
        Self::parse(store.ok_or_else(|| malformed("field `store` is not set"))?)
    }

    /// Reads a store.
    pub(crate) fn parse(store: StoreId) -> Result<Self, AdminError> {
        match store.store.ok_or_else(|| malformed("field `store` is not set"))? {
            store_id::Store::Authorized(_) => Ok(Self::Authorized),
            store_id::Store::Temporary(temporary) => Ok(Self::Temporary(temporary_name(temporary.name)?)),
            store_id::Store::Synchronizer(Synchronizer { kind }) => {
                match kind.ok_or_else(|| malformed("field `kind` is not set"))? {
                    Kind::Id(id) => SynchronizerId::parse(&id).map(Self::Synchronizer).map_err(malformed),
                    Kind::PhysicalId(id) => {
                        PhysicalSynchronizerId::parse(&id).map(Self::PhysicalSynchronizer).map_err(malformed)
                    }
                }
            }
        }
    }

    /// The message of this name.
    pub(crate) fn to_proto(&self) -> StoreId {
        let synchronizer = |kind| store_id::Store::Synchronizer(Synchronizer { kind: Some(kind) });
        let store = match self {
            Self::Authorized => store_id::Store::Authorized(store_id::Authorized {}),
            Self::Synchronizer(id) => synchronizer(Kind::Id(id.to_string())),
            Self::PhysicalSynchronizer(id) => synchronizer(Kind::PhysicalId(id.to_string())),
            Self::Temporary(name) => store_id::Store::Temporary(store_id::Temporary { name: name.clone() }),
        };
        StoreId { store: Some(store) }
    }
}
