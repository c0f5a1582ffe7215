//! Errors as statuses: `CODE(category,trace): cause`, with the code in the details (docs/errors/README.md).

use http::HeaderMap;
use prost::{Message, Name};
use synod_proto::google::rpc::error_info::Entry;
use synod_proto::google::rpc::{ErrorInfo, RequestInfo, RetryInfo, Status as RpcStatus};
use tonic::{Request, Status};

use super::ErrorCode;

/// Header with the W3C trace context: `version-trace-span-flags`.
const TRACE_PARENT: &str = "traceparent";
const TRACE_ID_DIGITS: usize = 32;
/// Digits of the trace id in the text of an error.
const CORRELATION_DIGITS: usize = 8;

/// An error of a call. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdminError {
    code: ErrorCode,
    cause: String,
    context: Vec<(&'static str, String)>,
}

/// The trace of a call, if the caller gave one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Option<String>);

impl Trace {
    /// The trace in the headers of a call.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        Self(trace_id(request.metadata().as_ref()))
    }

    /// The same, before a call has its type.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        Self(trace_id(headers))
    }
}

fn trace_id(headers: &HeaderMap) -> Option<String> {
    let trace = headers.get(TRACE_PARENT)?.to_str().ok()?.split('-').nth(1)?;
    let is_hex = trace.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_hex && trace.len() == TRACE_ID_DIGITS).then(|| trace.to_owned())
}

impl AdminError {
    /// An error with this cause.
    pub(crate) fn new(code: ErrorCode, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), context: Vec::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.push((key, value.into()));
        self
    }

    /// The status of a call with this trace.
    pub(crate) fn status(&self, trace: &Trace) -> Status {
        let code = self.code.status();
        if self.code.is_redacted() {
            tracing::warn!(code = self.code.id, cause = self.cause, context = ?self.context, "an administration call was refused");
            let (id, tid) = (trace.0.as_deref(), trace.0.as_deref());
            let (id, tid) = (id.unwrap_or("<no-correlation-id>"), tid.unwrap_or("<no-tid>"));
            let text = format!(
                "An error occurred. Please contact the operator and inquire about the request {id} with tid {tid}"
            );
            return Status::new(code, text);
        }
        let correlation = trace.0.as_ref().map_or("0", |trace| &trace[..CORRELATION_DIGITS]);
        let message = format!("{}({},{correlation}): {}", self.code.id, self.code.category, self.cause);
        let context = self.context.iter().map(|(key, value)| entry(key, value));
        let tid = trace.0.as_ref().map(|trace| entry("tid", trace));
        let metadata = [entry("category", &self.code.category.to_string())].into_iter().chain(context).chain(tid);
        let info = ErrorInfo { reason: self.code.id.to_owned(), domain: String::new(), metadata: metadata.collect() };
        let request =
            trace.0.as_ref().map(|trace| RequestInfo { request_id: trace.clone(), serving_data: String::new() });
        let retry = self
            .code
            .retry_seconds()
            .map(|seconds| any(&RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) }));
        let details = [any(&info)].into_iter().chain(retry).chain(request.as_ref().map(any)).collect();
        let rpc = RpcStatus { code: code.into(), message: message.clone(), details };
        Status::with_details(code, message, rpc.encode_to_vec().into())
    }
}

fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.to_owned(), value: value.to_owned() }
}

fn any<M: Message + Name>(message: &M) -> prost_types::Any {
    prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
}
