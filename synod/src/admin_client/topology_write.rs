//! Changes of topology at a node.

use prost::Message;
use synod_proto::protocol::v30::enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type as AuthorizeType};
use synod_proto::topology::admin::v30::{
    AddTransactionsRequest, AuthorizeRequest, CreateTemporaryTopologyStoreRequest, DropTemporaryTopologyStoreRequest,
    ForceFlag, store_id,
};
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::{SignedTopologyTransaction, TopologyTransaction};
use tonic::{Code, Status};

use super::connecting::{AdminChannel, MAX_ANSWER_BYTES};
use super::stores::temporary;
use super::{AdminCallError, NodeAdmin};

/// So long owners wait for what they add. A store in memory does not let them wait.
const EFFECTIVE_SECONDS: i64 = 60;

impl NodeAdmin {
    /// The service that changes topology.
    pub(super) fn write(&self) -> TopologyManagerWriteServiceClient<AdminChannel> {
        TopologyManagerWriteServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// Creates an empty store in the node's memory; one that an interrupted run left is replaced.
    pub(crate) async fn create_store(&self, store: &str) -> Result<(), AdminCallError> {
        const CALL: &str = "CreateTemporaryTopologyStore";
        let protocol_version = self.version.number().cast_unsigned();
        let request = CreateTemporaryTopologyStoreRequest { name: store.to_owned(), protocol_version };
        match self.write().create_temporary_topology_store(request.clone()).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists || is_known(&status) => {
                self.drop_store(store).await?;
                self.write().create_temporary_topology_store(request).await.map_err(self.refused(CALL))?;
                Ok(())
            }
            Err(status) => Err(self.refused(CALL)(status)),
        }
    }

    /// Drops a store from the node's memory.
    pub(crate) async fn drop_store(&self, store: &str) -> Result<(), AdminCallError> {
        let store_id = Some(store_id::Temporary { name: store.to_owned() });
        let request = DropTemporaryTopologyStoreRequest { store_id };
        let dropped = self.write().drop_temporary_topology_store(request).await;
        dropped.map(|_| ()).map_err(self.refused("DropTemporaryTopologyStore"))
    }

    /// Adds transactions to a store in the node's memory.
    pub(crate) async fn add(
        &self,
        store: &str,
        transactions: &[SignedTopologyTransaction],
    ) -> Result<(), AdminCallError> {
        let request = AddTransactionsRequest {
            transactions: transactions.iter().map(SignedTopologyTransaction::to_proto).collect(),
            force_changes: vec![ForceFlag::AlienMember.into()],
            store: Some(temporary(store)),
            wait_to_become_effective: Some(prost_types::Duration { seconds: EFFECTIVE_SECONDS, nanos: 0 }),
        };
        self.write().add_transactions(request).await.map(|_| ()).map_err(self.refused("AddTransactions"))
    }

    /// Has the node sign a change in a store in its memory.
    pub(crate) async fn authorize(
        &self,
        store: &str,
        transaction: &TopologyTransaction,
    ) -> Result<SignedTopologyTransaction, AdminCallError> {
        const CALL: &str = "Authorize";
        let proposal = Proposal {
            change: TopologyChangeOp::AddReplace.into(),
            serial: 0,
            mapping: Some(transaction.mapping().to_proto()),
        };
        let request = AuthorizeRequest {
            r#type: Some(AuthorizeType::Proposal(proposal)),
            must_fully_authorize: false,
            force_changes: vec![ForceFlag::AlienMember.into()],
            signed_by: Vec::new(),
            store: Some(temporary(store)),
            wait_to_become_effective: Some(prost_types::Duration { seconds: EFFECTIVE_SECONDS, nanos: 0 }),
        };
        let answer = self.write().authorize(request).await.map_err(self.refused(CALL))?.into_inner();
        let bytes = answer.transaction.map(|transaction| transaction.encode_to_vec()).unwrap_or_default();
        SignedTopologyTransaction::parse_unversioned(&bytes, self.version).map_err(|source| AdminCallError::Answer {
            node: self.name.clone(),
            call: CALL,
            source,
        })
    }
}

/// Canton's error for a store that is there already has the code of an operation in the wrong state.
fn is_known(status: &Status) -> bool {
    status.message().contains("TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS")
}
