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

use crate::ClientError;

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

/// How to connect.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// Certificates (PEM) of authorities to trust, for `https`; those of the system when absent.
    pub trusted_certificates: Option<Vec<u8>>,
    /// Longest wait for the connection; 10 s when absent.
    pub timeout: Option<Duration>,
}

/// A connection to a sequencer that said who it is. Clones share it.
#[derive(Debug, Clone)]
pub struct SequencerConnection {
    pub(crate) channel: Channel,
    url: String,
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
        let info = ApiInfoServiceClient::new(channel.clone())
            .get_api_info(GetApiInfoRequest {})
            .await
            .map_err(ClientError::call("GetApiInfo"))?
            .into_inner();
        if info.name != PUBLIC_API {
            return Err(ClientError::answer("GetApiInfo", format!("the port serves `{}`", info.name)));
        }
        let mut connect = SequencerConnectServiceClient::new(channel.clone());
        handshake(&mut connect).await?;
        let id = connect
            .get_synchronizer_id(GetSynchronizerIdRequest {})
            .await
            .map_err(ClientError::call("GetSynchronizerId"))?
            .into_inner();
        let wrong = |error| ClientError::answer("GetSynchronizerId", error);
        let psid = PhysicalSynchronizerId::parse(&id.physical_synchronizer_id).map_err(wrong)?;
        let sequencer = SequencerId::new(UniqueIdentifier::parse(&id.sequencer_uid).map_err(wrong)?);
        let static_parameters = static_parameters(&mut connect).await?;
        Ok(Self { channel, url: url.to_owned(), psid, sequencer, static_parameters })
    }

    /// Where it leads.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The synchronizer.
    #[must_use]
    pub const fn psid(&self) -> &PhysicalSynchronizerId {
        &self.psid
    }

    /// The sequencer.
    #[must_use]
    pub const fn sequencer(&self) -> &SequencerId {
        &self.sequencer
    }

    /// The synchronizer's static parameters.
    #[must_use]
    pub const fn static_parameters(&self) -> &StaticSynchronizerParameters {
        &self.static_parameters
    }
}

async fn connect(url: &str, options: &ConnectOptions) -> Result<Channel, ClientError> {
    let address = || ClientError::Address(url.to_owned());
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(address());
    }
    let mut endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|_| address())?
        .tcp_nodelay(true)
        .connect_timeout(options.timeout.unwrap_or(Duration::from_secs(10)))
        .initial_stream_window_size(FLOW_WINDOW_BYTES)
        .initial_connection_window_size(FLOW_WINDOW_BYTES * 4)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    if url.starts_with("https://") {
        let mut tls = ClientTlsConfig::new();
        if let Some(certificates) = &options.trusted_certificates {
            tls = tls.ca_certificate(Certificate::from_pem(certificates));
        }
        endpoint = endpoint.tls_config(tls).map_err(|source| ClientError::Connect { url: url.to_owned(), source })?;
    }
    endpoint.connect().await.map_err(|source| ClientError::Connect { url: url.to_owned(), source })
}

async fn handshake(connect: &mut SequencerConnectServiceClient<Channel>) -> Result<(), ClientError> {
    let request = HandshakeRequest {
        client_protocol_versions: CLIENT_PROTOCOL_VERSIONS.to_vec(),
        minimum_protocol_version: None,
        client_version: CLIENT_VERSION.to_owned(),
    };
    let response = connect.handshake(request).await.map_err(ClientError::call("Handshake"))?.into_inner();
    match response.value {
        Some(HandshakeValue::Success(_)) => Ok(()),
        None => Err(ClientError::answer("Handshake", "neither accepted nor refused")),
    }
}

async fn static_parameters(
    connect: &mut SequencerConnectServiceClient<Channel>,
) -> Result<StaticSynchronizerParameters, ClientError> {
    const CALL: &str = "GetSynchronizerParameters";
    let response = connect
        .get_synchronizer_parameters(GetSynchronizerParametersRequest {})
        .await
        .map_err(ClientError::call(CALL))?
        .into_inner();
    let Some(Parameters::ParametersV1(proto)) = response.parameters else {
        return Err(ClientError::answer(CALL, "there are none"));
    };
    StaticSynchronizerParameters::from_proto(proto).map_err(|error| ClientError::answer(CALL, error))
}
