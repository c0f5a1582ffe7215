//! The calls to the administration API of one node.

use bytes::Bytes;
use prost::Message;
use synod_proto::admin::mediator::v30::MediatorStatusRequest;
use synod_proto::admin::mediator::v30::mediator_status_response::Kind as MediatorKind;
use synod_proto::admin::sequencer::v30::SequencerStatusRequest;
use synod_proto::admin::sequencer::v30::sequencer_connection::{Grpc, Type as ConnectionType};
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind as SequencerKind;
use synod_proto::admin::sequencer::v30::{
    SequencerConnection, SequencerConnectionPoolDelays, SequencerConnectionValidation, SequencerConnections,
    SubmissionRequestAmplification,
};
use synod_proto::mediator::admin::v30::InitializeMediatorRequest;
use synod_proto::protocol::v30::enums::TopologyChangeOp;
use synod_proto::sequencer::admin::v30::InitializeSequencerFromGenesisStateV2Request;
use synod_proto::topology::admin::v30::authorize_request::{Proposal, Type as AuthorizeType};
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_proto::topology::admin::v30::{
    AddTransactionsRequest, AuthorizeRequest, BaseQuery, CreateTemporaryTopologyStoreRequest,
    DropTemporaryTopologyStoreRequest, ForceFlag, GenesisStateV2Request, GetIdRequest, ListAllV2Request, StoreId,
    store_id,
};
use synod_rpc::admin::mediator::v30::mediator_status_service_client::MediatorStatusServiceClient;
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_rpc::mediator::admin::v30::mediator_initialization_service_client::MediatorInitializationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;
use synod_topology::{
    InvalidMessage, MappingCode, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyTransaction,
};
use synod_types::{CantonTimestamp, InvalidIdentifier, ProtocolVersion, UniqueIdentifier};
use thiserror::Error;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::bootstrap::SequencerEntry;

/// A call to the administration API of a node came to nothing.
#[derive(Debug, Error)]
pub(crate) enum AdminCallError {
    #[error("{node} at {url} cannot be reached")]
    Connect {
        node: String,
        url: String,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("{node} refused {call}")]
    Call {
        node: String,
        call: &'static str,
        #[source]
        status: Box<Status>,
    },
    #[error("{node} gave an answer to {call} that cannot be read")]
    Answer {
        node: String,
        call: &'static str,
        #[source]
        source: InvalidMessage,
    },
    #[error("the identity that {node} gives cannot be read")]
    Identity {
        node: String,
        #[source]
        source: InvalidIdentifier,
    },
    #[error("{0} has no identity yet: make one first, or let the node make it (init.identity.type = \"auto\")")]
    NoIdentity(String),
}

/// Parts of a genesis, as large as the Console's.
const PART_BYTES: usize = 2 * 1024 * 1024;
/// Of every answer: a genesis may be large.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// So long owners wait for what they add. A store in memory does not let them wait.
const EFFECTIVE_SECONDS: i64 = 60;

/// The administration API of one node.
#[derive(Debug, Clone)]
pub(crate) struct NodeAdmin {
    /// Its name in the description.
    pub(crate) name: String,
    channel: Channel,
    version: ProtocolVersion,
}

impl NodeAdmin {
    pub(crate) async fn connect(name: &str, url: &str, version: ProtocolVersion) -> Result<Self, AdminCallError> {
        let failed = |source| AdminCallError::Connect { node: name.to_owned(), url: url.to_owned(), source };
        let endpoint = Endpoint::new(url.to_owned()).map_err(failed)?;
        let channel = endpoint.connect().await.map_err(failed)?;
        Ok(Self { name: name.to_owned(), channel, version })
    }

    fn refused(&self, call: &'static str) -> impl FnOnce(Status) -> AdminCallError {
        let node = self.name.clone();
        move |status| AdminCallError::Call { node, call, status: Box::new(status) }
    }

    fn parse(&self, call: &'static str, versioned: &Bytes) -> Result<SignedTopologyTransaction, AdminCallError> {
        SignedTopologyTransaction::parse(versioned, self.version).map_err(|source| AdminCallError::Answer {
            node: self.name.clone(),
            call,
            source,
        })
    }

