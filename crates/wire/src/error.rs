//! Why bytes are not the message that they were taken for.

use synod_crypto::InvalidSignature;
use synod_types::{InvalidIdentifier, TimestampOutOfRange};
use thiserror::Error;

/// Bytes that Canton's parsers refuse. Always their author's fault, never that of this node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// They are no protobuf.
    #[error("malformed protobuf")]
    Proto(#[from] ProtoFault),
    /// They are no gzip, or decompress to more than allowed.
    #[error("malformed compressed bytes")]
    Gzip(#[from] GzipFault),
    /// A field or list that has to be there is not.
    #[error("field `{field}` is not set")]
    FieldNotSet {
        /// Name of the field.
        field: &'static str,
    },
    /// The message is of another version than the protocol version of the synchronizer has.
    #[error("{message} has version {found}, this synchronizer has version {expected}")]
    Version {
        /// Name of the message.
        message: &'static str,
        /// Version of the protocol version.
        expected: i32,
        /// Version that the bytes were read as.
        found: i32,
    },
    /// A text is not the identifier that it should be.
    #[error("field `{field}` is not valid")]
    Identifier {
        /// Name of the field.
        field: &'static str,
        /// Why.
        #[source]
        source: InvalidIdentifier,
    },
    /// A number is no time.
    #[error("field `{field}` is not a time")]
    Timestamp {
        /// Name of the field.
        field: &'static str,
        /// Why.
        #[source]
        source: TimestampOutOfRange,
    },
    /// A signature is not well formed.
    #[error("malformed signature")]
    Signature(#[from] InvalidSignature),
    /// A number is below what is allowed.
    #[error("field `{field}` must be at least {at_least}, not {value}")]
    TooSmall {
        /// Name of the field.
        field: &'static str,
        /// Smallest number allowed.
        at_least: i64,
        /// The number found.
        value: i64,
    },
    /// A number that is no compression algorithm.
    #[error("unknown compression algorithm {number}")]
    Compression {
        /// The number found.
        number: i32,
    },
    /// A batch does not have as many recipients as envelopes.
    #[error("a batch of {envelopes} envelopes has recipients for {recipients}")]
    EnvelopeCount {
        /// How many recipients it has.
        recipients: usize,
        /// How many envelopes it has.
        envelopes: usize,
    },
    /// An aggregation rule that is none of the forms of the protocol version.
    #[error("the members of the aggregation rule are neither members alone nor a single group")]
    AggregationRule,
    /// An event that is neither a delivery nor an error, or both.
    #[error("an event needs either a batch or an error")]
    EventKind,
    /// An error that has a topology timestamp.
    #[error("an error cannot have a topology timestamp")]
    TopologyTimestampOfError,
    /// The batch has no envelope of this number.
    #[error("there is no envelope {index}")]
    NoEnvelope {
        /// The number, from 0.
        index: usize,
    },
}

/// How bytes fail to be protobuf (`InvalidProtocolBufferException`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProtoFault {
    /// A field is longer than what is left.
    #[error("a field ends after the end of its message")]
    Truncated,
    /// A number of more than ten bytes.
    #[error("a number has too many bytes")]
    Varint,
    /// A field with number 0.
    #[error("a field has the number 0")]
    Tag,
    /// A field of a wire type that does not exist.
    #[error("a field has an unknown wire type")]
    WireType,
    /// A field with a length above 2³¹ − 1.
    #[error("a field has a negative length")]
    NegativeLength,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A group that does not end, or ends as another one.
    #[error("a group does not end as it begins")]
    EndGroup,
    /// Groups in more than a hundred groups.
    #[error("groups nest too deep")]
    GroupDepth,
    /// A message that only the general decoder reads does not decode.
    #[error("a message does not decode")]
    Message,
}

/// How bytes fail to be one gzip member within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GzipFault {
    /// They do not begin as gzip does, or use what gzip does not define.
    #[error("not in the gzip format")]
    Header,
    /// They end too early.
    #[error("the compressed bytes end too early")]
    Truncated,
    /// The compressed data is damaged.
    #[error("the compressed bytes are damaged")]
    Damaged,
    /// Checksum or size at the end are not those of the data.
    #[error("the checksum or the size is wrong")]
    Checksum,
    /// They decompress to more than the limit.
    #[error("more than {limit} bytes after decompression")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Names the field of an identifier that is not valid.
pub(crate) fn identifier(field: &'static str) -> impl FnOnce(InvalidIdentifier) -> ParseError {
    move |source| ParseError::Identifier { field, source }
}

/// A time in microseconds.
pub(crate) fn timestamp(field: &'static str, micros: i64) -> Result<synod_types::CantonTimestamp, ParseError> {
    synod_types::CantonTimestamp::from_micros(micros).map_err(|source| ParseError::Timestamp { field, source })
}

/// A number that is at least `at_least`.
pub(crate) fn at_least(field: &'static str, at_least: i64, value: i64) -> Result<i64, ParseError> {
    if value < at_least { Err(ParseError::TooSmall { field, at_least, value }) } else { Ok(value) }
}
