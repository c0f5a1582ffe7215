//! The two calls of CometBFT's RPC that a node needs, on loopback with connections that stay open.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use thiserror::Error;

/// Longest wait for an answer. CometBFT holds transactions back while a block commits.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// What CometBFT says of a transaction that it has, or had not long ago (`mempool.ErrTxInCache`).
const KNOWN: &str = "tx already exists in cache";

/// A call without an answer that can be used. Calling again is always right.
#[derive(Debug, Error)]
pub enum RpcError {
    /// No connection, or it broke.
    #[error("CometBFT cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off, or is too long.
    #[error("the answer of CometBFT cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("CometBFT did not answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// The answer is not what this call answers.
    #[error("the answer of CometBFT is not understood")]
    Answer(#[source] serde_json::Error),
    /// CometBFT refused the call, for example because its mempool is full.
    #[error("CometBFT refused the call: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// Where a transaction is after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastAnswer {
    /// In the mempool, most likely: it may have become full just then.
    Accepted,
    /// In the mempool, or in a block not long ago.
    Known,
    /// The application refused it.
    Rejected {
        /// The application's code.
        code: u32,
        /// The application's text.
        log: String,
    },
}

/// Where CometBFT stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CometStatus {
    /// Name of the chain.
    pub chain_id: String,
    /// Identity of the node on the network: 40 hexadecimal digits.
    pub node_id: String,
    /// Height of the newest block; 0 before the first.
    pub latest_height: u64,
    /// Whether it is still fetching old blocks from its peers.
    pub is_catching_up: bool,
}

/// Calls CometBFT. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct RpcClient {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: http::Uri,
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: Option<T>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    message: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct BroadcastResult {
    code: u32,
    #[serde(default)]
    log: String,
}

#[derive(Deserialize)]
struct StatusResult {
    node_info: NodeInfo,
    sync_info: SyncInfo,
}

#[derive(Deserialize)]
struct NodeInfo {
    id: String,
    network: String,
}

#[derive(Deserialize)]
struct SyncInfo {
    latest_block_height: String,
    catching_up: bool,
}

impl RpcClient {
    /// A client of the RPC at `address`. Connects with the first call.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(http::uri::Scheme::HTTP);
        parts.authority = address.to_string().parse().ok();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        // An address and a port are always an authority.
        let uri = http::Uri::from_parts(parts).unwrap_or_default();
        Self { client, uri }
    }

    /// Hands a transaction over and waits until the application has checked it (`broadcast_tx_sync`). The same bytes
    /// may be handed over any number of times.
    ///
    /// # Errors
    /// [`RpcError`]: it is not known whether the transaction is in the mempool.
    pub async fn broadcast_tx_sync(&self, transaction: &[u8]) -> Result<BroadcastAnswer, RpcError> {
        const HEAD: &str = r#"{"jsonrpc":"2.0","id":0,"method":"broadcast_tx_sync","params":{"tx":""#;
        const TAIL: &str = r#""}}"#;
        let mut body = String::with_capacity(HEAD.len() + transaction.len() / 3 * 4 + 4 + TAIL.len());
        body.push_str(HEAD);
        STANDARD.encode_string(transaction, &mut body);
        body.push_str(TAIL);
        match self.call::<BroadcastResult>(body).await {
            Ok(BroadcastResult { code: 0, .. }) => Ok(BroadcastAnswer::Accepted),
            Ok(BroadcastResult { code, log }) => Ok(BroadcastAnswer::Rejected { code, log }),
            Err(RpcError::Refused { reason }) if reason.contains(KNOWN) => Ok(BroadcastAnswer::Known),
            Err(error) => Err(error),
        }
    }

    /// Where CometBFT stands (`status`). It answers as soon as it has started, peers or not.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn status(&self) -> Result<CometStatus, RpcError> {
        let body = r#"{"jsonrpc":"2.0","id":0,"method":"status","params":{}}"#.to_owned();
        let StatusResult { node_info, sync_info } = self.call(body).await?;
        Ok(CometStatus {
            chain_id: node_info.network,
            node_id: node_info.id,
            latest_height: sync_info.latest_block_height.parse().unwrap_or(0),
            is_catching_up: sync_info.catching_up,
        })
    }

    async fn call<T: for<'a> Deserialize<'a>>(&self, body: String) -> Result<T, RpcError> {
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.post(body)).await.map_err(|_| RpcError::Timeout)??;
        let envelope: Envelope<T> = serde_json::from_slice(&answer).map_err(RpcError::Answer)?;
        match envelope {
            Envelope { error: Some(error), .. } => {
                Err(RpcError::Refused { reason: format!("{} {}", error.message, error.data) })
            }
            Envelope { result: Some(result), .. } => Ok(result),
            Envelope { result: None, error: None } => {
                Err(RpcError::Answer(serde::de::Error::custom("neither a result nor an error")))
            }
        }
    }

    async fn post(&self, body: String) -> Result<Bytes, RpcError> {
        let mut request = http::Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        let response = self.client.request(request).await.map_err(RpcError::Unreachable)?;
        // Errors come with another HTTP status; what counts is in the body.
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(RpcError::Body)?;
        Ok(body.to_bytes())
    }
}

#[cfg(test)]
pub(super) mod tests;