    fn write(&self) -> TopologyManagerWriteServiceClient<Channel> {
        TopologyManagerWriteServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    fn read(&self) -> TopologyManagerReadServiceClient<Channel> {
        TopologyManagerReadServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The identity of the node.
    pub(crate) async fn uid(&self) -> Result<UniqueIdentifier, AdminCallError> {
        let mut service = IdentityInitializationServiceClient::new(self.channel.clone());
        let id = service.get_id(GetIdRequest {}).await.map_err(self.refused("GetId"))?.into_inner();
        if !id.initialized {
            return Err(AdminCallError::NoIdentity(self.name.clone()));
        }
        UniqueIdentifier::parse(&id.unique_identifier)
            .map_err(|source| AdminCallError::Identity { node: self.name.clone(), source })
    }

    /// What the node says about itself: its namespace and keys.
    pub(crate) async fn identity(
        &self,
        uid: &UniqueIdentifier,
    ) -> Result<Vec<SignedTopologyTransaction>, AdminCallError> {
        const CALL: &str = "ListAllV2";
        let base_query = BaseQuery {
            store: Some(authorized()),
            operation: TopologyChangeOp::AddReplace.into(),
            time_query: Some(TimeQuery::HeadState(())),
            ..BaseQuery::default()
        };
        let request = ListAllV2Request {
            base_query: Some(base_query),
            include_mappings: [MappingCode::NamespaceDelegation, MappingCode::OwnerToKeyMapping]
                .map(|code| code.code().to_owned())
                .to_vec(),
            filter_namespace: uid.namespace().to_string(),
        };
        let answer = self.read().list_all_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let items = answer.result.map(|transactions| transactions.items).unwrap_or_default();
        items.iter().map(|item| self.parse(CALL, &item.transaction)).collect()
    }

    /// The status of a sequencer.
    pub(crate) async fn sequencer_status(&self) -> Result<Option<SequencerKind>, AdminCallError> {
        let mut service = SequencerStatusServiceClient::new(self.channel.clone());
        let answer =
            service.sequencer_status(SequencerStatusRequest {}).await.map_err(self.refused("SequencerStatus"))?;
        Ok(answer.into_inner().kind)
    }

    /// The status of a mediator.
    pub(crate) async fn mediator_status(&self) -> Result<Option<MediatorKind>, AdminCallError> {
        let mut service = MediatorStatusServiceClient::new(self.channel.clone());
        let answer = service.mediator_status(MediatorStatusRequest {}).await.map_err(self.refused("MediatorStatus"))?;
        Ok(answer.into_inner().kind)
    }

    /// The synchronizer that a sequencer is part of.
    pub(crate) async fn sequencer_synchronizer(&self) -> Result<Option<String>, AdminCallError> {
        Ok(match self.sequencer_status().await? {
            Some(SequencerKind::Status(status)) => Some(status.physical_synchronizer_id),
            _ => None,
        })
    }

    /// The synchronizer that a mediator is part of.
    pub(crate) async fn mediator_synchronizer(&self) -> Result<Option<String>, AdminCallError> {
        Ok(match self.mediator_status().await? {
            Some(MediatorKind::Status(status)) => Some(status.physical_synchronizer_id),
            _ => None,
        })
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

    /// Makes a sequencer part of the synchronizer.
    pub(crate) async fn initialize_sequencer(
        &self,
        genesis: &Bytes,
        parameters: &StaticSynchronizerParameters,
    ) -> Result<(), AdminCallError> {
        let parts: Vec<_> = (0..genesis.len())
            .step_by(PART_BYTES)
            .map(|start| InitializeSequencerFromGenesisStateV2Request {
                topology_snapshot: genesis.slice(start..genesis.len().min(start + PART_BYTES)),
                synchronizer_parameters: Some(parameters.to_proto()),
            })
            .collect();
        let mut service = SequencerInitializationServiceClient::new(self.channel.clone());
        let done = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(parts)).await;
        done.map(|_| ()).map_err(self.refused("InitializeSequencerFromGenesisStateV2"))
    }

    /// Makes a mediator part of the synchronizer: it connects to all of these sequencers, and believes what one says.
    pub(crate) async fn initialize_mediator(
        &self,
        psid: &str,
        sequencers: &[SequencerEntry],
        trust_threshold: u32,
    ) -> Result<(), AdminCallError> {
        let connections = sequencers.iter().map(|sequencer| SequencerConnection {
            alias: sequencer.name.clone(),
            sequencer_id: None,
            r#type: Some(ConnectionType::Grpc(Grpc {
                connections: vec![sequencer.public.clone()],
                transport_security: sequencer.public.starts_with("https://"),
                custom_trust_certificates: None,
            })),
        });
        let amplification = SubmissionRequestAmplification {
            factor: 1,
            patience: Some(prost_types::Duration::default()),
            ..SubmissionRequestAmplification::default()
        };
        let request = InitializeMediatorRequest {
            physical_synchronizer_id: psid.to_owned(),
            sequencer_connections: Some(SequencerConnections {
                sequencer_connections: connections.collect(),
                sequencer_trust_threshold: trust_threshold,
                submission_request_amplification: Some(amplification),
                sequencer_liveness_margin: 0,
                sequencer_connection_pool_delays: Some(pool_delays()),
            }),
            sequencer_connection_validation: SequencerConnectionValidation::Disabled.into(),
        };
        let mut service = MediatorInitializationServiceClient::new(self.channel.clone());
        service.initialize_mediator(request).await.map(|_| ()).map_err(self.refused("InitializeMediator"))
    }
}

/// Canton's defaults; its own mediators refuse connections without delays.
fn pool_delays() -> SequencerConnectionPoolDelays {
    let millis = |millis: i64| {
        let nanos = i32::try_from(millis % 1_000 * 1_000_000).unwrap_or_default();
        Some(prost_types::Duration { seconds: millis / 1_000, nanos })
    };
    SequencerConnectionPoolDelays {
        min_restart_delay: millis(10),
        max_restart_delay: millis(10_000),
        subscription_request_delay: millis(1_000),
        warn_validation_delay: millis(20_000),
    }
}

/// Canton's error for a store that is there already has the code of an operation in the wrong state.
fn is_known(status: &Status) -> bool {
    status.message().contains("TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS")
}

fn authorized() -> StoreId {
    StoreId { store: Some(store_id::Store::Authorized(store_id::Authorized {})) }
}

fn temporary(name: &str) -> StoreId {
    StoreId { store: Some(store_id::Store::Temporary(store_id::Temporary { name: name.to_owned() })) }
}
