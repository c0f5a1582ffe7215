//! A checked connection to a sequencer (chapter 01 §2, steps 1 to 5).

use std::time::Duration;

use synod_proto::connection::v30::GetApiInfoRequest;
use synod_proto::sequencer::api::v30::sequencer_connect::get_synchronizer_parameters_response::Parameters;
use synod_proto::sequencer::api::v30::sequencer_connect::handshake_response::Value as HandshakeValue;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    GetSynchronizerIdRequest, GetSynchronizerParametersRequest, HandshakeRequest,
};
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_rpc::sequencer::api::v30::sequencer_connect_service_client::SequencerConnectServiceClient;
use synod_topology::StaticSynchronizerParameters;
use synod_types::{PhysicalSynchronizerId, ProtocolVersion, SequencerId, UniqueIdentifier};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::call::{answer, within};
use crate::{ClientError, ClientIdentity};

/// Release that we say we are: what a participant of the same release says.
pub(crate) const CLIENT_VERSION: &str = "3.5.10";
/// Protocol versions that we speak.
pub(crate) const CLIENT_PROTOCOL_VERSIONS: [i32; 1] = [ProtocolVersion::V35.number()];
/// Largest message that we take (chapter 01 §1.6).
pub(crate) const MAX_INBOUND_BYTES: usize = 128 * 1024 * 1024;

const PUBLIC_API: &str = "sequencer-public-api";
const FLOW_WINDOW_BYTES: u32 = 1024 * 1024;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(40);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How to connect.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// Certificates (PEM) of authorities to trust, for `https`; those of the system when absent.
    pub trusted_certificates: Option<Vec<u8>>,
    /// What to show to a server that asks for a certificate, for `https`.
    pub identity: Option<ClientIdentity>,
    /// Longest wait for the connection, and then for what the sequencer says about itself; 10 s each when absent.
    pub timeout: Option<Duration>,
}

/// A connection to a sequencer that said who it is. Clones share it. When it breaks, the next call opens it again.
#[derive(Debug, Clone)]
pub struct SequencerConnection {
    pub(crate) channel: Channel,
    url: String,
    served: Served,
}

/// What a sequencer says about itself. It stays so as long as the sequencer lives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Served {
    psid: PhysicalSynchronizerId,
    sequencer: SequencerId,
    static_parameters: StaticSynchronizerParameters,
}

impl SequencerConnection {
    /// Connects to `url` (`http://HOST:PORT`) and asks which API, synchronizer and sequencer are there.
    ///
    /// # Errors
    /// [`ClientError`] when it cannot be reached, or is no sequencer of a protocol version that we speak.
    pub async fn open(url: &str, options: &ConnectOptions) -> Result<Self, ClientError> {
        let channel = connect(url, options).await?;
        // In plain text a connection stands before the other side has said a word.
        let limit = options.timeout.unwrap_or(CONNECT_LIMIT);
        let served = within("the answer about itself", limit, ask(&channel)).await?;
        Ok(Self { channel, url: url.to_owned(), served })
    }

    /// Asks again: whoever answers there now has to be the same sequencer of the same synchronizer.
    ///
    /// # Errors
    /// [`ClientError`] as [`Self::open`]; [`ClientError::Answer`] when it is another one.
    pub async fn validate(&self) -> Result<(), ClientError> {
        let served = within("the answer about itself", CONNECT_LIMIT, ask(&self.channel)).await?;
        if served == self.served {
            return Ok(());
        }
        let (now, before) = (&served, &self.served);
        let what = format!("{} of {}, before {} of {}", now.sequencer, now.psid, before.sequencer, before.psid);
        Err(ClientError::answer("GetSynchronizerId", format!("another sequencer or other parameters: {what}")))
    }

    /// Where it leads.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The synchronizer.
    #[must_use]
    pub const fn psid(&self) -> &PhysicalSynchronizerId {
        &self.served.psid
    }

    /// The sequencer.
    #[must_use]
    pub const fn sequencer(&self) -> &SequencerId {
        &self.served.sequencer
    }

