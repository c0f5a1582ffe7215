//! What a node knows of topology.

use bytes::Bytes;
use synod_proto::topology::admin::v30::GenesisStateV2Request;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_types::CantonTimestamp;

use super::connecting::{AdminChannel, MAX_ANSWER_BYTES};
use super::{AdminCallError, NodeAdmin};

impl NodeAdmin {
    /// The service that reads topology.
    pub(super) fn read(&self) -> TopologyManagerReadServiceClient<AdminChannel> {
        TopologyManagerReadServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// What the synchronizer of a running node began with.
    pub(crate) async fn genesis(&self) -> Result<Bytes, AdminCallError> {
        const CALL: &str = "GenesisStateV2";
        let beginning = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.immediate_successor().as_micros();
        let timestamp = prost_types::Timestamp {
            seconds: beginning.div_euclid(1_000_000),
            nanos: i32::try_from(beginning.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
        };
        let request = GenesisStateV2Request { synchronizer_store: None, timestamp: Some(timestamp) };
        let mut parts = self.read().genesis_state_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let mut genesis = Vec::new();
        while let Some(part) = parts.message().await.map_err(self.refused(CALL))? {
            genesis.extend_from_slice(&part.chunk);
        }
        Ok(genesis.into())
    }
}
