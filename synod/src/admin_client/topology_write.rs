//! Changes of topology at a node.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_crypto::Hash;
use synod_proto::protocol::v30::TopologyMapping;
use synod_proto::protocol::v30::enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type as AuthorizeType};
use synod_proto::topology::admin::v30::{
    AddTransactionsRequest, AuthorizeRequest, AuthorizeResponse, CreateTemporaryTopologyStoreRequest,
    DropTemporaryTopologyStoreRequest, ForceFlag, ImportTopologySnapshotV2Request, store_id,
};
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::{Operation, SignedTopologyTransaction, TopologyTransaction};
use synod_types::Fingerprint;
use tonic::{Code, Status};

use super::connecting::{AdminChannel, MAX_ANSWER_BYTES, PART_BYTES};
use super::stores::temporary;
use super::{AdminCallError, NodeAdmin, TopologyStore, times};

/// So long owners wait for what they add. A store in memory does not let them wait.
const EFFECTIVE_SECONDS: i64 = 60;

/// What is to be signed and added to a store.
#[derive(Debug, Clone)]
pub(crate) struct TopologyChange {
    /// Replace or remove.
    pub(crate) operation: Operation,
    /// Which change of the mapping it is, from 1.
    pub(crate) serial: u32,
    /// The mapping.
    pub(crate) mapping: TopologyMapping,
}

/// How a node signs a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signing {
    /// The keys to sign with; the node chooses when there are none.
    pub(crate) keys: Vec<Fingerprint>,
    /// Checks to be passed over.
    pub(crate) force: Vec<ForceFlag>,
}

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
        self.signed(answer)
    }

    fn signed(&self, answer: AuthorizeResponse) -> Result<SignedTopologyTransaction, AdminCallError> {
        let bytes = answer.transaction.map(|transaction| transaction.encode_to_vec()).unwrap_or_default();
        SignedTopologyTransaction::parse_unversioned(&bytes, self.version).map_err(|source| AdminCallError::Answer {
            node: self.name.clone(),
            call: "Authorize",
            source,
        })
    }

    /// Has the node sign a change and add it to a store, as a proposal as long as signatures are missing. In the store of the
    /// synchronizer the node has observed it when this returns, or `wait` is over, which is an error.
    pub(crate) async fn propose(
        &self,
        store: &TopologyStore,
        change: &TopologyChange,
        signing: &Signing,
        wait: Duration,
    ) -> Result<SignedTopologyTransaction, AdminCallError> {
        let proposal = Proposal {
            change: change.operation.number(),
            serial: change.serial,
            mapping: Some(change.mapping.clone()),
        };
        self.sign(store, AuthorizeType::Proposal(proposal), signing, wait).await
    }

    /// Has the node sign what is in a store, in force or proposed, by its hash. Nobody waits until that is observed.
    pub(crate) async fn sign_by_hash(
        &self,
        store: &TopologyStore,
        hash: &Hash,
        signing: &Signing,
    ) -> Result<SignedTopologyTransaction, AdminCallError> {
        self.sign(store, AuthorizeType::TransactionHash(hash.to_hex()), signing, Duration::ZERO).await
    }

    async fn sign(
        &self,
        store: &TopologyStore,
        what: AuthorizeType,
        signing: &Signing,
        wait: Duration,
    ) -> Result<SignedTopologyTransaction, AdminCallError> {
        let request = AuthorizeRequest {
            r#type: Some(what),
            must_fully_authorize: false,
            force_changes: signing.force.iter().map(|flag| i32::from(*flag)).collect(),
            signed_by: signing.keys.iter().map(ToString::to_string).collect(),
            store: Some(store.to_proto()),
            wait_to_become_effective: Some(times::duration(wait)),
        };
        let answer = self.write().authorize(request).await.map_err(self.refused("Authorize"))?.into_inner();
        self.signed(answer)
    }

    /// Adds what [`Self::export_topology`] gave to a store; waits as [`Self::propose`].
    pub(crate) async fn import_topology(
        &self,
        store: &TopologyStore,
        snapshot: &Bytes,
        wait: Duration,
    ) -> Result<(), AdminCallError> {
        let part = |start: usize| ImportTopologySnapshotV2Request {
            topology_snapshot: snapshot.slice(start..snapshot.len().min(start + PART_BYTES)),
            store: Some(store.to_proto()),
            wait_to_become_effective: Some(times::duration(wait)),
        };
        let parts: Vec<_> = (0..snapshot.len()).step_by(PART_BYTES).map(part).collect();
        let imported = self.write().import_topology_snapshot_v2(tokio_stream::iter(parts)).await;
        imported.map(|_| ()).map_err(self.refused("ImportTopologySnapshotV2"))
    }
}

/// Canton's error for a store that is there already has the code of an operation in the wrong state.
fn is_known(status: &Status) -> bool {
    status.message().contains("TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS")
}
