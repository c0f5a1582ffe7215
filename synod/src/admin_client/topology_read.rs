//! What a node knows of topology.

use bytes::Bytes;
use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_proto::topology::admin::v30::{
    BaseQuery, ExportTopologySnapshotV2Request, GenesisStateV2Request, ListAllV2Request, ListAvailableStoresRequest,
};
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_topology::MappingCode;
use synod_topology::genesis::StoredTransaction;
use synod_types::CantonTimestamp;

use super::connecting::{AdminChannel, MAX_ANSWER_BYTES};
use super::{AdminCallError, NodeAdmin, TopologyStore, times};

/// Which transactions of a store are meant.
#[derive(Debug, Clone)]
pub(crate) struct TopologyQuery {
    /// The store.
    pub(crate) store: TopologyStore,
    /// Proposals instead of transactions.
    pub(crate) proposals: bool,
    /// Removals too.
    pub(crate) removals: bool,
    /// Those that were in force at this time; in force now when absent.
    pub(crate) at: Option<CantonTimestamp>,
    /// Kinds of mappings; all when empty.
    pub(crate) codes: Vec<MappingCode>,
    /// How the namespace begins.
    pub(crate) namespace: String,
}

impl TopologyQuery {
    /// Everything that is in force in a store.
    pub(crate) fn of(store: TopologyStore) -> Self {
        let (codes, namespace) = (Vec::new(), String::new());
        Self { store, proposals: false, removals: false, at: None, codes, namespace }
    }

    /// Of one kind only.
    #[must_use]
    pub(crate) fn kind(self, code: MappingCode) -> Self {
        Self { codes: vec![code], ..self }
    }

    fn base_query(&self) -> BaseQuery {
        let operation = if self.removals { TopologyChangeOp::Unspecified } else { TopologyChangeOp::AddReplace };
        let time = self.at.map_or(TimeQuery::HeadState(()), |at| TimeQuery::Snapshot(times::timestamp(at)));
        BaseQuery {
            store: Some(self.store.to_proto()),
            proposals: self.proposals,
            operation: operation.into(),
            time_query: Some(time),
            ..BaseQuery::default()
        }
    }
}

impl NodeAdmin {
    /// The service that reads topology.
    pub(super) fn read(&self) -> TopologyManagerReadServiceClient<AdminChannel> {
        TopologyManagerReadServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The transactions of a store, in the order of the store.
    pub(crate) async fn transactions(&self, query: &TopologyQuery) -> Result<Vec<StoredTransaction>, AdminCallError> {
        const CALL: &str = "ListAllV2";
        let request = ListAllV2Request {
            base_query: Some(query.base_query()),
            include_mappings: query.codes.iter().map(|code| code.short_code().to_owned()).collect(),
            filter_namespace: query.namespace.clone(),
        };
        let answer = self.read().list_all_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let items = answer.result.map(|transactions| transactions.items).unwrap_or_default();
        let parse = |item| StoredTransaction::from_item(item, self.version);
        items.into_iter().map(parse).collect::<Result<_, _>>().map_err(|source| AdminCallError::Answer {
            node: self.name.clone(),
            call: CALL,
            source,
        })
    }

    /// The transactions of a store as a file of Canton's: versioned items, each after its length
    /// (`export_topology_snapshotV2`).
    pub(crate) async fn export_topology(&self, query: &TopologyQuery) -> Result<Bytes, AdminCallError> {
        const CALL: &str = "ExportTopologySnapshotV2";
        let is_meant = |code: &&MappingCode| query.codes.is_empty() || query.codes.contains(code);
        let excluded = MappingCode::ALL.iter().filter(|code| !is_meant(code));
        let request = ExportTopologySnapshotV2Request {
            base_query: Some(query.base_query()),
            exclude_mappings: excluded.map(|code| code.short_code().to_owned()).collect(),
            filter_namespace: query.namespace.clone(),
        };
        let mut parts =
            self.read().export_topology_snapshot_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let mut exported = Vec::new();
        while let Some(part) = parts.message().await.map_err(self.refused(CALL))? {
            exported.extend_from_slice(&part.chunk);
        }
        Ok(exported.into())
    }

    /// The stores of the node, as the command line names them.
    pub(crate) async fn topology_stores(&self) -> Result<Vec<String>, AdminCallError> {
        let answer = self.read().list_available_stores(ListAvailableStoresRequest {}).await;
        let stores = answer.map_err(self.refused("ListAvailableStores"))?.into_inner().store_ids;
        let mut names: Vec<_> = stores.iter().filter_map(TopologyStore::name_of).collect();
        names.sort();
        Ok(names)
    }

    /// What the synchronizer of a running node began with.
    pub(crate) async fn genesis(&self) -> Result<Bytes, AdminCallError> {
        const CALL: &str = "GenesisStateV2";
        let beginning = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.immediate_successor();
        let timestamp = Some(times::timestamp(beginning));
        let request = GenesisStateV2Request { synchronizer_store: None, timestamp };
        let mut parts = self.read().genesis_state_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let mut genesis = Vec::new();
        while let Some(part) = parts.message().await.map_err(self.refused(CALL))? {
            genesis.extend_from_slice(&part.chunk);
        }
        Ok(genesis.into())
    }
}
