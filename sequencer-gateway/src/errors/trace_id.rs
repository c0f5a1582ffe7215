//! The trace of a call, by which clients and operators talk about an error.

use tonic::metadata::MetadataMap;

/// Header with the W3C trace context.
const TRACE_PARENT: &str = "traceparent";
const TRACE_ID_DIGITS: usize = 32;
/// Digits of the trace id in the text of an error (`ErrorCodeMsg.codeStr`).
const CORRELATION_DIGITS: usize = 8;

/// 32 hexadecimal digits that name the trace of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceId(String);

impl TraceId {
    /// The trace id in the `traceparent` header, if there is a valid one: `version-trace-span-flags`.
    pub(crate) fn of_headers(headers: &MetadataMap) -> Option<Self> {
        let text = headers.get(TRACE_PARENT)?.to_str().ok()?;
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let is_hex = |digits: &str| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let is_valid = version.len() == 2
            && is_hex(version)
            && trace.len() == TRACE_ID_DIGITS
            && is_hex(trace)
            && trace.bytes().any(|digit| digit != b'0');
        is_valid.then(|| Self(trace.to_owned()))
    }

    /// All digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits that stand in the text of an error.
    pub(crate) fn correlation(&self) -> &str {
        &self.0[..CORRELATION_DIGITS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(traceparent: &str) -> MetadataMap {
        let mut headers = MetadataMap::new();
        headers.insert(TRACE_PARENT, traceparent.parse().expect("ASCII"));
        headers
    }

    #[test]
    fn the_trace_id_is_the_second_part() {
        let trace =
            TraceId::of_headers(&headers("00-4251386629975922505a6db391086587-00f067aa0ba902b7-01")).expect("valid");
        assert_eq!(trace.as_str(), "4251386629975922505a6db391086587");
        assert_eq!(trace.correlation(), "42513866");
    }

    #[test]
    fn other_headers_have_none() {
        assert_eq!(TraceId::of_headers(&MetadataMap::new()), None);
        for text in [
            "",
            "00",
            "00-42",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4251386629975922505A6db391086587-1-1",
        ] {
            assert_eq!(TraceId::of_headers(&headers(text)), None, "{text}");
        }
    }
}
