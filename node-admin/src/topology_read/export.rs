//! Whole topologies as a caller takes them elsewhere: rows, cut into parts.

use bytes::Bytes;
use synod_proto::topology::admin::v30::{BaseQuery, GenesisStateV2Request};
use synod_topology::{MappingCode, TopologyRow, genesis};

use super::TopologyReadAdmin;
use super::query::{Query, RowFilter, mapping_codes, timestamp};
use crate::errors::AdminError;
use crate::stores::StoreName;

/// Most bytes of a part (`GrpcStreamingUtils.defaultChunkSize`).
const PART_BYTES: usize = 2 * 1024 * 1024;

/// Cuts bytes into parts.
pub(crate) fn parts(bytes: &Bytes) -> Vec<Bytes> {
    let starts = (0..bytes.len()).step_by(PART_BYTES);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + PART_BYTES))).collect()
}

impl TopologyReadAdmin {
    /// The rows that a query means, of all stores together.
    pub(super) async fn all(
        &self,
        query: &Query,
        codes: Vec<MappingCode>,
        namespace_prefix: String,
    ) -> Result<Vec<TopologyRow>, AdminError> {
        let filter = RowFilter { codes, identifier_prefix: String::new(), namespace_prefix };
        let found = query.rows(&self.stores, &filter).await?;
        Ok(found.into_iter().flat_map(|found| found.rows).collect())
    }

    /// An export of everything but some kinds, in one of the two formats.
    pub(super) async fn export(
        &self,
        query: Option<BaseQuery>,
        excluded: &[String],
        namespace_prefix: String,
        encode: fn(&[TopologyRow], synod_types::ProtocolVersion) -> Bytes,
    ) -> Result<Bytes, AdminError> {
        let query = Query::parse(query)?;
        let rows = self.all(&query, all_but(excluded)?, namespace_prefix).await?;
        Ok(encode(&rows, query.version))
    }

    /// The topology of the synchronizer as a new one can begin with it.
    pub(super) async fn genesis(&self, request: GenesisStateV2Request) -> Result<Bytes, AdminError> {
        let store = request.synchronizer_store.map(StoreName::parse).transpose()?;
        let until = request.timestamp.as_ref().map(timestamp).transpose()?;
        self.stores.essential_state(store, until).await.map(Bytes::from)
    }
}

/// All kinds but these.
pub(super) fn all_but(excluded: &[String]) -> Result<Vec<MappingCode>, AdminError> {
    let excluded = mapping_codes(excluded)?;
    Ok(MappingCode::ALL.iter().copied().filter(|code| !excluded.contains(code)).collect())
}

/// All kinds, or those that are named.
pub(super) fn all_or(included: &[String]) -> Result<Vec<MappingCode>, AdminError> {
    let included = mapping_codes(included)?;
    Ok(if included.is_empty() { MappingCode::ALL.to_vec() } else { included })
}

/// The message of rows that a list of transactions carries.
pub(super) fn transactions(rows: &[TopologyRow]) -> synod_proto::topology::admin::v30::TopologyTransactions {
    genesis::transactions_proto(rows)
}
