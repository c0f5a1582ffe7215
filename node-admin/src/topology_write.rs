//! `TopologyManagerWriteService`: changes the node's topology stores (chapter 05 §1.4).

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use prost::Message;
use synod_crypto::Hash;
use synod_proto::protocol::v30 as protocol;
use synod_proto::topology::admin::v30 as admin;
use synod_rpc::topology::admin::v30::topology_manager_write_service_server::{
    TopologyManagerWriteService, TopologyManagerWriteServiceServer,
};
use synod_topology::genesis::{StoredTransaction, parse_v1, parse_v2};
use synod_topology::{InvalidMessage, Mapping, Operation, SignedTopologyTransaction};
use synod_types::{Fingerprint, ProtocolVersion};
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::errors::{AdminError, Trace, malformed};
use crate::server::{MAX_INBOUND_MESSAGE_BYTES, MAX_STREAM_BYTES};
use crate::stores::{Change, Effective, ForceFlags, Proposal, StoreName, TopologyStores, temporary_name};
use crate::{StageReceiver, times};

/// Topology messages are the same in all protocol versions.
const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// Serves changes of the stores of a node.
#[derive(Debug, Clone)]
pub struct TopologyWriteAdmin {
    stage: StageReceiver,
    stores: TopologyStores,
}

impl TopologyWriteAdmin {
    /// The service of the node whose stage this is, over its stores.
    #[must_use]
    pub const fn new(stage: StageReceiver, stores: TopologyStores) -> Self {
        Self { stage, stores }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> TopologyManagerWriteServiceServer<Self> {
        TopologyManagerWriteServiceServer::new(self).max_decoding_message_size(MAX_INBOUND_MESSAGE_BYTES)
    }

    /// The content of a call and its trace, once the service exists.
    fn enter<T>(&self, request: Request<T>) -> Result<(T, Trace), Status> {
        self.stage.uid_or_unimplemented("TopologyManagerWriteService")?;
        let trace = Trace::of(&request);
        Ok((request.into_inner(), trace))
    }

    async fn authorize_change(
        &self,
        request: admin::AuthorizeRequest,
    ) -> Result<(SignedTopologyTransaction, Waiting), AdminError> {
        let change = match request.r#type.ok_or_else(|| malformed("field `AuthorizeRequest.type` is not set"))? {
            admin::authorize_request::Type::TransactionHash(hash) => {
                Change::Existing(Hash::from_hex(&hash).map_err(malformed)?)
            }
            admin::authorize_request::Type::Proposal(proposal) => {
                Change::Proposal(Box::new(parse_proposal(proposal.change, proposal.serial, proposal.mapping)?))
            }
        };
        let signed_by = fingerprints(&request.signed_by)?;
        let force = ForceFlags::parse(&request.force_changes)?;
        // By hash it is never waited for.
        let is_proposal = matches!(change, Change::Proposal(_));
        let wait = parse_wait(request.wait_to_become_effective)?.filter(|_| is_proposal);
        let store = StoreName::required(request.store)?;
        let must_fully_authorize = request.must_fully_authorize;
        let (signed, effective) =
            self.stores.authorize(&store, change, &signed_by, must_fully_authorize, &force).await?;
        Ok((signed, Waiting { task: "proposeAndAuthorize-wait-for-effective", limit: wait, effective }))
    }

    async fn add(&self, request: admin::AddTransactionsRequest) -> Result<Waiting, AdminError> {
        let store = StoreName::required(request.store)?;
        let force = ForceFlags::parse(&request.force_changes)?;
        let transactions = signed_transactions(&request.transactions)?;
        let limit = parse_wait(request.wait_to_become_effective)?;
        let effective = self.stores.add(&store, transactions, &force).await?;
        Ok(Waiting { task: ADDED, limit, effective })
    }

    async fn sign(
        &self,
        request: admin::SignTransactionsRequest,
    ) -> Result<Vec<SignedTopologyTransaction>, AdminError> {
        let transactions = signed_transactions(&request.transactions)?;
        let signed_by = fingerprints(&request.signed_by)?;
        let force = ForceFlags::parse(&request.force_flags)?;
        let store = StoreName::required(request.store)?;
        self.stores.sign(&store, transactions, &signed_by, &force).await
    }

