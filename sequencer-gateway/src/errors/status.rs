//! Canton's errors as statuses of calls (ch. 01 §1.9): the status that the code makes, with the node and the call added.

use bytes::Bytes;
use prost::{Message, Name};
use synod_proto::google::rpc::error_info::Entry;
use synod_proto::google::rpc::{ErrorInfo, RequestInfo, RetryInfo, Status as RpcStatus};
use tonic::{Code, Status};

use super::TraceId;

/// Stands in the text of an error where a call has no trace.
const NO_CORRELATION: &str = ",0): ";
/// Stand in a redacted text where a call has no trace.
const NO_IDS: [&str; 2] = ["<no-correlation-id>", "<no-tid>"];

/// What a call adds to an error: who was called, and the trace of the caller.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    node: std::sync::Arc<str>,
    trace: Option<TraceId>,
}

impl CallContext {
    /// A call of the node `node`.
    pub(crate) const fn new(node: std::sync::Arc<str>, trace: Option<TraceId>) -> Self {
        Self { node, trace }
    }

    /// The status of the call for an error: an encoded `google.rpc.Status` as [`synod_wire::status`] makes it.
    pub(crate) fn status(&self, error: &Bytes) -> Status {
        match RpcStatus::decode(error.clone()) {
            Ok(rpc) => self.of_rpc(rpc),
            Err(_) => Status::internal("the error could not be encoded"),
        }
    }

    /// The status of the call for an error that is none of the sequencer's own.
    pub(crate) fn of_rpc(&self, mut rpc: RpcStatus) -> Status {
        if let Some(trace) = &self.trace {
            let correlation = format!(",{}): ", trace.correlation());
            rpc.message = rpc.message.replacen(NO_CORRELATION, &correlation, 1);
            if rpc.details.is_empty() {
                rpc.message = NO_IDS.iter().fold(rpc.message, |text, id| text.replace(id, trace.as_str()));
            }
        }
        for detail in rpc.details.iter_mut().filter(|detail| detail.type_url == ErrorInfo::type_url()) {
            if let Ok(mut info) = ErrorInfo::decode(&*detail.value) {
                info.metadata.push(entry("sequencer", &self.node));
                info.metadata.extend(self.trace.as_ref().map(|trace| entry("tid", trace.as_str())));
                *detail = any(&info);
            }
        }
        rpc.details.extend(
            self.trace
                .as_ref()
                .map(|trace| any(&RequestInfo { request_id: trace.as_str().to_owned(), serving_data: String::new() })),
        );
        Status::with_details(Code::from(rpc.code), rpc.message.clone(), rpc.encode_to_vec().into())
    }
}

/// An error of a code that is not one of submissions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherCode {
    id: &'static str,
    category: u8,
    code: Code,
    retry_seconds: Option<i64>,
}

/// `PROTO_DESERIALIZATION_FAILURE`: a message that is not what it should be.
pub(crate) const PROTO_DESERIALIZATION_FAILURE: OtherCode =
    OtherCode { id: "PROTO_DESERIALIZATION_FAILURE", category: 8, code: Code::InvalidArgument, retry_seconds: None };
/// `SERVER_OVERLOADED`: too many calls of a method at once.
pub(crate) const SERVER_OVERLOADED: OtherCode =
    OtherCode { id: "SERVER_OVERLOADED", category: 2, code: Code::Aborted, retry_seconds: Some(5) };
/// `SEQUENCER_TOMBSTONE_ENCOUNTERED`: an event from before this sequencer had a key to sign with.
pub(crate) const TOMBSTONE_ENCOUNTERED: OtherCode = OtherCode {
    id: "SEQUENCER_TOMBSTONE_ENCOUNTERED",
    category: 9,
    code: Code::FailedPrecondition,
    retry_seconds: None,
};

impl OtherCode {
    /// The status with this cause, before a call adds to it.
    pub(crate) fn rpc_status(self, cause: &str) -> RpcStatus {
        let metadata = vec![entry("category", &self.category.to_string())];
        let info = any(&ErrorInfo { reason: self.id.to_owned(), domain: String::new(), metadata });
        let retry = self
            .retry_seconds
            .map(|seconds| any(&RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) }));
        RpcStatus {
            code: self.code.into(),
            message: format!("{}({}{NO_CORRELATION}{cause}", self.id, self.category),
            details: [info].into_iter().chain(retry).collect(),
        }
    }
}

fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.to_owned(), value: value.to_owned() }
}

fn any<M: Message + Name>(message: &M) -> prost_types::Any {
    prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests {
    use synod_wire::status;

    use super::*;

    const TRACE: &str = "d98728d4375b82a9ae1b47d5cc46ce95";

    fn call(is_traced: bool) -> CallContext {
        let mut headers = tonic::metadata::MetadataMap::new();
        headers.insert("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").parse().expect("ASCII"));
        CallContext::new("sequencer1".into(), TraceId::of_headers(&headers).filter(|_| is_traced))
    }

    fn metadata(status: &Status) -> Vec<(String, String)> {
        let rpc = RpcStatus::decode(status.details()).expect("google.rpc.Status");
        let info = ErrorInfo::decode(&*rpc.details[0].value).expect("ErrorInfo first");
        info.metadata.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    /// As recorded: case `two mediator groups` of the edges.
    #[test]
    fn a_refusal_without_trace() {
        let status = call(false).status(&status::submission_request_refused("cause"));
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): cause");
        let mut metadata = metadata(&status);
        metadata.sort();
        let expected = [
            ("category", "9"),
            ("definite_answer", "true"),
            ("message1", "cause"),
            ("outer", "SubmissionRequestRefused"),
            ("sequencer", "sequencer1"),
        ];
        assert_eq!(metadata, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_refusal_with_trace_names_it() {
        let status = call(true).status(&status::submission_request_refused("cause"));
        assert_eq!(status.message(), "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,d98728d4): cause");
        assert!(metadata(&status).contains(&("tid".to_owned(), TRACE.to_owned())));
        let rpc = RpcStatus::decode(status.details()).expect("google.rpc.Status");
        let request = RequestInfo::decode(&*rpc.details[1].value).expect("RequestInfo last");
        assert_eq!(request.request_id, TRACE);
    }

    #[test]
    fn a_redacted_error_tells_only_the_trace() {
        let text = |status: Status| status.message().to_owned();
        let redacted = "An error occurred. Please contact the operator and inquire about the request";
        assert_eq!(
            text(call(false).status(&status::internal())),
            format!("{redacted} <no-correlation-id> with tid <no-tid>")
        );
        assert_eq!(text(call(true).status(&status::internal())), format!("{redacted} {TRACE} with tid {TRACE}"));
    }

    #[test]
    fn other_codes_have_the_same_shape() {
        let status = call(false).of_rpc(SERVER_OVERLOADED.rpc_status("busy"));
        assert_eq!((status.code(), status.message()), (Code::Aborted, "SERVER_OVERLOADED(2,0): busy"));
        let rpc = RpcStatus::decode(status.details()).expect("google.rpc.Status");
        let retry = RetryInfo::decode(&*rpc.details[1].value).expect("RetryInfo second");
        assert_eq!(retry.retry_delay.map(|delay| delay.seconds), Some(5));
    }

    #[test]
    fn a_status_fits_into_the_metadata() {
        let long = "\u{e4}".repeat(20_000);
        let status = call(true).status(&status::submission_request_refused(&long));
        assert!(status.details().len() < 4096 + 256, "{}", status.details().len());
        assert!(status.message().len() < 1200);
    }
}
