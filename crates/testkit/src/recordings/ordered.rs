//! The total order: rows of the table of Canton's reference ordering driver.

use std::path::Path;

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;

use crate::{DataError, fields};

/// `TracedBlockOrderingRequest` of Canton's block ordering driver: one request, or one block of requests.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TracedBlockOrderingRequest {
    /// W3C trace context; not compared.
    #[prost(string, tag = "1")]
    pub traceparent: String,
    /// `batch` for a block, `send` or `acknowledge` for a request.
    #[prost(string, tag = "2")]
    pub tag: String,
    /// The block (`TracedBatchedBlockOrderingRequests`), or the request (versioned `SignedContent`).
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
    /// The sequencer that took the request in: member, `SEQ::…`.
    #[prost(string, tag = "4")]
    pub ordering_sequencer_id: String,
    /// Microseconds since the epoch: of a block its base time, of a request the time that it was given.
    #[prost(int64, tag = "5")]
    pub microseconds_since_epoch: i64,
}

/// `TracedBatchedBlockOrderingRequests` of Canton's block ordering driver: the requests of a block.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TracedBatchedBlockOrderingRequests {
    /// W3C trace context; not compared.
    #[prost(string, tag = "1")]
    pub traceparent: String,
    /// The requests in their order; none in an empty block.
    #[prost(message, repeated, tag = "2")]
    pub requests: Vec<TracedBlockOrderingRequest>,
    /// Ignored by the driver.
    #[prost(int64, tag = "3")]
    pub last_topology_timestamp_epoch_micros: i64,
}

/// One request of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `send` or `acknowledge`.
    pub tag: String,
    /// Versioned `SignedContent`.
    pub body: Bytes,
    /// The sequencer that took it in: member, `SEQ::…`.
    pub sequencer: String,
    /// Time of the request, microseconds since the epoch; may be a little before the block's base time.
    pub time_us: i64,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedRow {
    /// The height, from 0.
    pub height: u64,
    /// Base time of the block, microseconds since the epoch.
    pub base_time_us: i64,
    /// The requests in their order.
    pub requests: Vec<Request>,
}

pub(super) fn decode(path: &Path, lines: &[Value]) -> Result<Vec<OrderedRow>, DataError> {
    let mut rows = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let format = |reason| DataError::Format { path: path.to_owned(), line: index + 1, reason };
        rows.push(decode_row(line).map_err(format)?);
    }
    rows.sort_by_key(|row| row.height);
    for (row, expected) in rows.iter().zip(0..) {
        if row.height != expected {
            let reason = format!("block {expected} is missing or there twice");
            return Err(DataError::Format { path: path.to_owned(), line: 0, reason });
        }
    }
    Ok(rows)
}

fn decode_row(line: &Value) -> Result<OrderedRow, String> {
    let height = u64::try_from(fields::integer(line, "id")?).map_err(|_| "negative height".to_owned())?;
    let block = TracedBlockOrderingRequest::decode(fields::bytes(line, "request")?).map_err(|e| e.to_string())?;
    if block.tag != "batch" {
        return Err(format!("block {height} has the tag {:?}", block.tag));
    }
    let batch = TracedBatchedBlockOrderingRequests::decode(block.body).map_err(|error| error.to_string())?;
    let request = |request: TracedBlockOrderingRequest| Request {
        tag: request.tag,
        body: request.body,
        sequencer: request.ordering_sequencer_id,
        time_us: request.microseconds_since_epoch,
    };
    Ok(OrderedRow {
        height,
        base_time_us: block.microseconds_since_epoch,
        requests: batch.requests.into_iter().map(request).collect(),
    })
}
