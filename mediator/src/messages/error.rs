//! Why bytes are not the message of the mediator that they were taken for.

use synod_crypto::{InvalidHash, InvalidSignature};
use synod_types::{InvalidIdentifier, TimestampOutOfRange};
use synod_wire::ParseError;
use thiserror::Error;

/// Bytes that Canton's parsers refuse. Always their author's fault, never that of this node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMessage {
    /// What all messages have in common is wrong.
    #[error("malformed message")]
    Parse(#[from] ParseError),
    /// A hash is none.
    #[error("field `{field}` is not a hash")]
    Hash {
        /// Name of the field.
        field: &'static str,
        /// Why.
        #[source]
        source: InvalidHash,
    },
    /// A signature is not well formed.
    #[error("malformed signature")]
    Signature(#[from] InvalidSignature),
    /// A text of the ledger is empty, too long, or has other characters than allowed.
    #[error("field `{field}` is not valid")]
    LedgerString {
        /// Name of the field.
        field: &'static str,
    },
    /// A text is not a UUID.
    #[error("the uuid of the request is not valid")]
    Uuid,
    /// A number that stands for nothing.
    #[error("field `{field}` has the unknown number {number}")]
    UnknownNumber {
        /// Name of the field.
        field: &'static str,
        /// The number found.
        number: i32,
    },
    /// A salt is not of 32 bytes.
    #[error("a salt has 32 bytes, not {length}")]
    SaltLength {
        /// The length found.
        length: usize,
    },
    /// A deduplication period that Canton cannot represent.
    #[error("the deduplication period is not valid")]
    DeduplicationPeriod,
    /// A confirming party is none of the informees.
    #[error("there is no informee {index} among {informees}")]
    InformeeIndex {
        /// The number found, from 0.
        index: i32,
        /// How many informees there are.
        informees: usize,
    },
    /// A node of a Merkle tree is neither blinded nor unblinded.
    #[error("the node `{field}` is neither blinded nor unblinded")]
    NodeNotSet {
        /// Name of the node.
        field: &'static str,
    },
    /// A node of a Merkle tree is blinded which a mediator has to see.
    #[error("the node `{field}` is blinded")]
    Blinded {
        /// Name of the node.
        field: &'static str,
    },
    /// A node of a Merkle tree is unblinded which a mediator may not see.
    #[error("the node `{field}` is unblinded")]
    Unblinded {
        /// Name of the node.
        field: &'static str,
    },
    /// A part of a Merkle sequence is neither a branch nor a single element.
    #[error("a part of a sequence is neither a branch nor an element")]
    SequenceElement,
    /// A Merkle tree has the same hash twice.
    #[error("a hash stands twice in the tree")]
    HashTwice,
    /// A view and one directly below it have equal common data.
    #[error("a view has the common data of the view above it")]
    EqualCommonData,
    /// A signatory of a reassignment is none of the stakeholders.
    #[error("a signatory is no stakeholder")]
    SignatoryNoStakeholder,
    /// A malformed verdict names parties, or another one names none or no view.
    #[error("parties and view of the response do not go with its verdict")]
    ResponseShape,
    /// An approval or a success where there has to be a rejection.
    #[error("a rejection must not say that all is well")]
    NotARejection,
}

/// The field has to be there and is not.
pub(super) fn not_set(field: &'static str) -> InvalidMessage {
    ParseError::FieldNotSet { field }.into()
}

/// Names the field of an identifier that is not valid.
pub(super) fn identifier(field: &'static str) -> impl FnOnce(InvalidIdentifier) -> InvalidMessage {
    move |source| ParseError::Identifier { field, source }.into()
}

/// Names the field of a time that is not valid.
pub(super) fn timestamp(field: &'static str) -> impl FnOnce(TimestampOutOfRange) -> InvalidMessage {
    move |source| ParseError::Timestamp { field, source }.into()
}

/// Names the field of a hash that is not valid.
pub(super) fn hash(field: &'static str) -> impl FnOnce(InvalidHash) -> InvalidMessage {
    move |source| InvalidMessage::Hash { field, source }
}
