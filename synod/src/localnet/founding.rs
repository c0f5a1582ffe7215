//! Founds a synchronizer at sequencers that wait for one, over their administration API as an operator would.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use synod_crypto::{KeyGenerationFault, KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_proto::admin::sequencer::v30::SequencerStatusRequest;
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind;
use synod_proto::sequencer::admin::v30::InitializeSequencerFromGenesisStateV2Request;
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_proto::topology::admin::v30::{BaseQuery, GetIdRequest, ListAllV2Request, StoreId, store_id};
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_rpc::topology::admin::v30::topology_manager_read_service_client::TopologyManagerReadServiceClient;
use synod_topology::build::{self, BuildError, Founding};
use synod_topology::genesis::{Genesis, InvalidGenesis, encode_v2};
use synod_topology::{
    DynamicSynchronizerParameters, InvalidMessage, SignedTopologyTransaction, StaticSynchronizerParameters,
};
use synod_types::{InvalidIdentifier, Namespace, ProtocolVersion, SequencerId, UniqueIdentifier};
use thiserror::Error;
use tonic::transport::{Channel, Endpoint};

use super::files;

/// Name of the synchronizer.
const SYNCHRONIZER: &str = "localnet";
/// Parts of a genesis, as large as the Console's.
const PART_BYTES: usize = 2 * 1024 * 1024;
const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// The synchronizer could not be founded.
#[derive(Debug, Error)]
pub(crate) enum FoundingError {
    #[error("the administration API at {url} cannot be reached")]
    Connect {
        url: String,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("{call} was refused")]
    Call {
        call: &'static str,
        #[source]
        status: Box<tonic::Status>,
    },
    #[error("the sequencer has no identity")]
    NoIdentity,
    #[error("an identity of a sequencer cannot be read")]
    Identity(#[from] InvalidIdentifier),
    #[error("a topology transaction of a sequencer cannot be read")]
    Transaction(#[from] InvalidMessage),
    #[error("the topology of the founder cannot be made")]
    Build(#[from] BuildError),
    #[error("the genesis is not valid")]
    Genesis(#[from] InvalidGenesis),
    #[error("the key of the founder cannot be made")]
    Key(#[from] KeyGenerationFault),
    #[error("{path} cannot be read or written")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The administration API of one sequencer.
#[derive(Debug, Clone)]
struct Admin(Channel);

impl Admin {
    async fn open(url: &str) -> Result<Self, FoundingError> {
        let failed = |source| FoundingError::Connect { url: url.to_owned(), source };
        let endpoint = Endpoint::new(url.to_owned()).map_err(failed)?;
        endpoint.connect().await.map(Self).map_err(failed)
    }

    async fn is_running(&self) -> Result<bool, FoundingError> {
        let response = SequencerStatusServiceClient::new(self.0.clone())
            .sequencer_status(SequencerStatusRequest {})
            .await
            .map_err(refused("SequencerStatus"))?;
        Ok(matches!(response.into_inner().kind, Some(Kind::Status(_))))
    }

    async fn sequencer(&self) -> Result<SequencerId, FoundingError> {
        let id = IdentityInitializationServiceClient::new(self.0.clone())
            .get_id(GetIdRequest {})
            .await
            .map_err(refused("GetId"))?
            .into_inner();
        if !id.initialized {
            return Err(FoundingError::NoIdentity);
        }
        Ok(SequencerId::new(UniqueIdentifier::parse(&id.unique_identifier)?))
    }

    /// What the node says about itself: its namespace and keys.
    async fn identity(&self) -> Result<Vec<SignedTopologyTransaction>, FoundingError> {
        let base_query = BaseQuery {
            store: Some(StoreId { store: Some(store_id::Store::Authorized(store_id::Authorized {})) }),
            time_query: Some(TimeQuery::HeadState(())),
            ..BaseQuery::default()
        };
        let request = ListAllV2Request { base_query: Some(base_query), ..ListAllV2Request::default() };
        let result = TopologyManagerReadServiceClient::new(self.0.clone())
            .list_all_v2(request)
            .await
            .map_err(refused("ListAllV2"))?
            .into_inner()
            .result;
        let items = result.map(|transactions| transactions.items).unwrap_or_default();
        let parsed = items.iter().map(|item| SignedTopologyTransaction::parse(&item.transaction, VERSION));
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    async fn initialize(
        &self,
        genesis: &Bytes,
        parameters: &StaticSynchronizerParameters,
    ) -> Result<(), FoundingError> {
        let parts: Vec<_> = genesis
            .chunks(PART_BYTES)
            .map(|part| InitializeSequencerFromGenesisStateV2Request {
                topology_snapshot: Bytes::copy_from_slice(part),
                synchronizer_parameters: Some(parameters.to_proto()),
            })
            .collect();
        SequencerInitializationServiceClient::new(self.0.clone())
            .initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(parts))
            .await
            .map_err(refused("InitializeSequencerFromGenesisStateV2"))?;
        Ok(())
    }
}

/// Founds a synchronizer at the sequencers whose administration APIs are at `urls`, unless they are part of one already.
/// The founder's key is kept in `owner_key`: it alone governs the synchronizer. What the synchronizer begins with is kept
/// in `genesis_file`, so that a founding that was interrupted goes on with the same.
pub(super) async fn found(urls: &[String], owner_key: &Path, genesis_file: &Path) -> Result<(), FoundingError> {
    let mut waiting = Vec::new();
    let mut admins = Vec::new();
    for url in urls {
        let admin = Admin::open(url).await?;
        if !admin.is_running().await? {
            waiting.push(admin.clone());
        }
        admins.push(admin);
    }
    if waiting.is_empty() {
        return Ok(());
    }
    let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
    let genesis = match read(genesis_file)? {
        Some(genesis) => genesis,
        None => {
            let genesis = make_genesis(&admins, parameters.clone(), owner_key).await?;
            write(genesis_file, &genesis)?;
            genesis
        }
    };
    for admin in waiting {
        admin.initialize(&genesis, &parameters).await?;
    }
    Ok(())
}

async fn make_genesis(
    admins: &[Admin],
    parameters: StaticSynchronizerParameters,
    owner_key: &Path,
) -> Result<Bytes, FoundingError> {
    let owner = SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, KeyUsages::NAMESPACE)?;
    write(owner_key, &owner.to_pkcs8())?;
    let (mut sequencers, mut transactions) = (Vec::new(), Vec::new());
    for admin in admins {
        sequencers.push(admin.sequencer().await?);
        transactions.extend(admin.identity().await?);
    }
    transactions.extend(founder_transactions(&owner, sequencers)?);
    let genesis = Genesis::new(parameters, Genesis::prepare(transactions))?;
    Ok(encode_v2(&genesis.rows, VERSION))
}

fn founder_transactions(
    owner: &SigningPrivateKey,
    sequencers: Vec<SequencerId>,
) -> Result<Vec<SignedTopologyTransaction>, BuildError> {
    let namespace = Namespace::new(owner.public_key().fingerprint().clone());
    let founding = Founding::new(SYNCHRONIZER, BTreeSet::from([namespace]), 1, VERSION)?;
    let mut signed = vec![build::root_certificate(owner, VERSION)?];
    let agreed = [
        founding.namespace()?,
        founding.parameters(DynamicSynchronizerParameters::default())?,
        founding.sequencers(trust_threshold(sequencers.len()), sequencers, Vec::new())?,
    ];
    for transaction in agreed {
        signed.push(build::sign(transaction, [owner], false)?);
    }
    Ok(signed)
}

/// So many equal answers come from at least one honest sequencer, when less than a third of all are faulty.
fn trust_threshold(sequencers: usize) -> u32 {
    u32::try_from(sequencers.saturating_sub(1) / 3 + 1).unwrap_or(u32::MAX)
}

fn read(path: &Path) -> Result<Option<Bytes>, FoundingError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FoundingError::File { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), FoundingError> {
    files::write(path, bytes).map_err(|source| FoundingError::File { path: path.to_owned(), source })
}

fn refused(call: &'static str) -> impl FnOnce(tonic::Status) -> FoundingError {
    move |status| FoundingError::Call { call, status: Box::new(status) }
}