    async fn generate(
        &self,
        request: admin::GenerateTransactionsRequest,
    ) -> Result<Vec<admin::generate_transactions_response::GeneratedTransaction>, AdminError> {
        let mut generated = Vec::with_capacity(request.proposals.len());
        for proposal in request.proposals {
            let store = StoreName::required(proposal.store)?;
            let proposal = parse_proposal(proposal.operation, proposal.serial, proposal.mapping)?;
            let transaction = self.stores.generate(&store, &proposal).await?;
            generated.push(admin::generate_transactions_response::GeneratedTransaction {
                serialized_transaction: transaction.bytes().clone(),
                transaction_hash: Bytes::copy_from_slice(&transaction.hash().multihash()),
            });
        }
        Ok(generated)
    }

    async fn import(&self, import: Import, parse: ParseSnapshot) -> Result<Waiting, AdminError> {
        let stored = parse(&import.snapshot, VERSION).map_err(invalid)?;
        let limit = parse_wait(import.wait)?;
        let store = StoreName::required(import.store)?;
        let transactions = stored.into_iter().map(|stored| stored.transaction).collect();
        let effective = self.stores.add(&store, transactions, &ForceFlags::all()).await?;
        Ok(Waiting { task: ADDED, limit, effective })
    }
}

type ParseSnapshot = fn(&Bytes, ProtocolVersion) -> Result<Vec<StoredTransaction>, InvalidMessage>;

/// The parts of an import, put together.
#[derive(Debug, Default)]
struct Import {
    snapshot: Bytes,
    store: Option<admin::StoreId>,
    wait: Option<prost_types::Duration>,
}

type Part = (Bytes, Option<admin::StoreId>, Option<prost_types::Duration>);

/// Reads all parts, which have to agree in everything but their bytes.
async fn collect<T>(mut parts: Streaming<T>, take: fn(T) -> Part, trace: &Trace) -> Result<Import, Status> {
    let (mut snapshot, mut first) = (BytesMut::new(), None);
    while let Some(part) = parts.message().await? {
        let (bytes, store, wait) = take(part);
        let context = (store, wait);
        if first.as_ref().is_some_and(|first| *first != context) {
            return Err(malformed("the messages of the import differ in their store or wait").status(trace));
        }
        if snapshot.len() + bytes.len() > MAX_STREAM_BYTES {
            return Err(malformed("the import is larger than 512 MiB").status(trace));
        }
        snapshot.extend_from_slice(&bytes);
        first = Some(context);
    }
    let (store, wait) = first.ok_or_else(|| malformed("the import is empty").status(trace))?;
    Ok(Import { snapshot: snapshot.freeze(), store, wait })
}

fn invalid(error: InvalidMessage) -> AdminError {
    malformed(synod_runtime::Chain(&error))
}

fn fingerprints(texts: &[String]) -> Result<BTreeSet<Fingerprint>, AdminError> {
    texts.iter().map(|text| Fingerprint::parse(text).map_err(malformed)).collect()
}

/// What Canton calls the wait of a call that adds transactions.
const ADDED: &str = "addTransactions-wait-for-effective";

/// A change that is made, and how long the caller wants to wait for its effect.
struct Waiting {
    task: &'static str,
    limit: Option<Duration>,
    effective: Effective,
}

impl Waiting {
    /// Waits as long as the caller wants to. What was not effective in time becomes effective nevertheless.
    async fn wait(self) -> Result<(), Status> {
        let Some(limit) = self.limit else { return Ok(()) };
        if self.effective.within(limit).await {
            return Ok(());
        }
        Err(Status::internal(format!("Task {} did not complete within {}.", self.task, times::text(limit))))
    }
}

fn parse_wait(wait: Option<prost_types::Duration>) -> Result<Option<Duration>, AdminError> {
    let parse = |wait| times::duration("wait_to_become_effective", Some(wait));
    wait.map(parse).transpose().map_err(|_| malformed("field `wait_to_become_effective` is negative"))
}

fn signed_transactions(
    protos: &[protocol::SignedTopologyTransaction],
) -> Result<Vec<SignedTopologyTransaction>, AdminError> {
    let parse = |proto: &protocol::SignedTopologyTransaction| {
        SignedTopologyTransaction::parse_unversioned(&proto.encode_to_vec(), VERSION).map_err(invalid)
    };
    protos.iter().map(parse).collect()
}

