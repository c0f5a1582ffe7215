//! The gRPC messages of a connection, grouped by call.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::{DataError, fields};

/// Metadata in the order of the wire; the values of binary keys (`…-bin`) are decoded, those of others are their text.
pub type Metadata = Vec<(String, Bytes)>;

/// One message of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When the relay saw it, microseconds since the epoch.
    pub time_us: i64,
    /// The protobuf message; `None` where the recording left it out because of its size.
    pub bytes: Option<Bytes>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When, microseconds since the epoch.
    pub time_us: i64,
    /// gRPC status by name (`OK`, `FAILED_PRECONDITION`, …), or `CLIENT_CANCELLED`.
    pub status: String,
    /// The status message; empty when there was none.
    pub details: String,
    /// Trailing metadata.
    pub trailers: Metadata,
    /// Initial metadata of the answer.
    pub initial: Metadata,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Number of the call in its file.
    pub rpc: i64,
    /// The relay's name of the connection.
    pub via: String,
    /// Full path, such as `/com.digitalasset.canton.sequencer.api.v30.SequencerService/SendAsync`.
    pub method: String,
    /// When it was opened, microseconds since the epoch.
    pub opened_us: i64,
    /// Metadata of the request.
    pub metadata: Metadata,
    /// What the client sent.
    pub requests: Vec<Message>,
    /// What the server sent.
    pub responses: Vec<Message>,
    /// How it ended; `None` when it was still open at the end of the recording.
    pub end: Option<End>,
}

impl Call {
    /// The method's name without package and service: `SendAsync`.
    #[must_use]
    pub fn method_name(&self) -> &str {
        self.method.rsplit('/').next().unwrap_or_default()
    }

    /// The service's name without its package: `SequencerService`.
    #[must_use]
    pub fn service_name(&self) -> &str {
        let service = self.method.rsplit('/').nth(1).unwrap_or_default();
        service.rsplit('.').next().unwrap_or_default()
    }

    /// The first value of a key of the request's metadata, when it is a text.
    #[must_use]
    pub fn metadata_text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.metadata.iter().find(|(name, _)| name == key)?;
        std::str::from_utf8(value).ok()
    }
}

pub(super) fn group(path: &Path, lines: &[Value]) -> Result<Vec<Call>, DataError> {
    let mut calls: Vec<Call> = Vec::new();
    let mut positions: BTreeMap<i64, usize> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        let format = |reason| DataError::Format { path: path.to_owned(), line: index + 1, reason };
        let rpc = fields::integer(line, "rpc").map_err(format)?;
        if fields::text(line, "kind").map_err(format)? == "open" {
            if positions.insert(rpc, calls.len()).is_some() {
                return Err(format(format!("call {rpc} is opened twice")));
            }
            calls.push(open(rpc, line).map_err(format)?);
        } else {
            let position = positions.get(&rpc).ok_or_else(|| format(format!("call {rpc} was not opened")))?;
            add(&mut calls[*position], line).map_err(format)?;
        }
    }
    Ok(calls)
}

fn open(rpc: i64, line: &Value) -> Result<Call, String> {
    Ok(Call {
        rpc,
        via: fields::text(line, "via")?.to_owned(),
        method: fields::text(line, "method")?.to_owned(),
        opened_us: fields::integer(line, "t")?,
        metadata: metadata(line, "metadata")?,
        requests: Vec::new(),
        responses: Vec::new(),
        end: None,
    })
}

fn add(call: &mut Call, line: &Value) -> Result<(), String> {
    match fields::text(line, "kind")? {
        "req" => call.requests.push(message(line)?),
        "rsp" => call.responses.push(message(line)?),
        "end" => call.end = Some(end(line)?),
        other => return Err(format!("unknown kind {other:?}")),
    }
    Ok(())
}

fn message(line: &Value) -> Result<Message, String> {
    let bytes = match fields::optional_text(line, "bytes")? {
        Some(text) => Some(base64(text)?),
        None => fields::integer(line, "bytes_omitted").map(|_| None)?,
    };
    Ok(Message { time_us: fields::integer(line, "t")?, bytes })
}

fn end(line: &Value) -> Result<End, String> {
    Ok(End {
        time_us: fields::integer(line, "t")?,
        status: fields::text(line, "status")?.to_owned(),
        details: fields::optional_text(line, "details")?.unwrap_or_default().to_owned(),
        trailers: metadata(line, "trailers")?,
        initial: metadata(line, "initial")?,
    })
}

fn metadata(line: &Value, field: &str) -> Result<Metadata, String> {
    let Some(value) = fields::optional(line, field) else {
        return Ok(Metadata::new());
    };
    let pairs = value.as_array().ok_or_else(|| format!("field {field} is not a list"))?;
    pairs.iter().map(|pair| entry(pair).ok_or_else(|| format!("field {field}: unknown form {pair}"))).collect()
}

fn entry(pair: &Value) -> Option<(String, Bytes)> {
    let [key, value] = pair.as_array()?.as_slice() else {
        return None;
    };
    let value = match value.get("b64") {
        Some(text) => base64(text.as_str()?).ok()?,
        None => Bytes::copy_from_slice(value.as_str()?.as_bytes()),
    };
    Some((key.as_str()?.to_owned(), value))
}

fn base64(text: &str) -> Result<Bytes, String> {
    STANDARD.decode(text).map(Bytes::from).map_err(|error| format!("not base64 ({error})"))
}
