//! Why bytes are not the topology message that they were taken for.

use synod_crypto::{InvalidEnumValue, InvalidHash, InvalidKey, InvalidSignature};
use synod_types::{InvalidIdentifier, TimestampOutOfRange};
use synod_wire::ParseError;
use thiserror::Error;

/// A message that Canton's topology parsers refuse. Always its author's fault, never that of this node.
///
/// One transaction that does not parse voids the whole broadcast that carries it, without a trace in the state (ch. 02
/// §4.3): a stricter or laxer parser forks the state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMessage {
    /// No protobuf, or without a version.
    #[error("malformed message")]
    Wire(#[from] ParseError),
    /// A field or list that has to be there is not.
    #[error("field `{field}` is not set")]
    FieldNotSet {
        /// Name of the field.
        field: &'static str,
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
    /// An enum field is unset or unknown.
    #[error("an enum field is not valid")]
    EnumValue(#[from] InvalidEnumValue),
    /// A key is not valid.
    #[error("a key is not valid")]
    Key(#[from] InvalidKey),
    /// A signature is not well formed.
    #[error("a signature is not well formed")]
    Signature(#[from] InvalidSignature),
    /// A hash is not well formed.
    #[error("a hash is not well formed")]
    Hash(#[from] InvalidHash),
    /// A number is out of its range.
    #[error("field `{field}` cannot be {value}")]
    Number {
        /// Name of the field.
        field: &'static str,
        /// The number found.
        value: i64,
    },
    /// A duration is negative, zero where it may not be, or too long.
    #[error("field `{field}` is not a possible duration")]
    Duration {
        /// Name of the field.
        field: &'static str,
    },
    /// A time is out of range.
    #[error("field `{field}` is not a time")]
    Timestamp {
        /// Name of the field.
        field: &'static str,
        /// Why.
        #[source]
        source: TimestampOutOfRange,
    },
    /// Fields that are valid by themselves do not fit each other.
    #[error("{what}")]
    Invariant {
        /// What does not hold.
        what: &'static str,
    },
}

/// Names the field of an identifier that is not valid.
pub(crate) fn identifier(field: &'static str) -> impl FnOnce(InvalidIdentifier) -> InvalidMessage {
    move |source| InvalidMessage::Identifier { field, source }
}

/// An error unless `holds`.
pub(crate) fn ensure(holds: bool, what: &'static str) -> Result<(), InvalidMessage> {
    if holds { Ok(()) } else { Err(InvalidMessage::Invariant { what }) }
}
