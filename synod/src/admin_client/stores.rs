//! Names of topology stores.

use std::fmt;

use synod_proto::topology::admin::v30::synchronizer::Kind;
use synod_proto::topology::admin::v30::{StoreId, Synchronizer, store_id};
use synod_types::PhysicalSynchronizerId;

/// A topology store of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TopologyStore {
    /// What the node says about itself.
    Authorized,
    /// That of its synchronizer.
    Synchronizer(PhysicalSynchronizerId),
    /// One in its memory.
    Temporary(String),
}

/// As the command line names it.
impl fmt::Display for TopologyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorized => f.write_str("authorized"),
            Self::Synchronizer(_) => f.write_str("synchronizer"),
            Self::Temporary(name) => write!(f, "temporary:{name}"),
        }
    }
}

impl TopologyStore {
    /// The message of this name.
    pub(super) fn to_proto(&self) -> StoreId {
        match self {
            Self::Authorized => authorized(),
            Self::Temporary(name) => temporary(name),
            Self::Synchronizer(psid) => {
                let kind = Some(Kind::PhysicalId(psid.to_string()));
                StoreId { store: Some(store_id::Store::Synchronizer(Synchronizer { kind })) }
            }
        }
    }

    /// How the command line names the store of this message.
    pub(super) fn name_of(id: &StoreId) -> Option<String> {
        Some(match id.store.as_ref()? {
            store_id::Store::Authorized(_) => "authorized".to_owned(),
            store_id::Store::Synchronizer(_) => "synchronizer".to_owned(),
            store_id::Store::Temporary(temporary) => format!("temporary:{}", temporary.name),
        })
    }
}

/// What the node says about itself.
pub(super) fn authorized() -> StoreId {
    StoreId { store: Some(store_id::Store::Authorized(store_id::Authorized {})) }
}

/// A store in the node's memory.
pub(super) fn temporary(name: &str) -> StoreId {
    StoreId { store: Some(store_id::Store::Temporary(store_id::Temporary { name: name.to_owned() })) }
}