fn parse_proposal(
    operation: i32,
    serial: u32,
    mapping: Option<protocol::TopologyMapping>,
) -> Result<Proposal, AdminError> {
    let serial = if serial == 0 { None } else { Some(serial) };
    if serial.is_some_and(|serial| serial.cast_signed() < 0) {
        return Err(malformed("field `serial` is not positive"));
    }
    let operation = Operation::from_number(operation).map_err(malformed)?;
    let mapping = mapping.ok_or_else(|| malformed("field `mapping` is not set"))?;
    let received = mapping.clone();
    Ok(Proposal { operation, serial, mapping: Mapping::from_proto(mapping).map_err(invalid)?, received })
}

#[async_trait]
impl TopologyManagerWriteService for TopologyWriteAdmin {
    async fn authorize(
        &self,
        request: Request<admin::AuthorizeRequest>,
    ) -> Result<Response<admin::AuthorizeResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let (signed, waiting) = self.authorize_change(request).await.map_err(|error| error.status(&trace))?;
        waiting.wait().await?;
        Ok(Response::new(admin::AuthorizeResponse { transaction: Some(signed.to_proto()) }))
    }

    async fn add_transactions(
        &self,
        request: Request<admin::AddTransactionsRequest>,
    ) -> Result<Response<admin::AddTransactionsResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        self.add(request).await.map_err(|error| error.status(&trace))?.wait().await?;
        Ok(Response::new(admin::AddTransactionsResponse {}))
    }

    async fn import_topology_snapshot(
        &self,
        request: Request<Streaming<admin::ImportTopologySnapshotRequest>>,
    ) -> Result<Response<admin::ImportTopologySnapshotResponse>, Status> {
        let (parts, trace) = self.enter(request)?;
        let take = |part: admin::ImportTopologySnapshotRequest| {
            (part.topology_snapshot, part.store, part.wait_to_become_effective)
        };
        let import = collect(parts, take, &trace).await?;
        self.import(import, parse_v1).await.map_err(|error| error.status(&trace))?.wait().await?;
        Ok(Response::new(admin::ImportTopologySnapshotResponse {}))
    }

    async fn import_topology_snapshot_v2(
        &self,
        request: Request<Streaming<admin::ImportTopologySnapshotV2Request>>,
    ) -> Result<Response<admin::ImportTopologySnapshotV2Response>, Status> {
        let (parts, trace) = self.enter(request)?;
        let take = |part: admin::ImportTopologySnapshotV2Request| {
            (part.topology_snapshot, part.store, part.wait_to_become_effective)
        };
        let import = collect(parts, take, &trace).await?;
        self.import(import, parse_v2).await.map_err(|error| error.status(&trace))?.wait().await?;
        Ok(Response::new(admin::ImportTopologySnapshotV2Response {}))
    }

    async fn sign_transactions(
        &self,
        request: Request<admin::SignTransactionsRequest>,
    ) -> Result<Response<admin::SignTransactionsResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let signed = self.sign(request).await.map_err(|error| error.status(&trace))?;
        let transactions = signed.iter().map(SignedTopologyTransaction::to_proto).collect();
        Ok(Response::new(admin::SignTransactionsResponse { transactions }))
    }

    async fn generate_transactions(
        &self,
        request: Request<admin::GenerateTransactionsRequest>,
    ) -> Result<Response<admin::GenerateTransactionsResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let generated_transactions = self.generate(request).await.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::GenerateTransactionsResponse { generated_transactions }))
    }

    async fn create_temporary_topology_store(
        &self,
        request: Request<admin::CreateTemporaryTopologyStoreRequest>,
    ) -> Result<Response<admin::CreateTemporaryTopologyStoreResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let create = || {
            // Topology is the same in all protocol versions: a store does not keep its own.
            let number = i32::try_from(request.protocol_version).map_err(malformed)?;
            ProtocolVersion::of_number(number).map_err(malformed)?;
            let name = temporary_name(request.name)?;
            self.stores.create_temporary(&name)?;
            Ok(name)
        };
        let name = create().map_err(|error: AdminError| error.status(&trace))?;
        let store_id = Some(admin::store_id::Temporary { name });
        Ok(Response::new(admin::CreateTemporaryTopologyStoreResponse { store_id }))
    }

    async fn drop_temporary_topology_store(
        &self,
        request: Request<admin::DropTemporaryTopologyStoreRequest>,
    ) -> Result<Response<admin::DropTemporaryTopologyStoreResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        let name = request.store_id.ok_or_else(|| malformed("field `store_id` is not set"));
        let dropped = name.and_then(|id| self.stores.drop_temporary(&id.name));
        dropped.map_err(|error| error.status(&trace))?;
        Ok(Response::new(admin::DropTemporaryTopologyStoreResponse {}))
    }
}
