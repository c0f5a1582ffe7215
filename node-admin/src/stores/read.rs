//! The rows of stores, for reading.

use std::sync::PoisonError;

use synod_topology::{MappingCode, TopologyRow, genesis, init_state};
use synod_types::{CantonTimestamp, ProtocolVersion};

use super::{AdminError, ErrorCode, PhysicalSynchronizerId, StoreName, Target, TopologyStores};

/// Rows of one store.
#[derive(Debug)]
pub(crate) struct StoredRows {
    /// The store, a synchronizer by its physical id.
    pub(crate) store: StoreName,
    /// The time as of which the store answers; `None`: after everything that is in it.
    pub(crate) as_of: Option<CantonTimestamp>,
    /// In order of insertion.
    pub(crate) rows: Vec<TopologyRow>,
}

/// Rows that are read from a database at once.
const PAGE: usize = 10_000;

impl TopologyStores {
    /// The stores that there are: the synchronizer's, then the node's own, then those in memory by name.
    pub(crate) fn names(&self) -> Vec<StoreName> {
        let synchronizer = self.served().map(StoreName::PhysicalSynchronizer);
        let temporary = self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = temporary.keys().cloned().map(StoreName::Temporary);
        synchronizer.into_iter().chain([StoreName::Authorized]).chain(temporary).collect()
    }

    /// The accepted rows of these kinds, proposals or others. Of the synchronizer only what the node tells already.
    pub(crate) async fn rows(
        &self,
        store: &StoreName,
        codes: &[MappingCode],
        proposals: bool,
    ) -> Result<StoredRows, AdminError> {
        match self.target(store).await? {
            Target::Local(local) => {
                let is_meant = |row: &&TopologyRow| {
                    row.rejection.is_none() && row.is_proposal == proposals && codes.contains(&row.code)
                };
                let rows = local.rows().iter().filter(is_meant).cloned().collect();
                Ok(StoredRows { store: store.clone(), as_of: None, rows })
            }
            Target::Synchronizer(topology) => {
                let view = self.synchronizer(store)?;
                let mut rows = Vec::new();
                for code in codes {
                    let found = self.0.parts.store.topology_rows_of(*code, proposals).await;
                    rows.extend(found.map_err(|error| self.0.parts.stop.fault(error))?);
                }
                rows.retain(|row: &TopologyRow| row.sequenced <= view.sequenced_up_to);
                rows.sort_by_key(|row| row.id);
                let store = StoreName::PhysicalSynchronizer(topology.psid().clone());
                Ok(StoredRows { store, as_of: Some(view.as_of), rows })
            }
        }
    }

    /// The topology of the synchronizer as a new one can begin with it: everything that was sequenced up to `until`, as
    /// it was then (`findEssentialStateAtSequencedTime`).
    pub(crate) async fn essential_state(
        &self,
        store: Option<StoreName>,
        until: Option<CantonTimestamp>,
    ) -> Result<Vec<u8>, AdminError> {
        let store = match store {
            Some(store) => store,
            None => StoreName::PhysicalSynchronizer(self.served().ok_or_else(no_synchronizer_store)?),
        };
        if !matches!(store, StoreName::Synchronizer(_) | StoreName::PhysicalSynchronizer(_)) {
            return Err(super::unknown(&store));
        }
        let view = self.synchronizer(&store)?;
        let until = until.map_or(view.sequenced_up_to, |until| until.min(view.sequenced_up_to));
        let mut rows: Vec<TopologyRow> = Vec::new();
        loop {
            let after = rows.last().map(|row| row.id);
            let page = self.0.parts.store.topology_page(after, until, PAGE).await;
            let page = page.map_err(|error| self.0.parts.stop.fault(error))?;
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        let rows = init_state::select(rows, until);
        let genesis_time = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let at_genesis = |row: TopologyRow| TopologyRow {
            sequenced: genesis_time,
            valid_from: genesis_time,
            valid_until: row.valid_until.map(|_| genesis_time),
            ..row
        };
        let accepted = rows.into_iter().filter(|row| row.rejection.is_none());
        let accepted: Vec<TopologyRow> = accepted.map(at_genesis).collect();
        Ok(genesis::encode_v2(&accepted, version_of(view.topology.psid())).to_vec())
    }
}

fn version_of(psid: &PhysicalSynchronizerId) -> ProtocolVersion {
    psid.protocol_version()
}

fn no_synchronizer_store() -> AdminError {
    AdminError::new(ErrorCode::TOPOLOGY_STORE_NOT_FOUND, "No synchronizer store available.")
}
