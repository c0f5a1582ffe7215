//! Names of topology stores.

use synod_proto::topology::admin::v30::{StoreId, store_id};

/// What the node says about itself.
pub(super) fn authorized() -> StoreId {
    StoreId { store: Some(store_id::Store::Authorized(store_id::Authorized {})) }
}

/// A store in the node's memory.
pub(super) fn temporary(name: &str) -> StoreId {
    StoreId { store: Some(store_id::Store::Temporary(store_id::Temporary { name: name.to_owned() })) }
}
