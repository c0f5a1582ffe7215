//! A transaction that is judged, and what it is judged by.

use std::sync::Arc;

use synod_types::CantonTimestamp;

use super::head::Head;
use super::stored::StoredRow;
use crate::{Mapping, SignedTopologyTransaction};

/// The open row of the unique key.
#[derive(Debug)]
pub(crate) struct InStore {
    pub(crate) row: Arc<StoredRow>,
    pub(crate) mapping: Arc<Mapping>,
}

/// A transaction that is judged, with the signatures that earlier ones brought.
pub(crate) struct Candidate<'a> {
    pub(crate) head: &'a Head,
    /// When it would become effective.
    pub(crate) effective: CantonTimestamp,
    pub(crate) transaction: &'a SignedTopologyTransaction,
    pub(crate) in_store: Option<&'a InStore>,
    /// Whether the relaxed rules of genesis hold (ch. 02 §2.5).
    pub(crate) relaxed: bool,
    /// Whether the store belongs to no synchronizer.
    pub(crate) is_local: bool,
}

impl Candidate<'_> {
    /// Whether the transaction has the content of the open one: then nobody can be missing.
    pub(crate) fn adds_signatures_only(&self) -> bool {
        let transaction = self.transaction.transaction();
        self.in_store.is_some_and(|open| {
            open.row.operation == transaction.operation()
                && open.row.serial == transaction.serial()
                && *open.mapping == *transaction.mapping()
        })
    }
}