    /// The synchronizer's static parameters.
    #[must_use]
    pub const fn static_parameters(&self) -> &StaticSynchronizerParameters {
        &self.served.static_parameters
    }
}

async fn connect(url: &str, options: &ConnectOptions) -> Result<Channel, ClientError> {
    let limit = options.timeout.unwrap_or(CONNECT_LIMIT);
    let address = || ClientError::Address(url.to_owned());
    let unreachable = |source| ClientError::Connect { url: url.to_owned(), source };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(address());
    }
    let mut endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|_| address())?
        .tcp_nodelay(true)
        .connect_timeout(limit)
        .initial_stream_window_size(FLOW_WINDOW_BYTES)
        .initial_connection_window_size(FLOW_WINDOW_BYTES * 4)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    if url.starts_with("https://") {
        let tls = match &options.trusted_certificates {
            Some(certificates) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificates)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        let tls = match &options.identity {
            Some(identity) => identity.shown_by(tls),
            None => tls,
        };
        endpoint = endpoint.tls_config(tls).map_err(unreachable)?;
    }
    // The limit of the endpoint is that of TCP; a server that does not answer the handshakes above it is none.
    within("the connection", limit, async { endpoint.connect().await.map_err(unreachable) }).await
}

/// Asks in the order in which Canton's participants do.
async fn ask(channel: &Channel) -> Result<Served, ClientError> {
    let mut info = ApiInfoServiceClient::new(channel.clone());
    let info = answer("GetApiInfo", info.get_api_info(GetApiInfoRequest {})).await?;
    if info.name != PUBLIC_API {
        return Err(ClientError::answer("GetApiInfo", format!("the port serves `{}`", info.name)));
    }
    let mut connect = SequencerConnectServiceClient::new(channel.clone());
    let version = handshake(&mut connect).await?;
    let id = answer("GetSynchronizerId", connect.get_synchronizer_id(GetSynchronizerIdRequest {})).await?;
    let wrong = |error| ClientError::answer("GetSynchronizerId", error);
    let psid = PhysicalSynchronizerId::parse(&id.physical_synchronizer_id).map_err(wrong)?;
    let sequencer = SequencerId::new(UniqueIdentifier::parse(&id.sequencer_uid).map_err(wrong)?);
    let static_parameters = static_parameters(&mut connect).await?;
    let (found, serial) = (static_parameters.protocol_version, static_parameters.serial);
    // Canton does not compare them here and fails later instead (chapter 01 §2, step 5).
    if (version, found, serial) != (psid.protocol_version(), psid.protocol_version(), psid.serial()) {
        let what = format!("handshake of {version} and parameters of {found}-{serial} for {psid}");
        return Err(ClientError::answer("GetSynchronizerParameters", what));
    }
    Ok(Served { psid, sequencer, static_parameters })
}

async fn handshake(connect: &mut SequencerConnectServiceClient<Channel>) -> Result<ProtocolVersion, ClientError> {
    const CALL: &str = "Handshake";
    let request = HandshakeRequest {
        client_protocol_versions: CLIENT_PROTOCOL_VERSIONS.to_vec(),
        minimum_protocol_version: None,
        client_version: CLIENT_VERSION.to_owned(),
    };
    let response = answer(CALL, connect.handshake(request)).await?;
    match response.value {
        Some(HandshakeValue::Success(_)) => ProtocolVersion::of_number(response.server_protocol_version)
            .map_err(|error| ClientError::answer(CALL, error)),
        None => Err(ClientError::answer(CALL, "neither accepted nor refused")),
    }
}

async fn static_parameters(
    connect: &mut SequencerConnectServiceClient<Channel>,
) -> Result<StaticSynchronizerParameters, ClientError> {
    const CALL: &str = "GetSynchronizerParameters";
    let response = answer(CALL, connect.get_synchronizer_parameters(GetSynchronizerParametersRequest {})).await?;
    let Some(Parameters::ParametersV1(proto)) = response.parameters else {
        return Err(ClientError::answer(CALL, "there are none"));
    };
    StaticSynchronizerParameters::from_proto(proto).map_err(|error| ClientError::answer(CALL, error))
}
