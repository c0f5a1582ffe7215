//! What all calls share: a limit, and the headers that name the member.

use std::future::Future;
use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Response, Status};

use crate::ClientError;

/// Longest wait for the answer to one call (chapter 01 §1.6: the deadline of Canton's clients).
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(120);

/// Name of the token, in requests and where a sequencer sends back one that it does not know (chapter 01 §1.7 and §1.8).
pub(crate) const TOKEN_HEADER: &str = "authtoken-bin";
const MEMBER_HEADER: &str = "memberid";
const SYNCHRONIZER_HEADER: &str = "synchronizerid";
const AUTH_ERROR_TRAILER: &str = "autherrorcode";

/// The answer to a call, within the limit.
pub(crate) async fn answer<R>(
    call: &'static str,
    answering: impl Future<Output = Result<Response<R>, Status>>,
) -> Result<R, ClientError> {
    within(call, CALL_LIMIT, async { answering.await.map_err(ClientError::call(call)) }).await.map(Response::into_inner)
}

/// What comes of `waiting`, within the limit.
pub(crate) async fn within<R>(
    what: &'static str,
    limit: Duration,
    waiting: impl Future<Output = Result<R, ClientError>>,
) -> Result<R, ClientError> {
    tokio::time::timeout(limit, waiting).await.unwrap_or(Err(ClientError::Timeout { what, limit }))
}

pub(crate) fn name_member<M>(request: &mut Request<M>, member: &str) -> Result<(), ClientError> {
    request.metadata_mut().insert(MEMBER_HEADER, ascii(member)?);
    Ok(())
}

pub(crate) fn name_synchronizer<M>(request: &mut Request<M>, synchronizer: &str) -> Result<(), ClientError> {
    request.metadata_mut().insert(SYNCHRONIZER_HEADER, ascii(synchronizer)?);
    Ok(())
}

/// Identifiers are ASCII; those of others are not ours to send.
fn ascii(text: &str) -> Result<AsciiMetadataValue, ClientError> {
    AsciiMetadataValue::try_from(text).map_err(|_| ClientError::Header(text.to_owned()))
}

/// The token that a sequencer refused, which it sends back (chapter 01 §1.8). Whoever gets none back keeps its token.
pub(crate) fn refused_token(status: &Status) -> Option<bytes::Bytes> {
    if status.code() != Code::Unauthenticated {
        return None;
    }
    status.metadata().get_bin(TOKEN_HEADER)?.to_bytes().ok()
}

/// Whether the sequencer does not know the token, so that another login helps (chapter 01 §1.10).
pub(crate) fn is_token_missing(status: &Status) -> bool {
    let reason = status.metadata().get(AUTH_ERROR_TRAILER).and_then(|value| value.to_str().ok());
    status.code() == Code::Unauthenticated && reason == Some("MissingToken")
}
