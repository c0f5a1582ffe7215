//! The connection to one node: here alone a channel is made.

use std::time::Duration;

use bytes::Bytes;
use synod_runtime::settings::Mistakes;
use synod_topology::SignedTopologyTransaction;
use synod_types::ProtocolVersion;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use super::access::Bearer;
use super::{AdminAccess, AdminCallError};

/// A channel that shows the token with each call.
pub(super) type AdminChannel = InterceptedService<Channel, Bearer>;

/// Parts of what is streamed to a node, as large as the Console's.
pub(super) const PART_BYTES: usize = 2 * 1024 * 1024;

/// How long a node may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Of every answer: a genesis may be large.
pub(super) const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The administration API of one node.
#[derive(Debug, Clone)]
pub(crate) struct NodeAdmin {
    /// Its name in the description.
    pub(crate) name: String,
    channel: AdminChannel,
    pub(super) version: ProtocolVersion,
}

impl NodeAdmin {
    /// Connects, with what is to be shown to the node.
    pub(crate) async fn connect(
        name: &str,
        url: &str,
        access: &AdminAccess,
        version: ProtocolVersion,
    ) -> Result<Self, AdminCallError> {
        let mut mistakes = Mistakes::default();
        let credentials = access.read("access", &mut mistakes);
        mistakes.into_result().map_err(|source| AdminCallError::Access { node: name.to_owned(), source })?;
        let failed = |source| AdminCallError::Connect { node: name.to_owned(), url: url.to_owned(), source };
        let mut endpoint = Endpoint::new(url.to_owned()).map_err(failed)?.connect_timeout(CONNECT_TIMEOUT);
        if url.starts_with("https://") {
            endpoint = endpoint.tls_config(credentials.tls()).map_err(failed)?;
        }
        let channel = endpoint.connect().await.map_err(failed)?;
        let channel = InterceptedService::new(channel, credentials.bearer());
        Ok(Self { name: name.to_owned(), channel, version })
    }

    /// What clients of the services are made of.
    pub(super) fn channel(&self) -> AdminChannel {
        self.channel.clone()
    }

    /// What a call that the node refused ends with.
    pub(super) fn refused(&self, call: &'static str) -> impl FnOnce(Status) -> AdminCallError {
        let node = self.name.clone();
        move |status| AdminCallError::Call { node, call, status: Box::new(status) }
    }

    /// A transaction in an answer.
    pub(super) fn parse(
        &self,
        call: &'static str,
        versioned: &Bytes,
    ) -> Result<SignedTopologyTransaction, AdminCallError> {
        SignedTopologyTransaction::parse(versioned, self.version).map_err(|source| AdminCallError::Answer {
            node: self.name.clone(),
            call,
            source,
        })
    }
}
