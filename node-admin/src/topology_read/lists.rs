//! The `List…` calls of one kind of mapping each: the content of the rows, and where they come from.

use bytes::Bytes;
use synod_proto::protocol::v30::topology_mapping::Mapping as Content;
use synod_proto::topology::admin::v30::{BaseQuery, BaseResult};
use synod_topology::{Mapping, TopologyRow};
use synod_types::CantonTimestamp;

use super::TopologyReadAdmin;
use super::query::{Query, RowFilter};
use crate::errors::{AdminError, fault};
use crate::stores::StoreName;

/// A row as a list tells it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) context: BaseResult,
    pub(super) mapping: Mapping,
    /// The message of the mapping.
    pub(super) content: Content,
}

impl TopologyReadAdmin {
    /// The rows that a query means, of all stores that it means.
    pub(super) async fn listed(&self, query: Option<BaseQuery>, filter: RowFilter) -> Result<Vec<Listed>, AdminError> {
        let query = Query::parse(query)?;
        let mut listed = Vec::new();
        for found in query.rows(&self.stores, &filter).await? {
            for row in &found.rows {
                listed.extend(list(&found.store, row)?);
            }
        }
        Ok(listed)
    }
}

fn list(store: &StoreName, row: &TopologyRow) -> Result<Option<Listed>, AdminError> {
    let signed = row.transaction().map_err(|error| fault(&error))?;
    let transaction = signed.transaction();
    let context = BaseResult {
        store: Some(store.to_proto()),
        sequenced: Some(proto(row.sequenced)),
        valid_from: Some(proto(row.valid_from)),
        valid_until: row.valid_until.map(proto),
        operation: row.operation.number(),
        transaction_hash: Bytes::copy_from_slice(&row.tx_hash.multihash()),
        serial: row.serial.cast_signed(),
        signed_by_fingerprints: signed.signing_fingerprints().map(|key| key.as_str().to_owned()).collect(),
    };
    let mapping = transaction.mapping().clone();
    Ok(mapping.to_proto().mapping.map(|content| Listed { context, mapping, content }))
}

fn proto(time: CantonTimestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}
